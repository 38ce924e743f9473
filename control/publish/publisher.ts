import {
  type Client,
  type Clock,
  createWorkQueue,
  type Informer,
  type KubeMetrics,
  type Log,
  noMetrics,
  type Resource,
  runController,
  splitKey,
  type WorkQueue,
} from "../../kube/index.ts";
import type { Affected, Compiler } from "../compile/compile.ts";
import type { CompiledObject } from "../compile/compiled.ts";
import { indexKey, keyLabel, partLabel, serviceKey, workloadConfigName } from "../compile/names.ts";
import { type Coalescer, createCoalescer } from "./coalesce.ts";
import { classify } from "./failures.ts";
import { noPublishMetrics, type PublishMetrics } from "./metrics-hooks.ts";
import { type Action, type PublishedObject, plan } from "./plan.ts";
import { createPublished, type PublishedConfig } from "./published.ts";
import { createWriter, serviceConfigs, type Writer, workloadConfigs } from "./write.ts";

/** Keeps the published objects equal to what the compiler says, while this replica leads. */
export interface Publisher {
  /** What a change may alter. Without the lead this does nothing: the next term begins with a look at everything. */
  changed(affected: Affected): void;
  /** Publishes until the signal aborts; resolves when the last write has ended. */
  lead(signal: AbortSignal): Promise<void>;
}

/** Indexes that the informer of ServiceConfigs must have. */
export const serviceConfigIndexers = {
  key: ({ metadata }: PublishedConfig) => [
    `${metadata.namespace ?? ""}/${metadata.labels?.[keyLabel] ?? ""}`,
  ],
};

export interface PublisherOptions {
  compiler: Compiler;
  revision: string;
  client: Client;
  services: Pick<Informer<PublishedConfig>, "store" | "onChange">;
  workloads: Pick<Informer<PublishedConfig>, "store" | "onChange">;
  clock: Clock;
  random: () => number;
  log: Log;
  metrics?: PublishMetrics;
  kubeMetrics?: KubeMetrics;
  writer?: Writer;
}

/** Writes in flight: enough to hide the API server's latency, few enough to leave it room for others. */
const serviceWorkers = 8;
/**
 * Workloads have workers of their own, and those not published yet go first: a pod's start waits for its object, which
 * must not wait behind a burst.
 */
const workloadWorkers = 4;
/** Objects of one key written at a time. */
const parallelWrites = 8;
/** Compiling yields to webhooks and certificate requests after this long. */
const sliceMs = 4;

interface Lane {
  readonly queue: WorkQueue;
  readonly coalescer: Coalescer<string>;
  /** When the change came that a key is waiting for. */
  readonly changedAt: Map<string, number>;
}

