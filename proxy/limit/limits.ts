/**
 * All limits of a workload: a request has to have room in each that counts it, and draws from none when one has no room, so
 * that refused requests do not eat what others may use.
 */
import type { RateLimit } from "../../crds/workload-config.ts";
import { Limit, type LimitedRequest } from "./limit.ts";
import type { TokenBucket } from "./token-bucket.ts";

export type { LimitedRequest } from "./limit.ts";

export interface Verdict {
  /** Undefined when the request may go on. */
  readonly exceeded: RateLimit | undefined;
  /** Header lines of the response, x-ratelimit ones; "" for none. */
  readonly headers: string;
}

export interface Limits {
  /** Undefined: nothing to say. `now` in monotonic ms. */
  check(request: LimitedRequest, now: number): Verdict | undefined;
  readonly limits: readonly Limit[];
}

/** What was counted so far goes on in limits that stay as they are; undefined when there are none. */
export function compileLimits(
  configs: readonly RateLimit[],
  previous: Limits | undefined,
): Limits | undefined {
  if (configs.length === 0) return undefined;
  const known = new Map(previous?.limits.map((limit) => [JSON.stringify(limit.config), limit]));
  const limits = configs.map((config) => known.get(JSON.stringify(config)) ?? new Limit(config));
  return { limits, check: (request, now) => check(limits, request, now) };
}

function check(limits: readonly Limit[], request: LimitedRequest, now: number): Verdict | undefined {
  let drawn: { readonly limit: Limit; readonly bucket: TokenBucket }[] | undefined;
  let counted: RateLimit | undefined;
  for (const limit of limits) {
    if (!limit.matches(request)) continue;
    const bucket = limit.bucket(request);
    if (bucket.has(limit.config, now)) {
      drawn ??= [];
      drawn.push({ limit, bucket });
      continue;
    }
    if (limit.config.enforced)
      return {
        exceeded: limit.config,
        headers: limit.config.headersInResponse ? lines(limit.config, bucket, now) : "",
      };
    counted = limit.config;
  }
  let headers = "";
  for (const { limit, bucket } of drawn ?? []) {
    bucket.take(limit.config, now);
    if (limit.config.headersInResponse && headers === "") headers = lines(limit.config, bucket, now);
  }
  return headers === "" && counted === undefined ? undefined : { exceeded: counted, headers };
}

/** As the IETF's draft 03 on RateLimit headers, which Envoy follows: seconds are rounded up. */
function lines(config: RateLimit, bucket: TokenBucket, now: number): string {
  const reset = Math.ceil(bucket.fullInMs(config, now) / 1000);
  return `x-ratelimit-limit: ${config.maxTokens}\r\nx-ratelimit-remaining: ${bucket.remaining(config, now)}\r\nx-ratelimit-reset: ${reset}\r\n`;
}
