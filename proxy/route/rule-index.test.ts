import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { HttpMatch, HttpRoute, StringMatch } from "../../crds/service-config.ts";
import type { MatchRequest } from "./match.ts";
import { ruleFinder } from "./rule-index.ts";
import { compileRules, findRule, type Rule } from "./table.ts";

const client = { namespace: "shop", labels: {} };
const match = (fields: Partial<HttpMatch> = {}): HttpMatch => ({
  headers: [],
  withoutHeaders: [],
  queryParams: [],
  ...fields,
});
const route = (...matches: HttpMatch[]): HttpRoute => ({
  matches,
  action: { kind: "forward", destinations: [] },
  mirrors: [],
});
const request = (path: string, canary?: string): MatchRequest => ({
  method: "GET",
  path,
  authority: "web",
  scheme: "http",
  port: 80,
  header: (name) => (name === "x-canary" ? canary : undefined),
});

// Few letters, so that paths are often equal and prefixes of one another; beyond ASCII, since order is by code unit.
const path = fc.string({ unit: fc.constantFrom("/", "a", "b", "A", "é", "\u{1f600}"), maxLength: 5 });
const uri: fc.Arbitrary<StringMatch> = fc.oneof(
  fc.record({ kind: fc.constantFrom("exact" as const, "prefix" as const), value: path }),
  fc.record({ kind: fc.constant("regex" as const), value: fc.constantFrom("/a.*", "[ab]+", ".*/") }),
);
const anyMatch: fc.Arbitrary<HttpMatch> = fc
  .record({
    uri: fc.option(uri, { nil: undefined, freq: 8 }),
    ignoreUriCase: fc.boolean(),
    canary: fc.constantFrom(undefined, undefined, "1", "2"),
    method: fc.constantFrom(undefined, undefined, "GET", "PUT"),
  })
  .map(({ uri, ignoreUriCase, canary, method }) =>
    match({
      ...(uri && { uri }),
      ...(ignoreUriCase && uri?.kind !== "regex" && uri?.value.includes("b") && { ignoreUriCase }),
      ...(method && { method: { kind: "exact", value: method } }),
      headers: canary === undefined ? [] : [{ name: "x-canary", kind: "exact", value: canary }],
    }),
  );

/** The rules, and how often their matches are asked. */
function counted(rules: readonly Rule[]): { readonly rules: readonly Rule[]; readonly asked: () => number } {
  let asked = 0;
  const counting = rules.map((rule) => ({
    ...rule,
    matches: rule.matches.map((each) => ({
      ...each,
      matches(given: MatchRequest) {
        asked++;
        return each.matches(given);
      },
    })),
  }));
  return { rules: counting, asked: () => asked };
}

describe("an index of rules", () => {
  it("finds what asking one rule after another finds, and never asks more", () => {
    const lists = fc.array(fc.array(anyMatch, { minLength: 1, maxLength: 3 }), {
      minLength: 17,
      maxLength: 60,
    });
    const requests = fc.array(fc.tuple(path, fc.constantFrom("", "?a=/b"), fc.constantFrom(undefined, "1")), {
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(lists, fc.boolean(), requests, (matches, catchAll, asks) => {
        const routes = [...matches.map((each) => route(...each)), ...(catchAll ? [route()] : [])];
        const indexed = counted(compileRules(routes, client));
        const scanned = counted(compileRules(routes, client));
        const find = ruleFinder(indexed.rules);
        for (const [path, query, canary] of asks) {
          const given = request(path + query, canary);
          expect(find(given)).toBe(findRule(scanned.rules, given));
        }
        expect(indexed.asked()).toBeLessThanOrEqual(scanned.asked());
      }),
    );
  });

  const MANY = 10_000;
  const numbered = (kind: "exact" | "prefix") =>
    Array.from({ length: MANY }, (_, i) => route(match({ uri: { kind, value: `/api/v1/items-${i}/` } })));
  it.each<[string, HttpRoute[], string, number, number]>([
    ["a path to equal", numbered("exact"), `/api/v1/items-${MANY - 1}/?q`, MANY - 1, 1],
    ["a prefix", numbered("prefix"), "/api/v1/items-7777/x", 7777, 1],
    ["nothing", numbered("prefix"), "/api/v1/items-x/", -1, 0],
    ["the rest", [...numbered("prefix"), route()], "/", MANY, 0],
    [
      "the first of two prefixes, the longer behind the shorter",
      [...numbered("prefix"), route(match({ uri: { kind: "prefix", value: "/api/v1/items-7777/x" } }))],
      "/api/v1/items-7777/xyz",
      7777,
      1,
    ],
  ])("of ten thousand routes asks only those that fit the path: %s", (_, routes, path, found, questions) => {
    const { rules, asked } = counted(compileRules(routes, client));
    expect(ruleFinder(rules)(request(path))).toBe(found);
    expect(asked()).toBe(questions);
  });

  it("takes the earlier rule, whichever kind of match it has", () => {
    const rules = compileRules(
      [
        ...numbered("exact").slice(0, 20),
        route(match({ uri: { kind: "regex", value: "/b/.*" } })),
        route(match({ uri: { kind: "prefix", value: "/b/" } })),
        route(match({ uri: { kind: "exact", value: "/b/c" } })),
        route(match({ uri: { kind: "prefix", value: "/" } })),
      ],
      client,
    );
    const find = ruleFinder(rules);
    expect(["/b/c", "/b/", "/b", "/api/v1/items-3/"].map((path) => find(request(path)))).toEqual([
      20, 20, 23, 3,
    ]);
  });

  it("finds the rule among more prefixes of one path than it takes in turns", () => {
    const nested = Array.from({ length: 40 }, (_, i) =>
      route(match({ uri: { kind: "prefix", value: `/${"a".repeat(40 - i)}` } })),
    );
    const find = ruleFinder(compileRules(nested, client));
    expect([40, 39, 9, 1, 0].map((length) => find(request(`/${"a".repeat(length)}`)))).toEqual([
      0, 1, 31, 39, -1,
    ]);
  });
});
