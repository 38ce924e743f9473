/** How long a retry waits: exponential back-off with full jitter, or as the endpoint asked. Pure. */

/** What an endpoint may ask for; a client that waits longer is better told. */
export const MAX_PUSHBACK_MS = 5_000;

/** Envoy's cap, in bases. */
const MOST = 10;

/** Before the first, second, … retry; `random` is in [0, 1). */
export function backoffMs(baseMs: number, retry: number, random: () => number): number {
  return random() * baseMs * Math.min(2 ** retry - 1, MOST);
}

/** The pushback of an answer. */
export interface Pushback {
  /** RFC 9110 section 10.2.3. */
  readonly retryAfter: string | undefined;
  /** `grpc-retry-pushback-ms` (gRPC A6). */
  readonly grpcPushback: string | undefined;
}

/** The ms that the endpoint asks for: undefined when it says nothing (that can be read), Infinity for not at all. */
export function pushbackMs({ retryAfter, grpcPushback }: Pushback, unixNow: number): number | undefined {
  if (grpcPushback !== undefined) {
    return /^\d{1,9}$/.test(grpcPushback) ? Number(grpcPushback) : Number.POSITIVE_INFINITY;
  }
  if (retryAfter === undefined) return undefined;
  if (/^\d{1,9}$/.test(retryAfter)) return Number(retryAfter) * 1_000;
  // An HTTP-date: a bare number or word would parse as some date, too.
  const at = /^\w{3,9}, /.test(retryAfter) ? Date.parse(retryAfter) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - unixNow);
}