export function createPublisher(options: PublisherOptions): Publisher {
  const { compiler, revision, clock, random, log } = options;
  const metrics = options.metrics ?? noPublishMetrics;
  const writer = options.writer ?? createWriter({ client: options.client, clock, log });
  const services = createPublished(options.services, serviceConfigIndexers);
  const workloads = createPublished(options.workloads, {});
  let lanes: { services: Lane; workloads: Lane } | undefined;
  let busySince: number | undefined;

  /** Lets the event loop turn when compiling has held it for a slice. */
  const breathe = async () => {
    const now = clock.monotonic();
    busySince ??= now;
    if (now - busySince < sliceMs) return;
    await new Promise((resolve) => setImmediate(resolve));
    busySince = undefined;
  };

  const compiled = <T>(kind: string, work: () => T): T => {
    const started = clock.monotonic();
    const result = work();
    metrics.compiled(kind, clock.monotonic() - started);
    return result;
  };

  /** Brings one key's objects to what was compiled; resolves with whether anything was written. */
  const publish = async (
    objects: readonly CompiledObject[],
    existing: readonly PublishedObject[],
    target: { resource: Resource; published: typeof services },
    signal: AbortSignal,
  ): Promise<boolean> => {
    const { actions, unchanged } = plan(objects, existing);
    metrics.skipped(target.resource.kind, unchanged);
    const run = async (action: Action) => {
      // The fence: between losing the lease and the end of this loop another replica may already write.
      if (signal.aborted) return;
      const started = clock.monotonic();
      const written = await writer.run(action, target.resource, signal);
      if (action.do === "delete") target.published.deleted(`${action.namespace}/${action.name}`);
      else if (written !== undefined) target.published.wrote(written);
      metrics.written(target.resource.kind, action.do, clock.monotonic() - started);
    };
    const writes = actions.filter((action) => action.do !== "delete");
    const deletions = actions.filter((action) => action.do === "delete");
    try {
      for (const batch of [writes, deletions]) {
        for (let from = 0; from < batch.length; from += parallelWrites) {
          await allDone(batch.slice(from, from + parallelWrites).map(run));
        }
      }
    } catch (error) {
      throw classify(error, random);
    }
    return actions.length > 0;
  };

  const reconcileService = async (key: string, signal: AbortSignal): Promise<boolean> => {
    const { kind, name: id } = parseLaneKey(key);
    const target = { resource: serviceConfigs, published: services };
    if (kind === "index") {
      const index = compiled("index", () => compiler.compileIndex(id));
      return publish(
        index === undefined ? [] : [index],
        services.byIndex("key", `${id}/${indexKey}`),
        target,
        signal,
      );
    }
    const { namespace, name } = splitKey(id);
    const parts = compiled("service", () => compiler.compileService(id));
    return publish(
      parts,
      services.byIndex("key", `${namespace}/${serviceKey(namespace, name)}`),
      target,
      signal,
    );
  };

  const reconcileWorkload = async (key: string, signal: AbortSignal): Promise<boolean> => {
    const object = compiled("workload", () => compiler.compileWorkload(key));
    const existing = publishedWorkload(key);
    // A workload without pods keeps its object, for when it is scaled up again, as long as an owner collects it.
    if (object === undefined && (existing === undefined || existing.owner !== undefined)) return false;
    return publish(
      object === undefined ? [] : [object],
      existing === undefined ? [] : [existing],
      { resource: workloadConfigs, published: workloads },
      signal,
    );
  };

  const publishedWorkload = (key: string) => {
    const [namespace = "", kind = "", name = ""] = key.split("/");
    return workloads.get(`${namespace}/${workloadConfigName(kind, name, revision)}`);
  };
  const open = (name: string, isUrgent: (key: string) => boolean): Lane => {
    const queue = createWorkQueue({
      name,
      clock,
      baseDelayMs: 50,
      maxDelayMs: 30_000,
      metrics: options.kubeMetrics ?? noMetrics,
    });
    const coalescer = createCoalescer<string>({ clock, release: (key) => queue.add(key, isUrgent(key)) });
    return { queue, coalescer, changedAt: new Map() };
  };
  const run = (
    name: string,
    lane: Lane,
    workers: number,
    signal: AbortSignal,
    reconcile: (key: string, signal: AbortSignal) => Promise<boolean>,
  ) =>
    runController({
      name,
      queue: lane.queue,
      workers,
      log,
      clock,
      metrics: options.kubeMetrics ?? noMetrics,
      signal,
      reconcile: async (key) => {
        await breathe();
        const since = lane.changedAt.get(key);
        lane.changedAt.delete(key);
        if (!(await reconcile(key, signal))) return;
        lane.coalescer.wrote(key);
        if (since !== undefined) metrics.propagated(name, clock.monotonic() - since);
      },
    });

  const touch = (lane: Lane | undefined, key: string | undefined) => {
    if (lane === undefined || key === undefined) return;
    if (!lane.changedAt.has(key)) lane.changedAt.set(key, clock.monotonic());
    lane.coalescer.changed(key);
  };
  const changed = ({ services, workloads, indexes }: Affected) => {
    if (lanes === undefined) return;
    for (const key of workloads) touch(lanes.workloads, key);
    for (const key of services) touch(lanes.services, laneKey("service", key));
    for (const key of indexes) touch(lanes.services, laneKey("index", key));
  };
  services.onDrift((object) => touch(lanes?.services, laneKeyOf(object)));
  workloads.onDrift((object) => touch(lanes?.workloads, workloadKeyOf(object)));

  return {
    changed,
    async lead(signal) {
      const term = {
        services: open("services", () => false),
        workloads: open("workloads", (key) => publishedWorkload(key) === undefined),
      };
      lanes = term;
      // What is published for something that is gone is found by its name; what is up to date costs no write.
      for (const object of options.workloads.store.list()) {
        const key = workloadKeyOf(object);
        if (key !== undefined) term.workloads.queue.add(key);
      }
      changed(compiler.keys());
      for (const object of options.services.store.list()) {
        const key = laneKeyOf(object);
        if (key !== undefined) term.services.queue.add(key);
      }
      await Promise.all([
        run("workloads", term.workloads, workloadWorkers, signal, reconcileWorkload),
        run("services", term.services, serviceWorkers, signal, reconcileService),
      ]);
      term.services.coalescer.close();
      term.workloads.coalescer.close();
      if (lanes === term) lanes = undefined;
    },
  };
}

const laneKey = (kind: "service" | "index", key: string) => `${kind}:${key}`;

function parseLaneKey(key: string): { kind: string; name: string } {
  const colon = key.indexOf(":");
  return { kind: key.slice(0, colon), name: key.slice(colon + 1) };
}

/** The key that a published ServiceConfig belongs to; a service's name holds no dot, so it ends at the first. */
function laneKeyOf({ metadata }: PublishedConfig): string | undefined {
  const namespace = metadata.namespace ?? "";
  if (metadata.labels?.[partLabel] === "index") return laneKey("index", namespace);
  const dot = metadata.name.indexOf(".");
  return dot <= 0 ? undefined : laneKey("service", `${namespace}/${metadata.name.slice(0, dot)}`);
}

/** The workload that a published WorkloadConfig is for; undefined when neither status nor owner tells. */
function workloadKeyOf({ metadata, status }: PublishedConfig): string | undefined {
  const owner = metadata.ownerReferences?.[0];
  const kind = status?.workload?.kind ?? owner?.kind;
  const name = status?.workload?.name ?? owner?.name;
  return kind === undefined || name === undefined ? undefined : `${metadata.namespace ?? ""}/${kind}/${name}`;
}

/** Waits for all, then throws the first failure: nothing is still writing when the key is taken up again. */
async function allDone(work: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
