/**
 * Envoy's local rate limit, as EnvoyFilters put it in front of applications: the one patch that means the same here. Envoy names
 * fields in snake_case or camelCase, and wraps whole messages or not; both are read.
 */
import type { RateLimit } from "../../crds/workload-config.ts";
import { parseDurationMs } from "./duration.ts";
import type { EnvoyFilter } from "./inputs.ts";
import type { ConfigPatchSpec } from "./istio.ts";
import { keyOf } from "./names.ts";

const filterName = "envoy.filters.http.local_ratelimit";
const insertions: ReadonlySet<string> = new Set(["ADD", "INSERT_BEFORE", "INSERT_AFTER", "INSERT_FIRST"]);
const most = 1_000_000_000;
const dayMs = 86_400_000;

type Message = Readonly<Record<string, unknown>>;

/** The limits that a filter's patches make; [] where none does, or what is written makes no limit. */
export function localRateLimits(filter: EnvoyFilter): RateLimit[] {
  return (filter.spec?.configPatches ?? []).flatMap((patch, i) => {
    const config = localRateLimitOf(patch);
    const limit = config && compile(config, patch, `EnvoyFilter/${keyOf(filter.metadata)}[${i}]`);
    return limit === undefined ? [] : [limit];
  });
}

function localRateLimitOf({ applyTo, match, patch }: ConfigPatchSpec): Message | undefined {
  const context = match?.context ?? "ANY";
  if (applyTo !== "HTTP_FILTER" || (context !== "SIDECAR_INBOUND" && context !== "ANY")) return undefined;
  if (!insertions.has(patch?.operation ?? "")) return undefined;
  const value = message(patch?.value);
  if (value?.name !== filterName) return undefined;
  const typed = field(value, "typed_config");
  const inner = typed === undefined ? undefined : message(typed.value);
  return String(typed?.["@type"]).endsWith("TypedStruct") ? inner : typed;
}

function compile(config: Message, { match }: ConfigPatchSpec, name: string): RateLimit | undefined {
  const bucket = field(config, "token_bucket");
  if (bucket === undefined) return undefined;
  const maxTokens = whole(member(bucket, "max_tokens"));
  const tokensPerFill = whole(member(bucket, "tokens_per_fill")) ?? 1;
  const interval = member(bucket, "fill_interval");
  const fillIntervalMs = typeof interval === "string" ? parseDurationMs(interval) : undefined;
  if (maxTokens === undefined || fillIntervalMs === undefined) return undefined;
  if (fillIntervalMs < 1 || fillIntervalMs > dayMs || !isEnabled(config, "filter_enabled")) return undefined;
  const port = whole(message(match?.listener)?.portNumber);
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

function field(of: Message, name: string): Message | undefined {
  return message(member(of, name));
}

function member(of: Message, name: string): unknown {
  return of[name] ?? of[name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())];
}

function message(value: unknown): Message | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Message)
    : undefined;
}

/** A positive number, bare or in a wrapper message. */
function whole(value: unknown): number | undefined {
  const number = typeof value === "object" ? message(value)?.value : value;
  return Number.isInteger(number) && (number as number) >= 1 && (number as number) <= most
    ? (number as number)
    : undefined;
}
