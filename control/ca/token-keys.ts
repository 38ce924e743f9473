import type { Client } from "../../kube/client.ts";
import type { Clock, Timer } from "../../kube/clock.ts";
import type { Log } from "../../kube/log.ts";
import { readKeySet, type VerificationKey } from "./jwt.ts";

/** The API server's token keys and issuer, as last seen. */
export interface TokenKeys {
  readonly issuer: string;
  readonly keys: readonly VerificationKey[];
}

const refreshMs = 5 * 60_000;
const retryMs = 10_000;
const requestTimeoutMs = 5_000;

/**
 * Keeps the API server's `/openid/v1/jwks` and issuer (KEP-1393) at hand for the time when it is away: read at
 * `start`, then every 5 minutes, every 10 s after a failure. What was read once stays until something newer is read.
 */
export function createTokenKeys(options: { client: Pick<Client, "request">; clock: Clock; log: Log }): {
  current(): TokenKeys | undefined;
  start(): Promise<void>;
  close(): void;
} {
  const { client, clock, log } = options;
  const stop = new AbortController();
  let current: TokenKeys | undefined;
  let timer: Timer | undefined;

  const read = async (path: string) => {
    const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(requestTimeoutMs)]);
    return (await client.request("GET", path, { signal })).body;
  };
  const refresh = async (): Promise<number> => {
    try {
      const [discovery, keySet] = await Promise.all([
        read("/.well-known/openid-configuration"),
        read("/openid/v1/jwks"),
      ]);
      const issuer = (discovery as { issuer?: unknown } | null)?.issuer;
      if (typeof issuer !== "string") throw new Error("the discovery document names no issuer");
      current = { issuer, keys: readKeySet(keySet) };
      return refreshMs;
    } catch (error) {
      if (!stop.signal.aborted)
        log.warn("token keys not refreshed; those read before stay in use", { error });
      return retryMs;
    }
  };
  const run = async () => {
    const delay = await refresh();
    if (!stop.signal.aborted) timer = clock.setTimeout(() => void run(), delay);
  };
  return {
    current: () => current,
    start: run,
    close() {
      stop.abort();
      timer?.cancel();
    },
  };
}
