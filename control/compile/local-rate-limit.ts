/**
 * Envoy's local rate limit, as EnvoyFilters put it in front of applications: it means the same here.
 */
import type { RateLimit } from "../../crds/workload-config.ts";
import { parseDurationMs } from "./duration.ts";
import { field, type InboundFilter, inboundFilters, type Message, member, whole } from "./envoy-patch.ts";
import type { EnvoyFilter } from "./inputs.ts";

const dayMs = 86_400_000;

/** The limits that a filter's patches make; [] where none does, or what is written makes no limit. */
export function localRateLimits(filter: EnvoyFilter): RateLimit[] {
  return inboundFilters(filter, "envoy.filters.http.local_ratelimit").flatMap(
    (patch) => compile(patch) ?? [],
  );
}

function compile({ config, port, name }: InboundFilter): RateLimit | undefined {
  const bucket = field(config, "token_bucket");
  if (bucket === undefined) return undefined;
  const maxTokens = whole(member(bucket, "max_tokens"));
  const tokensPerFill = whole(member(bucket, "tokens_per_fill")) ?? 1;
  const interval = member(bucket, "fill_interval");
  const fillIntervalMs = typeof interval === "string" ? parseDurationMs(interval) : undefined;
  if (maxTokens === undefined || fillIntervalMs === undefined) return undefined;
  if (fillIntervalMs < 1 || fillIntervalMs > dayMs || !isEnabled(config, "filter_enabled")) return undefined;
  const status = whole(field(config, "status")?.code) ?? 429;
  return {
    name,
    methods: [],
    paths: [],
    headers: [],
    ports: port === undefined ? [] : [port],
    maxTokens,
    tokensPerFill,
    fillIntervalMs,
    key: [],
    // Envoy takes only errors here, too.
    status: status >= 400 && status < 600 ? status : 429,
    enforced: isEnabled(config, "filter_enforced"),
    headersInResponse: member(config, "enable_x_ratelimit_headers") === "DRAFT_VERSION_03",
    grpcResourceExhausted: member(config, "rate_limited_as_resource_exhausted") === true,
  };
}

/**
 * A share of requests: all of them, unless it is said to be none. Envoy takes a share that is absent for none; whoever writes a
 * limit and no share means the limit.
 */
function isEnabled(config: Message, name: string): boolean {
  const share = field(config, name);
  const value = share === undefined ? undefined : field(share, "default_value");
  return value?.numerator !== 0;
}
