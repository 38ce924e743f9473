/** The limits that hold for a workload: of RateLimits, and of EnvoyFilters that put in Envoy's local rate limit or its buffer. */
import type { BodyLimit, RateLimit as CompiledRateLimit } from "../../crds/workload-config.ts";
import { bodyLimits } from "./body-limit.ts";
import { parseDurationMs } from "./duration.ts";
import type { EnvoyFilter, RateLimit } from "./inputs.ts";
import type { RateLimitRuleSpec } from "./istio.ts";
import type { Labels } from "./labels.ts";
import { localRateLimits } from "./local-rate-limit.ts";
import { generationOf, keyOf } from "./names.ts";
import { compareText } from "./order.ts";
import { appliesTo } from "./policy.ts";

export interface CompiledLimits {
  readonly limits: CompiledRateLimit[];
  readonly bodies: BodyLimit[];
  /** Generations of what they come from. */
  readonly sources: string[];
}

export function compileLimits(
  rateLimits: readonly RateLimit[],
  envoyFilters: readonly EnvoyFilter[],
  labels: Labels,
): CompiledLimits {
  const ours = selected(rateLimits, labels).map((policy) => ({
    generation: generationOf("RateLimit", policy.metadata),
    bodies: [],
    limits: (policy.spec?.rules ?? []).map((rule, i) =>
      compileRule(rule, `RateLimit/${keyOf(policy.metadata)}[${i}]`),
    ),
  }));
  const envoys = selected(envoyFilters, labels).map((filter) => ({
    generation: generationOf("EnvoyFilter", filter.metadata),
    bodies: bodyLimits(filter),
    limits: localRateLimits(filter),
  }));
  const all = [...ours, ...envoys].filter(({ limits, bodies }) => limits.length > 0 || bodies.length > 0);
  return {
    limits: all.flatMap(({ limits }) => limits),
    bodies: all.flatMap(({ bodies }) => bodies),
    sources: all.map(({ generation }) => generation),
  };
}

function selected<T extends RateLimit | EnvoyFilter>(policies: readonly T[], labels: Labels): T[] {
  return policies
    .filter((policy) => appliesTo(policy, labels))
    .sort((a, b) => compareText(keyOf(a.metadata), keyOf(b.metadata)));
}

const unitMs = { SECOND: 1_000, MINUTE: 60_000, HOUR: 3_600_000, DAY: 86_400_000 } as const;

const kinds = {
  HEADER: "header",
  PATH: "path",
  METHOD: "method",
  PRINCIPAL: "principal",
  SOURCE: "source",
} as const;

function compileRule({ match, limit, key, dryRun, responseHeaders }: RateLimitRuleSpec, name: string) {
  return {
    name,
    methods: match?.methods ?? [],
    paths: match?.paths ?? [],
    headers: match?.headers ?? [],
    ports: match?.ports ?? [],
    maxTokens: limit.burst ?? limit.requests,
    tokensPerFill: limit.requests,
    fillIntervalMs: parseDurationMs(limit.per) ?? unitMs[limit.unit ?? "SECOND"],
    key: (key ?? []).map(({ attribute, header }) => ({
      kind: kinds[attribute],
      ...(header !== undefined && { name: header.toLowerCase() }),
    })),
    status: 429,
    enforced: dryRun !== true,
    headersInResponse: responseHeaders ?? false,
    grpcResourceExhausted: false,
  } satisfies CompiledRateLimit;
}
