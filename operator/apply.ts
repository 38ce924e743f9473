import {
  ApiError,
  type Client,
  isInvalid,
  isNotFound,
  type KubeObject,
  keyOf,
  type Log,
  type Resource,
  TransientError,
} from "../kube/index.ts";
import { type Decision, decide } from "./decide.ts";
import { type Difference, describe } from "./difference.ts";
import { fieldManager } from "./names.ts";
import type { Operand } from "./operands/operand.ts";

/** Something was changed or removed behind the operator's back and is as it should be again. */
export interface Correction {
  readonly kind: string;
  readonly name: string;
  readonly difference: Difference | "deleted";
}

/** An object of an operand's name is somebody else's. It is looked at again: they may take it away. */
export class NameTakenError extends TransientError {
  constructor(message: string) {
    super(message, { retryAfterMs: 15_000 });
  }
}

export interface Applier {
  /**
   * Makes one operand as wanted: nothing when the cache says it is, else a fresh read, a decision and an apply.
   * Returns what was corrected. Throws NameTakenError when the object is somebody else's.
   */
  ensure(operand: Operand, owners: Owners, signal: AbortSignal): Promise<Correction | undefined>;
  /** Forgets what it knows of an installation's objects: they are gone for good. */
  forget(uid: string): void;
}

export interface Owners {
  /** Of the MeshInstallation that the operand belongs to. */
  readonly uid: string;
  /** Of the other MeshInstallations there are. */
  readonly others: ReadonlySet<string>;
  /** The installation was complete before this process began. */
  readonly wasComplete: boolean;
}

/** Applies operands, sparing the API server what the informers' caches already answer. */
export function createApplier(options: {
  client: Client;
  cached: (resource: Resource, key: string) => KubeObject | undefined;
  log: Log;
  onApplied?: (kind: string) => void;
}): Applier {
  const { client, cached, log, onApplied = () => {} } = options;
  /** Per installation, the objects that were there once. */
  const seen = new Map<string, Set<string>>();

  const read = async ({ resource, object }: Operand, signal: AbortSignal) => {
    const { name, namespace } = object.metadata;
    return client.get(resource, { name, namespace, signal }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
  };
  const write = async (operand: Operand, signal: AbortSignal) => {
    const { resource, object } = operand;
    onApplied(resource.kind);
    try {
      return await client.apply(resource, object, { fieldManager, signal });
    } catch (error) {
      // A binding's role cannot be changed: one that names another role has to go first.
      if (!isImmutable(error) || !resource.plural.endsWith("rolebindings")) throw error;
      const { name, namespace } = object.metadata;
      await client.delete(resource, { name, namespace, signal });
      return client.apply(resource, object, { fieldManager, signal });
    }
  };

  return {
    async ensure(operand, owners, signal) {
      const { resource, object } = operand;
      const key = `${resource.plural}.${resource.group}/${keyOf(object)}`;
      const mine = seen.get(owners.uid) ?? new Set();
      seen.set(owners.uid, mine);
      const known = { wasApplied: mine.has(key) || owners.wasComplete, livingOwners: owners.others };
      const stored = cached(resource, keyOf(object));
      if (stored !== undefined && decide(object, stored, known).action === "none") {
        mine.add(key);
        return undefined;
      }
      // The cache may lag behind our own last write: what counts is what the API server has now.
      const live = await read(operand, signal);
      const decision = decide(object, live, known);
      const what = { kind: resource.kind, name: keyOf(object) };
      if (decision.action === "refuse") throw new NameTakenError(refusal(what, decision));
      if (decision.action !== "none") {
        const written = await write(operand, signal);
        mine.add(key);
        if (decision.action === "apply") {
          log.info("applied", { ...what, because: decision.because });
        } else if (written.metadata.resourceVersion !== live?.metadata.resourceVersion) {
          const { difference } = decision;
          log.warn("drift corrected", {
            ...what,
            difference: difference === "deleted" ? difference : describe(difference),
          });
          return { ...what, difference };
        }
      }
      mine.add(key);
      return undefined;
    },
    forget: (uid) => {
      seen.delete(uid);
    },
  };
}

function refusal(what: { kind: string; name: string }, decision: Decision & { action: "refuse" }): string {
  return (
    `${what.kind} ${what.name} exists and belongs to ${decision.owner}; ` +
    "delete it, or choose another revision or namespace for this MeshInstallation"
  );
}

function isImmutable(error: unknown): boolean {
  return isInvalid(error) && error instanceof ApiError && /cannot change|immutable/i.test(error.message);
}
