/** The keys of token issuers, kept fresh: what RequestAuthentications name, fetched once for all of them. */
import { type Clock, type Log, messageOf, sleep } from "../../kube/index.ts";
import { publicKeySet } from "../compile/key-set.ts";
import { discoveryPrefix } from "../compile/request-authentication.ts";
import type { Fetch, FetchOptions } from "./fetch.ts";

/** As Istio: keys are renewed three times an hour. */
const refreshMs = 20 * 60_000;
/** After a failure, doubling up to the refresh: an issuer that comes back is believed within that. */
const firstRetryMs = 1_000;

export interface IssuerKeys {
  /** Fetches from these sources (`keySource`), each within its time in ms, and from no others. */
  follow(sources: ReadonlyMap<string, number>): void;
  /** Takes keys from before for sources that are followed and not fetched yet. */
  remember(keys: ReadonlyMap<string, string>): void;
  /** What was fetched so far, by source. */
  known(): ReadonlyMap<string, string>;
  /** Keys of a source came, changed, or are wanted no more. */
  onChange(listener: (source: string, jwks: string | undefined) => void): void;
  /** Resolves when every source that is followed has been asked once. */
  asked(): Promise<void>;
  close(): void;
}

interface Followed {
  readonly stop: AbortController;
  readonly asked: Promise<void>;
  readonly timeoutMs: number;
}

export function createIssuerKeys(options: {
  readonly fetch: Fetch;
  readonly allowLocal: () => boolean;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}): IssuerKeys {
  const { clock, random, log } = options;
  const followed = new Map<string, Followed>();
  const known = new Map<string, string>();
  const listeners = new Set<(source: string, jwks: string | undefined) => void>();
  const tell = (source: string, jwks: string | undefined) => {
    for (const listener of listeners) listener(source, jwks);
  };

  const refresh = async (source: string, how: FetchOptions): Promise<boolean> => {
    try {
      const document = await fetchKeys(source, options.fetch, how);
      if (how.signal.aborted) return true;
      if (publicKeySet(document) === "") throw new Error("found no key set; expected JSON with keys");
      if (publicKeySet(document) !== publicKeySet(known.get(source))) {
        known.set(source, document);
        log.info("the keys of an issuer are new", { source });
        tell(source, document);
      }
      return true;
    } catch (error) {
      if (!how.signal.aborted) {
        const meanwhile = known.has(source) ? "the last ones stay" : "its tokens are refused";
        log.warn("the keys of an issuer cannot be had", { source, error: messageOf(error), meanwhile });
      }
      return false;
    }
  };
  const keep = async (source: string, timeoutMs: number, signal: AbortSignal, asked: () => void) => {
    let retryMs = firstRetryMs;
    while (!signal.aborted) {
      const good = await refresh(source, { timeoutMs, signal, allowLocal: options.allowLocal() });
      asked();
      const waitMs = good ? refreshMs : retryMs;
      retryMs = good ? firstRetryMs : Math.min(2 * retryMs, refreshMs);
      // Some before others, so that control's replicas and many issuers do not all ask at once.
      await sleep(clock, waitMs * (0.9 + 0.2 * random()), signal);
    }
  };

  return {
    follow(sources) {
      for (const [source, { stop, timeoutMs }] of followed) {
        if (sources.get(source) === timeoutMs) continue;
        stop.abort();
        followed.delete(source);
        if (!sources.has(source) && known.delete(source)) tell(source, undefined);
      }
      for (const [source, timeoutMs] of sources) {
        if (followed.has(source)) continue;
        const stop = new AbortController();
        const { promise, resolve } = Promise.withResolvers<void>();
        followed.set(source, { stop, asked: promise, timeoutMs });
        void keep(source, timeoutMs, stop.signal, resolve);
      }
    },
    remember(keys) {
      for (const [source, jwks] of keys)
        if (followed.has(source) && !known.has(source)) known.set(source, jwks);
    },
    known: () => known,
    onChange: (listener) => {
      listeners.add(listener);
    },
    async asked() {
      await Promise.all([...followed.values()].map(({ asked }) => asked));
    },
    close() {
      for (const { stop } of followed.values()) stop.abort();
      followed.clear();
    },
  };
}

/** The document at a source; OpenID Connect discovery 1.0 section 4 says where an issuer's is. */
async function fetchKeys(source: string, fetch: Fetch, how: FetchOptions): Promise<string> {
  if (!source.startsWith(discoveryPrefix)) return fetch(source, how);
  const issuer = source.slice(discoveryPrefix.length).replace(/\/$/, "");
  const document: unknown = JSON.parse(await fetch(`${issuer}/.well-known/openid-configuration`, how));
  const address =
    typeof document === "object" && document !== null && "jwks_uri" in document
      ? document.jwks_uri
      : undefined;
  if (typeof address !== "string") throw new Error("the discovery document has no jwks_uri");
  return fetch(address, how);
}
