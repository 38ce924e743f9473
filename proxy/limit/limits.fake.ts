import type { RateLimit } from "../../crds/workload-config.ts";

/** A limit of so many requests a second that counts everything. */
export function rateLimit(perSecond: number, fields: Partial<RateLimit> = {}): RateLimit {
  return {
    name: "RateLimit/default/limit[0]",
    methods: [],
    paths: [],
    headers: [],
    ports: [],
    maxTokens: perSecond,
    tokensPerFill: perSecond,
    fillIntervalMs: 1_000,
    key: [],
    status: 429,
    enforced: true,
    headersInResponse: false,
    grpcResourceExhausted: false,
    ...fields,
  };
}
