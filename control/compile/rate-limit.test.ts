import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { RateLimit } from "../../crds/workload-config.ts";
import { type Manifest, objects } from "./cluster.fake.ts";
import type { EnvoyFilter, RateLimit as RateLimitObject } from "./inputs.ts";
import { compileLimits } from "./rate-limit.ts";

function compiled(yaml: string, labels: Record<string, string> = { app: "shop" }): RateLimit[] {
  const all = objects(yaml);
  const of = (kind: string) => all.filter((each) => each.kind === kind);
  return compileLimits(
    of("RateLimit") as (Manifest & RateLimitObject)[],
    of("EnvoyFilter") as (Manifest & EnvoyFilter)[],
    labels,
  ).limits;
}

const everything = {
  methods: [],
  paths: [],
  headers: [],
  ports: [],
  key: [],
  status: 429,
  enforced: true,
  headersInResponse: false,
  grpcResourceExhausted: false,
};

describe("a RateLimit", () => {
  const limit = (rule: string, spec = "") => `
kind: RateLimit
metadata: {name: l, namespace: prod}
spec: {${spec}rules: [{${rule}}]}
`;
  it.each<[string, string, Partial<RateLimit>]>([
    [
      "is per second unless it says otherwise",
      "limit: {requests: 5}",
      { maxTokens: 5, tokensPerFill: 5, fillIntervalMs: 1_000 },
    ],
    ["knows units", "limit: {requests: 5, unit: MINUTE}", { maxTokens: 5, fillIntervalMs: 60_000 }],
    ["knows intervals", "limit: {requests: 5, per: 1m30s}", { fillIntervalMs: 90_000 }],
    ["has a burst", "limit: {requests: 5, burst: 50}", { maxTokens: 50, tokensPerFill: 5 }],
    [
      "counts what it matches",
      "match: {methods: [GET], paths: ['/a*'], headers: [{name: X, exact: y}], ports: [8080]}, limit: {requests: 1}",
      { methods: ["GET"], paths: ["/a*"], headers: [{ name: "X", exact: "y" }], ports: [8080] },
    ],
    [
      "counts apart",
      "key: [{attribute: HEADER, header: X-Key}, {attribute: PRINCIPAL}], limit: {requests: 1}",
      { key: [{ kind: "header", name: "x-key" }, { kind: "principal" }] },
    ],
    ["may only count", "dryRun: true, limit: {requests: 1}", { enforced: false }],
    ["may tell", "responseHeaders: true, limit: {requests: 1}", { headersInResponse: true }],
  ])("%s", (_, rule, expected) => {
    const limits = compiled(limit(rule));
    expect(limits).toMatchObject([{ ...everything, name: "RateLimit/prod/l[0]", ...expected }]);
  });

  it("is for the workloads that it selects", () => {
    expect(compiled(limit("limit: {requests: 1}", "selector: {matchLabels: {app: other}}, "))).toEqual([]);
  });
});

describe("an EnvoyFilter", () => {
  const filter = (
    patch: string,
    { match = "context: SIDECAR_INBOUND", operation = "INSERT_BEFORE", applyTo = "HTTP_FILTER" } = {},
  ) => `
kind: EnvoyFilter
metadata: {name: f, namespace: prod}
spec:
  workloadSelector: {labels: {app: shop}}
  configPatches:
  - applyTo: ${applyTo}
    match: {${match}}
    patch:
      operation: ${operation}
      value: {name: envoy.filters.http.local_ratelimit, typed_config: ${patch}}
`;
  const type = "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit";
  const typed = (fields: string) => `{"@type": ${type}, ${fields}}`;
  const bucket = "token_bucket: {max_tokens: 100, tokens_per_fill: 10, fill_interval: 1s}";
  const numbers = { maxTokens: 100, tokensPerFill: 10, fillIntervalMs: 1_000 };
  const sized = { ...everything, name: "EnvoyFilter/prod/f[0]", ...numbers };

  it.each<[string, string, object[]]>([
    ["with a local rate limit is that limit", filter(typed(bucket)), [sized]],
    [
      "in a TypedStruct is the same",
      filter(
        `{"@type": type.googleapis.com/udpa.type.v1.TypedStruct, type_url: ${type}, value: {${bucket}}}`,
      ),
      [sized],
    ],
    [
      "in camelCase is the same",
      filter(typed("tokenBucket: {maxTokens: 100, tokensPerFill: {value: 10}, fillInterval: 1s}")),
      [sized],
    ],
    [
      "that gives one token at a time",
      filter(typed("token_bucket: {max_tokens: 3, fill_interval: 60s}")),
      [{ maxTokens: 3, tokensPerFill: 1, fillIntervalMs: 60_000 }],
    ],
    [
      "for one port",
      filter(typed(bucket), { match: "context: SIDECAR_INBOUND, listener: {portNumber: 8080}" }),
      [{ ports: [8080] }],
    ],
    ["for every side", filter(typed(bucket), { match: "" }), [sized]],
    [
      "that is enabled and enforced for all",
      filter(
        typed(
          `${bucket}, filter_enabled: {default_value: {numerator: 100, denominator: HUNDRED}}, filter_enforced: {default_value: {numerator: 100}}`,
        ),
      ),
      [sized],
    ],
    [
      "that is enabled for none",
      filter(typed(`${bucket}, filter_enabled: {default_value: {numerator: 0}}`)),
      [],
    ],
    [
      "that is enforced for none",
      filter(typed(`${bucket}, filter_enforced: {default_value: {numerator: 0}}`)),
      [{ enforced: false }],
    ],
    [
      "with another status, headers and a gRPC status",
      filter(
        typed(
          `${bucket}, status: {code: 503}, enable_x_ratelimit_headers: DRAFT_VERSION_03, rate_limited_as_resource_exhausted: true`,
        ),
      ),
      [{ status: 503, headersInResponse: true, grpcResourceExhausted: true }],
    ],
    ["for calls that go out", filter(typed(bucket), { match: "context: SIDECAR_OUTBOUND" }), []],
    ["for gateways", filter(typed(bucket), { match: "context: GATEWAY" }), []],
    ["that takes a filter out", filter(typed(bucket), { operation: "REMOVE" }), []],
    ["of another sort", filter(typed(bucket), { applyTo: "NETWORK_FILTER" }), []],
    ["without a bucket", filter(typed("stat_prefix: x")), []],
    ["with a bucket of nothing", filter(typed("token_bucket: {max_tokens: 0, fill_interval: 1s}")), []],
    ["without an interval", filter(typed("token_bucket: {max_tokens: 1}")), []],
    ["without anything", "kind: EnvoyFilter\nmetadata: {name: f, namespace: prod}", []],
  ])("%s", (_, yaml, expected) => {
    const limits = compiled(yaml);
    expect(limits).toHaveLength(expected.length);
    expect(limits).toMatchObject(expected);
  });

  it("is for the workloads that it selects", () => {
    expect(compiled(filter(typed(bucket)), { app: "other" })).toEqual([]);
  });

  it("of the overview limits the gateway to 100 requests a second", () => {
    const overview = readFileSync(new URL("../../examples/overview.yaml", import.meta.url), "utf8");
    expect(compiled(overview, { app: "api-gateway" })).toEqual([
      {
        ...everything,
        name: "EnvoyFilter/istio-system/rate-limit[0]",
        maxTokens: 100,
        tokensPerFill: 100,
        fillIntervalMs: 1_000,
      },
    ]);
  });
});
