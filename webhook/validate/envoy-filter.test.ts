import { describe, expect, test } from "vitest";
import { checkRules, type RuleCase, warningsOf } from "./fixtures.ts";

const inbound = { context: "SIDECAR_INBOUND" };
const spec = (patch: object) => ({ workloadSelector: { labels: { app: "a" } }, configPatches: [patch] });
const limit = (typed: object, fields: object = {}) =>
  spec({
    applyTo: "HTTP_FILTER",
    match: inbound,
    patch: {
      operation: "INSERT_BEFORE",
      value: { name: "envoy.filters.http.local_ratelimit", typed_config: typed },
    },
    ...fields,
  });
const bucket = { max_tokens: 1, fill_interval: "1s" };
const good = limit({ "@type": "x.LocalRateLimit", stat_prefix: "x", token_bucket: bucket });

const cases: RuleCase[] = [
  { rule: "no spec is needed", bad: 1, says: ["spec: Invalid value: 1: must be an object"], good: undefined },
  {
    rule: "a patch is not null",
    bad: { configPatches: [null] },
    says: ["spec.configPatches[0]: Required value: must not be null"],
    good,
  },
  {
    rule: "a patch says what it is for and what it does",
    bad: spec({}),
    says: [
      "spec.configPatches[0].applyTo: Required value: one of LISTENER, FILTER_CHAIN, NETWORK_FILTER, HTTP_FILTER, ROUTE_CONFIGURATION, VIRTUAL_HOST, HTTP_ROUTE, CLUSTER, EXTENSION_CONFIG, BOOTSTRAP, LISTENER_FILTER",
      "spec.configPatches[0].patch: Required value: what to change",
    ],
    good,
  },
  {
    rule: "an operation other than REMOVE has a value",
    bad: spec({ applyTo: "CLUSTER", patch: { operation: "MERGE" } }),
    says: ["spec.configPatches[0].patch.value: Required value: what to put in"],
    good: spec({ applyTo: "CLUSTER", patch: { operation: "REMOVE" } }),
  },
  {
    rule: "waypoints have rules of their own",
    bad: spec({ applyTo: "HTTP_FILTER", match: inbound, patch: { operation: "ADD" } }),
    says: ["spec.configPatches[0].patch.value: Required value: what to put in"],
    good: spec({ applyTo: "HTTP_FILTER", match: { context: "WAYPOINT" }, patch: { operation: "ADD" } }),
  },
  {
    rule: "a selector and targets exclude each other",
    bad: { workloadSelector: { labels: { a: "b" } }, targetRefs: [{}] },
    says: ["spec.targetRefs: Forbidden: may not be used together with workloadSelector"],
    good: { targetRefs: [{ kind: "Gateway", name: "g" }] },
  },
];

checkRules("EnvoyFilter", cases);

describe("an EnvoyFilter", () => {
  test("that is a local rate limit is not warned of", () => {
    expect(warningsOf("EnvoyFilter", good)).toEqual([]);
  });

  const buffered = (config: object) =>
    spec({
      applyTo: "HTTP_FILTER",
      match: inbound,
      patch: {
        operation: "INSERT_BEFORE",
        value: { name: "envoy.filters.http.buffer", typed_config: config },
      },
    });
  test("that limits requests' bodies is not warned of", () => {
    expect(warningsOf("EnvoyFilter", buffered({ max_request_bytes: 1024 }))).toEqual([]);
  });

  const no = "is not honoured: there is no Envoy here";
  const at = "spec.configPatches[0]";
  const typedAt = `${at}.patch.value.typed_config`;
  test.each<[string, object, string[]]>([
    [
      "another filter",
      spec({
        applyTo: "HTTP_FILTER",
        match: inbound,
        patch: { operation: "INSERT_BEFORE", value: { name: "envoy.filters.http.lua" } },
      }),
      [`${at}: HTTP_FILTER INSERT_BEFORE envoy.filters.http.lua ${no}`],
    ],
    [
      "another sort of patch",
      spec({ applyTo: "CLUSTER", patch: { operation: "MERGE", value: { connect_timeout: "1s" } } }),
      [`${at}: CLUSTER MERGE ${no}`],
    ],
    [
      "a limit on the way out",
      limit({ token_bucket: bucket }, { match: { context: "SIDECAR_OUTBOUND" } }),
      [`${at}: HTTP_FILTER INSERT_BEFORE envoy.filters.http.local_ratelimit ${no}`],
    ],
    [
      "a limit's descriptors",
      limit({ token_bucket: bucket, descriptors: [] }),
      [`${typedAt}.descriptors: ${no}`.replace(".descriptors", "[descriptors]")],
    ],
    [
      "a limit without a bucket",
      limit({ statPrefix: "x" }),
      [
        `${typedAt}.token_bucket: without max_tokens and fill_interval there is no limit`.replace(
          "token_bucket",
          "tokenBucket",
        ),
      ],
    ],
    [
      "a limit of half of the requests",
      limit({
        "@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
        value: { token_bucket: bucket, filter_enabled: { default_value: { numerator: 50 } } },
      }),
      [
        `${typedAt}.value.filter_enabled.default_value.numerator: shares are not honoured: any but 0 is all of the requests`.slice(
          0,
          120,
        ),
      ],
    ],
    ["a buffer without a size", buffered({}), [`${typedAt}: without max_request_bytes there is no limit`]],
    [
      "a selector without labels",
      { workloadSelector: {} },
      ["spec.workloadSelector: selects every workload, as it has no labels"],
    ],
  ])("is warned of for %s", (_, given, expected) => {
    const told = warningsOf("EnvoyFilter", given);
    expect(told).toHaveLength(expected.length);
    for (const [i, warning] of expected.entries()) expect(told[i]?.slice(0, 100)).toBe(warning.slice(0, 100));
  });
});
