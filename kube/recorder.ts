import { randomBytes } from "node:crypto";
import type { Client } from "./client.ts";
import { type Clock, systemClock } from "./clock.ts";
import { messageOf } from "./errors.ts";
import { createRateLimiter } from "./limiter.ts";
import { type Log, silentLog } from "./log.ts";
import { events } from "./resources.ts";
import type { MetaObject } from "./types.ts";

export interface EventInput {
  /** What the event is about; its apiVersion and kind must be set. */
  regarding: MetaObject;
  type: "Normal" | "Warning";
  /** CamelCase, machine-readable: "WebhookReady". */
  reason: string;
  /** At most 1,024 characters are kept. */
  message: string;
  /** CamelCase, what was done or attempted: "Reconcile". */
  action: string;
}

/** Tells users of an object what happened to it. Never throws and never waits: events are a courtesy. */
export interface Recorder {
  event(input: EventInput): void;
  /** Resolves when what was told before has been sent or given up. */
  flush(): Promise<void>;
}

/** A repetition within this time joins the event's series (as client-go's events broadcaster has it). */
const seriesMs = 6 * 60_000;
/** A series is written at its second occurrence and then at most this often. */
const seriesWriteMs = 30_000;
const maxNote = 1024;
const maxSeries = 1000;

interface Series {
  namespace: string;
  name: Promise<string | undefined>;
  count: number;
  lastAt: number;
  wroteAt: number;
}

/** events.k8s.io/v1. Repetitions become one event with a count; a burst of different ones is cut to 25, then 1/s. */
export function createRecorder(options: {
  client: Client;
  /** Reporting controller, e.g. "weft.dev/operator". */
  component: string;
  /** Reporting instance; default: the component. */
  instance?: string | undefined;
  clock?: Clock | undefined;
  log?: Log | undefined;
}): Recorder {
  const { client, component } = options;
  const clock = options.clock ?? systemClock;
  const log = options.log ?? silentLog;
  const limiter = createRateLimiter({ perSecond: 1, burst: 25, clock });
  const known = new Map<string, Series>();
  const inFlight = new Set<Promise<unknown>>();

  const microTime = () => `${new Date(clock.now()).toISOString().slice(0, -1)}000Z`;
  const track = <T>(work: Promise<T>): Promise<T | undefined> => {
    const guarded = work.catch((error: unknown) => {
      log.info("an event could not be written", { error: messageOf(error) });
      return undefined;
    });
    inFlight.add(guarded);
    void guarded.finally(() => inFlight.delete(guarded));
    return guarded;
  };

  const create = ({ regarding, type, reason, message, action }: EventInput, namespace: string) => {
    const name = `${regarding.metadata.name}.${randomBytes(8).toString("hex")}`;
    const { apiVersion, kind, metadata } = regarding;
    const { uid, resourceVersion } = metadata;
    return client
      .create(events, {
        apiVersion: "events.k8s.io/v1",
        kind: "Event",
        metadata: { name, namespace },
        eventTime: microTime(),
        reportingController: component,
        reportingInstance: (options.instance ?? component).slice(0, 128),
        type,
        reason,
        action,
        note: message.length > maxNote ? `${message.slice(0, maxNote - 1)}…` : message,
        regarding: {
          apiVersion,
          kind,
          name: metadata.name,
          namespace: metadata.namespace,
          uid,
          resourceVersion,
        },
      })
      .then(() => name);
  };

  return {
    event(input) {
      const { metadata } = input.regarding;
      const namespace = metadata.namespace ?? "default";
      const key = [metadata.uid, metadata.name, input.type, input.reason, input.action, input.message].join(
        "\0",
      );
      const now = clock.monotonic();
      const series = known.get(key);
      if (series === undefined || now - series.lastAt > seriesMs) {
        known.delete(key);
        if (!limiter.take()) return;
        const oldest = known.size >= maxSeries ? known.keys().next().value : undefined;
        if (oldest !== undefined) known.delete(oldest);
        const name = track(create(input, namespace));
        known.set(key, { namespace, name, count: 1, lastAt: now, wroteAt: -Infinity });
        return;
      }
      series.count++;
      series.lastAt = now;
      if (now - series.wroteAt < seriesWriteMs) return;
      series.wroteAt = now;
      const body = { series: { count: series.count, lastObservedTime: microTime() } };
      void track(
        series.name.then((name) =>
          name === undefined
            ? undefined
            : client.patch(events, { namespace: series.namespace, name, type: "merge", body }),
        ),
      );
    },
    async flush() {
      while (inFlight.size > 0) await Promise.all(inFlight);
    },
  };
}
