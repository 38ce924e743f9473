import { createBackoff } from "./backoff.ts";
import type { Client } from "./client.ts";
import { type Clock, sleep } from "./clock.ts";
import { ApiError, isGone, messageOf } from "./errors.ts";
import type { Log } from "./log.ts";
import { type KubeMetrics, noMetrics } from "./metrics-hooks.ts";
import { type KubeObject, keyOf, type MetaObject, type Resource } from "./types.ts";

export interface ReflectorOptions<T extends MetaObject> {
  client: Client;
  resource: Resource;
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
  metadataOnly?: boolean | undefined;
  /** Runs on every object before it is kept; drops what nobody reads. `managedFields` is always dropped. */
  transform?: ((object: T) => T) | undefined;
  clock: Clock;
  /** 0…1, for jitter. */
  random: () => number;
  log: Log;
  metrics?: KubeMetrics | undefined;
}

/** Receives what a reflector learns. Calls come one at a time and in the server's order. */
export interface ReflectorSink<T> {
  /** The whole truth as of now: what is not in it exists no more. */
  replace(objects: readonly T[]): void;
  upsert(object: T): void;
  remove(object: T): void;
}

/** Mirrors one collection: lists it once, then follows its watch, whatever happens to the connection. */
export interface Reflector<T> {
  run(sink: ReflectorSink<T>, signal: AbortSignal): Promise<void>;
}

const pageSize = 500;
/** The end-of-initial-events bookmark of a server that streams lists is never this long in coming. */
const streamedListSilenceMs = 10_000;
/** A server that has sent one bookmark sends one about every minute: three minutes without a byte is a dead peer. */
const bookmarkSilenceMs = 180_000;
const silenceSlackMs = 10_000;
const initialEventsEnd = "k8s.io/initial-events-end";

/**
 * List and watch (client-go's Reflector; KEP-3157 streamed lists, KEP-956 bookmarks). A broken connection resumes
 * from the last resourceVersion; 410 lists anew and hands the result to `replace`, so that nothing is reported
 * deleted which still exists.
 */
