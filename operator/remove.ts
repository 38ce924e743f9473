import { type Client, type Clock, isNotFound, type Log } from "../kube/index.ts";
import type { Installation } from "./installation.ts";
import type { OperatorMetrics } from "./metrics.ts";
import { fieldManager } from "./names.ts";
import { deleteAll, type Survey, survey } from "./remains.ts";
import { nextRemovalStep, type Remains } from "./removal.ts";
import { meshInstallations } from "./watches.ts";

export type Removal =
  | { readonly state: "finished" }
  | { readonly state: "blocked" | "removing"; readonly message: string; readonly againMs: number };

/** Takes an installation down, one step a call; what is left is read from the API server each time. */
export interface Remover {
  step(installation: Installation, others: readonly Installation[], signal: AbortSignal): Promise<Removal>;
  /** Lets the MeshInstallation go. */
  finish(installation: Installation, signal: AbortSignal): Promise<void>;
}

const blockedAgainMs = 5_000;
/** At once, but for others' turn. */
const nextStepMs = 10;
const namedPods = 5;

export function createRemover(options: {
  client: Client;
  operatorNamespace: string;
  clock: Clock;
  log: Log;
  metrics: OperatorMetrics;
}): Remover {
  const { client, operatorNamespace, clock, log, metrics } = options;
  /** When the webhook configurations were last seen, by installation. A restart waits anew. */
  const webhooksSeen = new Map<string, number>();

  const finish = async ({ uid, name }: Installation, signal: AbortSignal) => {
    webhooksSeen.delete(uid);
    // The field that this manager had alone goes when it applies the object without it.
    const object = {
      apiVersion: "mesh.weft.dev/v1alpha1",
      kind: "MeshInstallation",
      metadata: { name, uid },
    };
    await client.apply(meshInstallations, object, { fieldManager, signal }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  };

  return {
    finish,
    async step(installation, others, signal) {
      const { uid, name, isForced } = installation;
      const found = await survey({ client, installation, others, operatorNamespace, signal });
      metrics.blockedBy(name, isForced ? 0 : found.injectedPods.length);
      const now = clock.monotonic();
      if (found.webhooks.length > 0 || !webhooksSeen.has(uid)) webhooksSeen.set(uid, now);
      const step = nextRemovalStep(remainsOf(found, isForced, now - (webhooksSeen.get(uid) ?? now)));
      log.info("removal", { installation: name, step: step.do });
      const going = (message: string, againMs = nextStepMs) => ({
        state: "removing" as const,
        message,
        againMs,
      });
      switch (step.do) {
        case "wait-for-workloads":
          return {
            state: "blocked",
            message: blockedMessage(found.injectedPods, installation),
            againMs: blockedAgainMs,
          };
        case "wait":
          return going(`waiting for ${step.for}`, step.ms);
        case "delete-webhooks":
          await deleteAll(client, found.webhooks, signal);
          return going("webhook configurations are deleted");
        case "delete-control-plane":
          await deleteAll(client, found.controlPlane, signal);
          return going("the control plane is deleted");
        case "delete-compiled":
          await deleteAll(client, found.compiled, signal);
          return going("compiled configuration is deleted");
        case "delete-access":
          await deleteAll(client, found.access, signal);
          return going("accounts and roles are deleted");
        case "delete-authority":
          await deleteAll(client, found.authority, signal);
          return going("the authority's Secrets are deleted");
        case "finish":
          await finish(installation, signal);
          return { state: "finished" };
      }
    },
  };
}

function remainsOf(found: Survey, isForced: boolean, sinceWebhooksMs: number): Remains {
  return {
    injected: found.injectedPods.length,
    isForced,
    webhooks: found.webhooks.length > 0,
    sinceWebhooksMs,
    controlPlane: found.controlPlane.length > 0,
    controlPods: found.controlPods.length,
    compiled: found.compiled.length > 0,
    access: found.access.length > 0,
    authority: found.authority.length > 0,
  };
}

function blockedMessage(pods: readonly string[], { revision, name }: Installation): string {
  const named = pods.slice(0, namedPods).join(", ");
  const more = pods.length > namedPods ? ` and ${pods.length - namedPods} more` : "";
  return (
    `${pods.length} running pods have a sidecar of revision ${revision}: ${named}${more}; the mesh goes on serving them. ` +
    "Take the injection label off their namespaces and restart them, or give up their certificates and configuration " +
    `with: kubectl annotate meshinstallation ${name} mesh.weft.dev/force-delete=true`
  );
}
