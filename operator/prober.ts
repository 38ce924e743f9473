import type { Clock, Log, Timer } from "../kube/index.ts";
import type { Installation } from "./installation.ts";
import type { WebhookState } from "./status.ts";

/** Keeps asking whether an installation's webhook answers, beside the reconcile loop: a probe may take seconds. */
export interface Prober {
  /** What the last probe found; starts probing at the first call. */
  state(installation: Installation): WebhookState;
  /** Ends probing an installation. */
  forget(uid: string): void;
  close(): void;
}

const healthyMs = 60_000;
const firstRetryMs = 1_000;
const maxRetryMs = 15_000;
const notProbed: WebhookState = {
  status: "Unknown",
  reason: "NotProbed",
  message: "the validator was not probed yet",
};

interface Watch {
  installation: Installation;
  state: WebhookState;
  retryMs: number;
  timer: Timer | undefined;
}

export function createProber(options: {
  probe: (installation: Installation, signal: AbortSignal) => Promise<WebhookState>;
  clock: Clock;
  log: Log;
  /** The state of an installation is another than before. */
  onChange: (name: string) => void;
}): Prober {
  const { probe, clock, log, onChange } = options;
  const watches = new Map<string, Watch>();
  const stop = new AbortController();

  const run = async (watch: Watch) => {
    const { installation } = watch;
    const next = await probe(installation, stop.signal).catch((error: unknown) => {
      if (!stop.signal.aborted)
        log.error("the webhook probe failed", { installation: installation.name, error });
      return undefined;
    });
    if (stop.signal.aborted || watches.get(installation.uid) !== watch) return;
    const isHealthy = next?.status === "True";
    watch.retryMs = isHealthy ? firstRetryMs : Math.min(maxRetryMs, watch.retryMs * 2);
    watch.timer = clock.setTimeout(() => void run(watch), isHealthy ? healthyMs : watch.retryMs);
    if (next === undefined || isSame(next, watch.state)) return;
    watch.state = next;
    onChange(installation.name);
  };

  return {
    state(installation) {
      const known = watches.get(installation.uid);
      if (known !== undefined) {
        known.installation = installation;
        return known.state;
      }
      const watch: Watch = { installation, state: notProbed, retryMs: firstRetryMs / 2, timer: undefined };
      watches.set(installation.uid, watch);
      void run(watch);
      return watch.state;
    },
    forget(uid) {
      watches.get(uid)?.timer?.cancel();
      watches.delete(uid);
    },
    close() {
      stop.abort();
      for (const { timer } of watches.values()) timer?.cancel();
      watches.clear();
    },
  };
}

/** The API server's texts hold times and addresses: another text alone is no change of state. */
const isSame = (a: WebhookState, b: WebhookState) => a.status === b.status && a.reason === b.reason;
