/** Configuration from the Kubernetes API: two watches, the last-good file, and the snapshot that they fill. */
import type { Random } from "../balance/candidate.ts";
import type { Api } from "./api/api.ts";
import { startWatch, type Watch, type WatchHandler } from "./api/watch.ts";
import type { Clock } from "./clock.ts";
import { decodeMeta, type ObjectMeta, objectName, rawInEvent } from "./decode/decode.ts";
import { parseKeeping } from "./decode/raw-json.ts";
import { ConfigError } from "./errors.ts";
import type { LastGood, LastGoodStore } from "./last-good.ts";
import { createLoads } from "./loads.ts";
import type { Log } from "./log.ts";
import { logFailures, Names, type Resolve } from "./services/resolved-names.ts";
import { Snapshot } from "./snapshot.ts";
import type { ConfigSource } from "./view.ts";

export interface KubernetesSourceOptions {
  readonly api: Api;
  readonly revision: string;
  readonly namespace: string;
  /** `Deployment/payment-v2`, as the injector wrote it. */
  readonly workload: string;
  /** The pod's labels. */
  readonly labels: Readonly<Record<string, string>>;
  /** The node it runs on. */
  readonly node?: string | undefined;
  readonly clusterDomain: string;
  /** Undefined: nothing is saved. */
  readonly lastGood?: LastGoodStore | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly resolve: Resolve;
  readonly log: Log;
}

/** How long a first call waits for its service's configuration, in ms. */
const loadMs = 5_000;
/** Longest wait between attempts at the workload's own configuration: its permission may come after the pod. In ms. */
const ownRetryMs = 2_000;

/** Starts the source; it serves from the last-good file at once and from the API as soon as that answers. */
export async function startKubernetesSource(options: KubernetesSourceOptions): Promise<ConfigSource> {
  const { api, revision, namespace, labels, node, clusterDomain, lastGood, clock, random, log } = options;
  const listeners = new Set<() => void>();
  const loads = createLoads(clock, loadMs);
  let services: Watch | undefined;
  let cancelDeadline: (() => void) | undefined;
  let indexed = false;
  let wasReady = false;
  let closed = false;

  const names = new Names({
    resolve: options.resolve,
    clock,
    random,
    failed: logFailures(log),
    changed() {
      snapshot.renamed();
      commit();
    },
  });
  const snapshot: Snapshot = new Snapshot({
    names,
    namespace,
    labels,
    node,
    clusterDomain,
    random,
    async load(key) {
      snapshot.want(key);
      const loaded = loads.wait(key);
      commit();
      return loaded;
    },
  });

  const ready = () => indexed && snapshot.view() !== undefined;
  const notify = () => {
    for (const listener of listeners) listener();
  };
  const restore = ({ wanted, objects }: LastGood) => {
    let restored = 0;
    try {
      for (const object of objects) {
        snapshot.put(object, object.kind);
        restored++;
      }
    } catch (error) {
      // What is missing comes from the API server, as without a file.
      log("warn", "the saved configuration is used in part", { restored, error: String(error) });
      return;
    }
    indexed = true;
    for (const key of wanted) snapshot.want(key);
    log("info", "serving from the saved configuration until the API server answers", { objects: restored });
  };
  const commit = () => {
    if (closed) return;
    const isNew = snapshot.commit(clock.now());
    services?.extend(snapshot.dependencies());
    cancelDeadline?.();
    const deadline = snapshot.deadline();
    cancelDeadline =
      deadline === undefined ? undefined : clock.after(Math.max(deadline - clock.now(), 0), commit);
    if (isNew) {
      loads.settle((key) => snapshot.isLoaded(key));
      lastGood?.schedule(() => ({ wanted: snapshot.wanted(), objects: snapshot.saved() }));
    }
    // Completing the index may change nothing but that it is complete.
    if (isNew || ready() !== wasReady) {
      wasReady = ready();
      notify();
    }
  };

  const saved = await lastGood?.load();
  if (saved !== undefined) {
    restore(saved);
    commit();
  }

  const handler = (kind: ObjectMeta["kind"], onSynced: () => void): WatchHandler => {
    let seen = new Set<string>();
    return {
      begin() {
        seen = new Set();
      },
      put(object) {
        try {
          seen.add(objectName(decodeMeta(object, kind)));
          snapshot.put(object, kind);
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
          log("error", error.message, { code: error.code, hint: error.hint });
        }
      },
      deleted: (object) => snapshot.drop(decodeMeta(object, kind)),
      synced(keys) {
        snapshot.keepOnly(kind, seen, kind === "ServiceConfig" ? keys : undefined);
        seen = new Set();
        onSynced();
      },
      flush: commit,
      failed(error, retryMs) {
        log("warn", "the watch on configuration broke; what is known stays in force", {
          kind,
          error: error instanceof Error ? error.message : String(error),
          retryMs: Math.round(retryMs),
        });
      },
    };
  };
  const base = "/apis/mesh.weft.dev/v1alpha1";
  const own = startWatch({
    api,
    clock,
    random,
    parse: (line) => parseKeeping(line, rawInEvent),
    path: `${base}/namespaces/${namespace}/workloadconfigs`,
    selector: () => ({ fieldSelector: `metadata.name=${workloadConfigName(options.workload, revision)}` }),
    keyOf: () => "",
    keys: [],
    handler: handler("WorkloadConfig", () => {}),
    maxRetryMs: ownRetryMs,
  });
  services = startWatch({
    api,
    clock,
    random,
    parse: (line) => parseKeeping(line, rawInEvent),
    path: `${base}/serviceconfigs`,
    selector: (keys) => ({
      labelSelector: `mesh.weft.dev/revision=${revision},mesh.weft.dev/key in (${keys.join(",")})`,
    }),
    keyOf: (object) => decodeMeta(object, "ServiceConfig").key,
    keys: ["index", ...snapshot.dependencies()],
    handler: handler("ServiceConfig", () => {
      indexed = true;
    }),
  });

  return {
    view: () => snapshot.view(),
    ready,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    outliers: (now) => snapshot.outliers(now),
    dump: () => ({ objects: snapshot.applied() }),
    async close() {
      closed = true;
      cancelDeadline?.();
      names.close();
      loads.close();
      await Promise.all([own.close(), services.close(), lastGood?.close()]);
    },
  };
}

/** `Deployment/payment-v2` of revision `default`: `deployment-payment-v2.default`. */
export function workloadConfigName(workload: string, revision: string): string {
  const slash = workload.indexOf("/");
  const kind = workload.slice(0, slash).toLowerCase();
  return `${kind}-${workload.slice(slash + 1)}.${revision}`;
}
