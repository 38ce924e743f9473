import {
  type Client,
  type Clock,
  createWorkQueue,
  type KubeMetrics,
  type Log,
  type Recorder,
  runController,
} from "../kube/index.ts";
import { createApplier } from "./apply.ts";
import { ensureDefinitions, type WantedDefinition } from "./definitions.ts";
import type { Images, Installation } from "./installation.ts";
import type { OperatorMetrics } from "./metrics.ts";
import { createProber } from "./prober.ts";
import { createReconciler } from "./reconcile.ts";
import { createRemover } from "./remove.ts";
import type { WebhookState } from "./status.ts";
import { createStatusWriter } from "./status-writer.ts";
import { createWatches } from "./watches.ts";

export interface OperatorOptions {
  readonly client: Client;
  readonly definitions: readonly WantedDefinition[];
  readonly images: Images;
  /** The operator's own version, which is the one that it installs. */
  readonly version: string;
  readonly operatorNamespace: string;
  /** Asks whether an installation's validator answers. */
  readonly probe: (installation: Installation, signal: AbortSignal) => Promise<WebhookState>;
  readonly recorder: Recorder;
  readonly metrics: OperatorMetrics;
  readonly kubeMetrics: KubeMetrics;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

/** The queue's keys: all definitions together, and each installation. */
type Key = "definitions" | `installation/${string}`;

/**
 * Works as the leader until the signal aborts: definitions first, as nothing can be watched without them, then
 * installations as they come and change. Every write carries the signal, so that none is made after the lead is lost.
 * `onSynced` is called when the first look at everything is complete.
 */
export async function runOperator(
  options: OperatorOptions,
  signal: AbortSignal,
  onSynced: () => void = () => {},
): Promise<void> {
  const { client, clock, log, metrics, recorder } = options;
  const queue = createWorkQueue<Key>({
    name: "operator",
    clock,
    baseDelayMs: 50,
    maxDelayMs: 60_000,
    metrics: options.kubeMetrics,
  });
  const watches = createWatches({
    ...options,
    metrics: options.kubeMetrics,
    signal,
    onChange(installation) {
      const names =
        installation === undefined
          ? watches.installations().map(({ metadata }) => metadata.name)
          : [installation];
      for (const name of names) queue.add(`installation/${name}`);
    },
    onDefinition: () => queue.add("definitions"),
  });
  const prober = createProber({
    ...options,
    onChange: (name) => queue.add(`installation/${name}`),
  });
  let pending: readonly string[] = [];
  let areWatching = false;
  const reconcileInstallation = createReconciler({
    ...options,
    watches,
    prober,
    applier: createApplier({
      client,
      cached: watches.operand,
      log,
      onApplied: metrics.applied,
    }),
    remover: createRemover(options),
    statuses: createStatusWriter({ client, recorder, metrics, version: options.version, now: clock.now }),
    pendingDefinitions: () => pending,
  });

  const reconcileDefinitions = async () => {
    const outcome = await ensureDefinitions({ client, wanted: options.definitions, log, signal });
    pending = outcome.pending;
    for (const _name of outcome.corrected) metrics.driftCorrected("CustomResourceDefinition");
    if (pending.length > 0) return { requeueAfterMs: 250 };
    if (!areWatching) {
      areWatching = true;
      // Not awaited: this worker is the one that works on what the watches bring.
      void watches.start().then(() => {
        if (!signal.aborted) onSynced();
      });
    }
    return undefined;
  };
  queue.add("definitions");
  try {
    await runController<Key>({
      name: "operator",
      queue,
      reconcile: (key) =>
        key === "definitions"
          ? reconcileDefinitions()
          : reconcileInstallation(key.slice("installation/".length), signal),
      workers: 2,
      log,
      clock,
      metrics: options.kubeMetrics,
      signal,
    });
  } finally {
    prober.close();
    await watches.close();
  }
}
