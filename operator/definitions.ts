import {
  allKinds,
  type CustomResourceDefinition,
  customResourceDefinitions,
  meshKinds,
} from "../crds/index.ts";
import { type Client, isNotFound, type KubeObject, type Log, resources } from "../kube/index.ts";
import { findDifference } from "./difference.ts";
import { appliedAnnotation, fieldManager, labels } from "./names.ts";
import { stamped } from "./operands/operand.ts";

/** A CustomResourceDefinition as the operator wants it, and whether it may replace one of another's. */
export interface WantedDefinition {
  readonly object: KubeObject;
  /** Of `mesh.weft.dev`. Istio's kinds may be there from an Istio: then they are used as they are. */
  readonly isOurs: boolean;
}

/** The definitions that this version brings, stamped like every operand. Computed once: they are megabytes. */
export function wantedDefinitions(): WantedDefinition[] {
  const ours = new Set(meshKinds.map(({ group }) => group));
  return customResourceDefinitions(allKinds).map((definition) => ({
    object: stamped(toObject(definition)),
    isOurs: ours.has(definition.spec.group),
  }));
}

function toObject(definition: CustomResourceDefinition): KubeObject {
  const { labels: own, annotations, name } = definition.metadata;
  return {
    ...definition,
    metadata: { name, annotations: { ...annotations }, labels: { ...own, [labels.managedBy]: fieldManager } },
  };
}

/** What has to be done about one definition. */
export type DefinitionDecision = "none" | "apply" | "correct" | "leave";

/**
 * Ours are applied and kept; Istio's are applied where there are none, kept where the operator made them, and left
 * alone otherwise.
 */
export function decideDefinition(wanted: WantedDefinition, live: KubeObject | undefined): DefinitionDecision {
  if (live === undefined) return "apply";
  const isManaged = live.metadata.labels?.[labels.managedBy] === fieldManager;
  if (!wanted.isOurs && !isManaged) return "leave";
  const applied = live.metadata.annotations?.[appliedAnnotation];
  if (applied !== wanted.object.metadata.annotations?.[appliedAnnotation]) return "apply";
  return findDifference(wanted.object.spec, live.spec) === undefined ? "none" : "correct";
}

export interface DefinitionsOutcome {
  /** Names of definitions that were changed behind the operator's back. */
  readonly corrected: readonly string[];
  /** Names of those that the API server does not serve yet. */
  readonly pending: readonly string[];
}

/** Applies what is missing or changed, and says which are not established yet. */
export async function ensureDefinitions(options: {
  client: Client;
  wanted: readonly WantedDefinition[];
  log: Log;
  signal: AbortSignal;
}): Promise<DefinitionsOutcome> {
  const { client, wanted, log, signal } = options;
  const resource = resources.customResourceDefinitions;
  const corrected: string[] = [];
  const pending: string[] = [];
  for (const definition of wanted) {
    const { name } = definition.object.metadata;
    let live = await client.get(resource, { name, signal }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    const decision = decideDefinition(definition, live);
    if (decision === "apply" || decision === "correct") {
      log.info("definition applied", { name, because: decision });
      live = await client.apply(resource, definition.object, { fieldManager, signal });
    }
    if (decision === "correct") corrected.push(name);
    if (live !== undefined && !isEstablished(live)) pending.push(name);
  }
  return { corrected, pending };
}

/** Whether the API server serves the kind. */
export function isEstablished(definition: KubeObject): boolean {
  const status = definition.status as { conditions?: { type?: string; status?: string }[] } | undefined;
  return status?.conditions?.some(({ type, status }) => type === "Established" && status === "True") === true;
}