export function createReflector<T extends MetaObject = KubeObject>(
  options: ReflectorOptions<T>,
): Reflector<T> {
  const { client, resource, clock, random, log } = options;
  const metrics = options.metrics ?? noMetrics;
  const selection = {
    namespace: options.namespace,
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
    metadataOnly: options.metadataOnly,
  };
  const name = resource.plural;
  let streamedLists = true;

  const keep = (object: T): T => {
    delete object.metadata.managedFields;
    return options.transform === undefined ? object : options.transform(object);
  };

  const listPages = async (signal: AbortSignal): Promise<{ objects: T[]; resourceVersion: string }> => {
    const objects: T[] = [];
    let next: string | undefined;
    for (;;) {
      const page = await client.list<T>(resource, { ...selection, limit: pageSize, continue: next, signal });
      for (const object of page.items) {
        // Items of a list carry no kind of their own; readers of mixed stores want one.
        object.kind ??= resource.kind;
        objects.push(keep(object));
      }
      next = page.metadata.continue;
      if (next === undefined || next === "") {
        return { objects, resourceVersion: page.metadata.resourceVersion ?? "" };
      }
    }
  };

  /** Follows one watch to its end and returns the resourceVersion to go on from. */
  const follow = async (
    from: string | undefined,
    sink: ReflectorSink<T>,
    outer: AbortSignal,
    progress: (resourceVersion: string) => void,
  ): Promise<"ended" | "silent"> => {
    const timeoutSeconds = Math.round(300 + 300 * random());
    const inner = new AbortController();
    const stop = () => inner.abort();
    outer.addEventListener("abort", stop);
    if (outer.aborted) stop();
    let silent = false;
    let initial: Map<string, T> | undefined = from === undefined ? new Map() : undefined;
    let sawBookmark = false;
    const limitMs = () => {
      if (initial !== undefined) return streamedListSilenceMs;
      return sawBookmark ? bookmarkSilenceMs : timeoutSeconds * 1000 + silenceSlackMs;
    };
    let lastByte = clock.monotonic();
    const check = () => {
      const left = limitMs() - (clock.monotonic() - lastByte);
      if (left > 0) {
        timer = clock.setTimeout(check, left);
        return;
      }
      silent = true;
      inner.abort();
    };
    let timer = clock.setTimeout(check, streamedListSilenceMs);
    try {
      const events = client.watch<T>(
        resource,
        from === undefined
          ? { ...selection, timeoutSeconds, sendInitialEvents: true }
          : { ...selection, timeoutSeconds, resourceVersion: from },
        inner.signal,
      );
      for await (const event of events) {
        lastByte = clock.monotonic();
        const { object } = event;
        metrics.event(name, event.type);
        if (event.type === "BOOKMARK") {
          if (initial === undefined) sawBookmark = true;
          else if (object.metadata.annotations?.[initialEventsEnd] === "true") {
            sink.replace([...initial.values()]);
            initial = undefined;
          }
        } else if (initial !== undefined) {
          if (event.type === "DELETED") initial.delete(keyOf(object));
          else initial.set(keyOf(object), keep(object));
        } else if (event.type === "DELETED") sink.remove(keep(object));
        else sink.upsert(keep(object));
        // While the list still streams there is no point to resume from.
        if (initial === undefined && object.metadata.resourceVersion !== undefined) {
          progress(object.metadata.resourceVersion);
        }
      }
    } catch (error) {
      if (!silent) throw error;
    } finally {
      timer.cancel();
      outer.removeEventListener("abort", stop);
      inner.abort();
    }
    if (silent && initial !== undefined) {
      streamedLists = false;
      log.info("the API server streams no lists; listing in pages", { resource: name });
    }
    return silent ? "silent" : "ended";
  };

  return {
    async run(sink, signal) {
      // Getting no answer costs a server that is down nothing, and one that comes back is found within a second.
      // An answer that says no is asked for again with more patience.
      const reconnect = createBackoff({ initialMs: 50, maxMs: 1000, random });
      const refused = createBackoff({ initialMs: 200, maxMs: 30_000, random });
      let resourceVersion: string | undefined;
      let reason = "start";
      while (!signal.aborted) {
        const started = clock.monotonic();
        let advanced = false;
        const progress = (version: string) => {
          resourceVersion = version;
          advanced = true;
        };
        try {
          if (resourceVersion === undefined) {
            metrics.relist(name, reason);
            if (!streamedLists) {
              const listed = await listPages(signal);
              sink.replace(listed.objects);
              progress(listed.resourceVersion);
            }
          }
          const end = await follow(resourceVersion, sink, signal, progress);
          if (signal.aborted) return;
          metrics.watchEnd(name, end === "silent" ? "silent" : "timeout");
          if (advanced || clock.monotonic() - started > 5000) {
            reconnect.reset();
            refused.reset();
          } else await sleep(clock, reconnect.next(), signal);
        } catch (error) {
          if (signal.aborted) return;
          if (advanced) reconnect.reset();
          if (isGone(error)) {
            metrics.watchEnd(name, "expired");
            log.info("the watch's resourceVersion has expired; listing anew", { resource: name });
            reason = "expired";
            // Once is routine; a server that keeps saying so is asked less and less often.
            if (resourceVersion === undefined || !advanced) await sleep(clock, reconnect.next(), signal);
            resourceVersion = undefined;
          } else if (error instanceof ApiError) {
            if (resourceVersion === undefined && streamedLists && error.status === 422) {
              // The WatchList feature is off: "sendInitialEvents is forbidden for watch".
              streamedLists = false;
              reason = "fallback";
              continue;
            }
            metrics.watchEnd(name, "error");
            // A server that is overloaded knows best; one that is starting names 5 s and needs less than one.
            const asked = error.status === 429 ? (error.retryAfterMs ?? 0) : 0;
            const delayMs = Math.max(refused.next(), asked);
            log.warn("the API server refused a watch", {
              resource: name,
              status: error.status,
              error: error.message,
              retryInMs: Math.round(delayMs),
            });
            await sleep(clock, delayMs, signal);
          } else {
            metrics.watchEnd(name, "broken");
            const delayMs = reconnect.next();
            log.debug("a watch broke", {
              resource: name,
              error: messageOf(error),
              retryInMs: Math.round(delayMs),
            });
            await sleep(clock, delayMs, signal);
          }
        }
      }
    },
  };
}
