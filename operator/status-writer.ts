import type { MeshInstallation, MeshInstallationStatus } from "../crds/mesh-installation.ts";
import { type Client, isNotFound, type Recorder } from "../kube/index.ts";
import type { Installation } from "./installation.ts";
import type { OperatorMetrics } from "./metrics.ts";
import { fieldManager } from "./names.ts";
import { determineStatus, isSameStatus, type Observation } from "./status.ts";
import { transitions } from "./transitions.ts";
import { meshInstallations } from "./watches.ts";

/** Writes an installation's status when it is another than before, and tells of what changed. */
export interface StatusWriter {
  write(
    object: MeshInstallation,
    installation: Installation,
    seen: Observation,
    signal: AbortSignal,
  ): Promise<void>;
  forget(uid: string): void;
}

export function createStatusWriter(options: {
  client: Client;
  recorder: Recorder;
  metrics: OperatorMetrics;
  version: string;
  now: () => number;
}): StatusWriter {
  const { client, recorder, metrics, version, now } = options;
  /** What was written over which version of the object: the cache shows that version until the write comes back. */
  const written = new Map<string, { over: string; status: MeshInstallationStatus }>();

  return {
    async write(object, installation, seen, signal) {
      const { uid, name, resourceVersion } = installation;
      const last = written.get(uid);
      const before = last?.over === resourceVersion ? last.status : installation.status;
      const status = determineStatus({ ...installation, status: before }, seen, now(), version);
      metrics.conditions(name, status);
      if (isSameStatus(before, status)) return;
      // The status whole, not a merge: a condition that no longer applies has to go. The uid: never another's.
      const body = [
        { op: "test", path: "/metadata/uid", value: uid },
        { op: "add", path: "/status", value: status },
      ];
      try {
        await client.patch(meshInstallations, {
          name,
          type: "json",
          subresource: "status",
          fieldManager,
          body,
          signal,
        });
      } catch (error) {
        if (isNotFound(error)) return;
        throw error;
      }
      written.set(uid, { over: resourceVersion, status });
      metrics.statusWritten();
      for (const transition of transitions(before, status)) {
        recorder.event({ regarding: regarding(object), action: "Reconcile", ...transition });
      }
    },
    forget: (uid) => {
      written.delete(uid);
    },
  };
}

/** The object as Events refer to it: items of a list carry no kind of their own. */
export function regarding(object: MeshInstallation): MeshInstallation {
  return { ...object, apiVersion: "mesh.weft.dev/v1alpha1", kind: "MeshInstallation" };
}
