import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { HttpMatch, HttpRoute, StringMatch } from "../../crds/service-config.ts";
import { compileMatch, type MatchRequest } from "./match.ts";
import { queryParam } from "./query.ts";
import { compileRewrite, redirectLocation } from "./rewrite.ts";
import { compileRules, effectiveRetries, findRule, matchedPrefix } from "./table.ts";
import { choose, prepareWeights } from "./weighted.ts";

const client = { namespace: "shop", labels: { app: "storefront", version: "v1" } };

function request(
  fields: Partial<Omit<MatchRequest, "header">> & { headers?: Record<string, string> } = {},
): MatchRequest {
  const { headers = {}, ...rest } = fields;
  return {
    method: "GET",
    path: "/",
    authority: "pay.shop",
    scheme: "http",
    port: 80,
    header: (name) => headers[name],
    ...rest,
  };
}

function match(fields: Partial<HttpMatch> = {}): HttpMatch {
  return { headers: [], withoutHeaders: [], queryParams: [], ...fields };
}

function route(fields: Partial<HttpRoute> = {}): HttpRoute {
  return { matches: [], action: { kind: "forward", destinations: [] }, mirrors: [], ...fields };
}

const exact = (value: string): StringMatch => ({ kind: "exact", value });
const prefix = (value: string): StringMatch => ({ kind: "prefix", value });
const regex = (value: string): StringMatch => ({ kind: "regex", value });
const present: StringMatch = { kind: "present", value: "" };

describe("a match", () => {
  const cases: [
    why: string,
    match: Partial<HttpMatch>,
    request: Parameters<typeof request>[0],
    matches: boolean,
  ][] = [
    ["an empty match takes everything", {}, {}, true],
    ["an exact uri", { uri: exact("/a") }, { path: "/a" }, true],
    ["an exact uri does not see the query", { uri: exact("/a") }, { path: "/a?b=c" }, true],
    ["an exact uri is no prefix", { uri: exact("/a") }, { path: "/a/b" }, false],
    ["a prefix is a raw string: /foo takes /foobar", { uri: prefix("/foo") }, { path: "/foobar" }, true],
    ["a uri has case", { uri: prefix("/Foo") }, { path: "/foo" }, false],
    ["ignoreUriCase for a prefix", { uri: prefix("/Foo"), ignoreUriCase: true }, { path: "/fOO/x" }, true],
    ["ignoreUriCase for an exact uri", { uri: exact("/Foo"), ignoreUriCase: true }, { path: "/fOO" }, true],
    ["ignoreUriCase is not for regex", { uri: regex("/Foo"), ignoreUriCase: true }, { path: "/foo" }, false],
    ["a regex matches the whole path", { uri: regex("/v[12]") }, { path: "/v1/x" }, false],
    ["a regex does not see the query", { uri: regex("/v[12]") }, { path: "/v1?x" }, true],
    ["an empty prefix takes everything", { uri: prefix("") }, { path: "/x" }, true],
    ["a method", { method: exact("POST") }, { method: "POST" }, true],
    ["another method", { method: exact("POST") }, {}, false],
    ["an authority", { authority: prefix("pay") }, {}, true],
    ["a scheme", { scheme: exact("https") }, {}, false],
    ["the port that was called", { port: 80 }, {}, true],
    ["another port", { port: 81 }, {}, false],
    [
      "a header's value has case",
      { headers: [{ name: "x-canary", ...exact("true") }] },
      { headers: { "x-canary": "True" } },
      false,
    ],
    [
      "a header",
      { headers: [{ name: "x-canary", ...exact("true") }] },
      { headers: { "x-canary": "true" } },
      true,
    ],
    ["an absent header", { headers: [{ name: "x-canary", ...exact("true") }] }, {}, false],
    ["a header that is there", { headers: [{ name: "x", ...present }] }, { headers: { x: "" } }, true],
    ["a header that is not there", { headers: [{ name: "x", ...present }] }, {}, false],
    ["regex * as presence", { headers: [{ name: "x", ...regex("*") }] }, { headers: { x: "y" } }, true],
    ["conditions AND", { uri: prefix("/a"), headers: [{ name: "x", ...present }] }, { path: "/a" }, false],
    [
      "withoutHeaders takes a request without the header",
      { withoutHeaders: [{ name: "x", ...exact("1") }] },
      {},
      true,
    ],
    [
      "withoutHeaders takes another value",
      { withoutHeaders: [{ name: "x", ...exact("1") }] },
      { headers: { x: "2" } },
      true,
    ],
    [
      "withoutHeaders refuses the value",
      { withoutHeaders: [{ name: "x", ...exact("1") }] },
      { headers: { x: "1" } },
      false,
    ],
    [
      "withoutHeaders present refuses any value",
      { withoutHeaders: [{ name: "x", ...present }] },
      { headers: { x: "9" } },
      false,
    ],
    ["a query parameter", { queryParams: [{ name: "v", ...exact("2") }] }, { path: "/?a=1&v=2" }, true],
    [
      "another value of a query parameter",
      { queryParams: [{ name: "v", ...exact("2") }] },
      { path: "/?v=22" },
      false,
    ],
    [
      "a query parameter by presence",
      { queryParams: [{ name: "v", ...present }] },
      { path: "/?vv=1&v" },
      true,
    ],
    ["no query parameter in the path", { queryParams: [{ name: "v", ...present }] }, { path: "/v" }, false],
    [":method among headers", { headers: [{ name: ":method", ...exact("GET") }] }, {}, true],
  ];
  it.each(cases)("%s", (_, fields, given, matches) => {
    expect(compileMatch(match(fields), client)?.matches(request(given))).toBe(matches);
  });

  it.each([
    ["its labels are the client's", { sourceLabels: { app: "storefront" } }, true],
    ["a label differs", { sourceLabels: { app: "storefront", version: "v2" } }, false],
    ["its namespace is the client's", { sourceNamespace: "shop" }, true],
    ["its namespace is another", { sourceNamespace: "bank" }, false],
  ])("is for this client when %s: %s", (_, fields, isFor) => {
    expect(compileMatch(match(fields), client) !== undefined).toBe(isFor);
  });

  it("never throws on any request", () => {
    const text = fc.string({ maxLength: 12 });
    const kind = fc.constantFrom("exact", "prefix", "present");
    const string = fc.record({ kind, value: text }) as fc.Arbitrary<StringMatch>;
    const named = fc.array(fc.record({ name: text, kind, value: text }), { maxLength: 2 }) as fc.Arbitrary<
      HttpMatch["headers"]
    >;
    fc.assert(
      fc.property(string, named, fc.boolean(), text, text, (uri, names, ignoreUriCase, path, value) => {
        const compiled = compileMatch(
          match({ uri, ignoreUriCase, headers: names, withoutHeaders: names, queryParams: names }),
          client,
        );
        expect(typeof compiled?.matches({ ...request(), path, authority: value, header: () => value })).toBe(
          "boolean",
        );
      }),
    );
  });
});

describe("rules", () => {
  const rules = compileRules(
    [
      route({ name: "other", matches: [match({ sourceNamespace: "bank" })] }),
      route({
        name: "either",
        matches: [match({ uri: prefix("/a/") }), match({ headers: [{ name: "x", ...exact("1") }] })],
      }),
      route({ name: "rest" }),
      route({ name: "unreachable", matches: [match({ uri: exact("/z") })] }),
    ],
    client,
  );
  const named = (given?: Parameters<typeof request>[0]) => rules[findRule(rules, request(given))]?.route.name;

  it("leave out what is for other clients and what follows a catch-all", () => {
    expect(rules.map((rule) => rule.route.name)).toEqual(["either", "rest"]);
  });

  it("answer the first that matches, by any of its matches", () => {
    expect([named({ path: "/a/b" }), named({ headers: { x: "1" } }), named({ path: "/b" })]).toEqual([
      "either",
      "either",
      "rest",
    ]);
  });

  it("answer none without a catch-all", () => {
    expect(
      findRule(compileRules([route({ matches: [match({ uri: exact("/a") })] })], client), request()),
    ).toBe(-1);
  });

  it("tell the prefix that a rewrite replaces", () => {
    const prefixes = compileRules(
      [
        route({
          matches: [
            match({ uri: exact("/e") }),
            match({ uri: prefix("/a/") }),
            match({ method: exact("PUT") }),
          ],
        }),
      ],
      client,
    );
    const rule = prefixes[0];
    if (rule === undefined) throw new Error("the rule is missing");
    expect(matchedPrefix(rule, request({ path: "/a/b" }))).toBe("/a/");
    expect(matchedPrefix(rule, request({ path: "/e" }))).toBeUndefined();
    expect(matchedPrefix(rule, request({ path: "/q", method: "PUT" }))).toBe("/");
  });

  it("retry twice by default, as said otherwise, and not at all with 0 attempts", () => {
    const policy = {
      attempts: 0,
      retryOn: [],
      retriableStatusCodes: [],
      backoffMs: 25,
      retryRemoteLocalities: false,
      ignorePreviousHosts: true,
    };
    expect(effectiveRetries({})?.attempts).toBe(2);
    expect(effectiveRetries({ retries: { ...policy, attempts: 5 } })?.attempts).toBe(5);
    expect(effectiveRetries({ retries: policy })).toBeUndefined();
  });
});

describe("a weighted choice", () => {
  const weigh = (...weights: number[]) => prepareWeights(weights.map((weight, item) => ({ item, weight })));

  it("is exact at the bounds, and takes a single entry whatever its weight", () => {
    const weighted = weigh(90, 0, 10);
    expect(weighted && [0, 0.8999, 0.9, 0.9999].map((r) => choose(weighted, r))).toEqual([0, 0, 2, 2]);
    const single = weigh(0);
    expect(single && choose(single, 0.5)).toBe(0);
    expect(weigh(0, 0)).toBeUndefined();
    expect(weigh()).toBeUndefined();
  });

  it("gives each entry exactly its share of the unit interval", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(100), { minLength: 2, maxLength: 8 }).filter((all) => all.some((n) => n > 0)),
        (weights) => {
          const weighted = weigh(...weights);
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          const counts = new Array<number>(weights.length).fill(0);
          for (let i = 0; i < total; i++) {
            const chosen = weighted === undefined ? -1 : choose(weighted, (i + 0.5) / total);
            counts[chosen] = (counts[chosen] ?? 0) + 1;
          }
          expect(counts).toEqual(weights);
        },
      ),
    );
  });
});

describe("a rewrite", () => {
  it.each([
    ["/foo/bar?q=1", "/foo", "/", "//bar?q=1"],
    ["/foo/bar", "/foo/", "/", "/bar"],
    ["/foo", "/foo", "/new", "/new"],
    ["/old/path?q=1", undefined, "/new", "/new?q=1"],
    ["/x", "/", "/api/", "/api/x"],
  ])("of %s with the prefix %s to %s gives %s", (path, matched, uri, expected) => {
    expect(compileRewrite({ uri })?.rewrite(path, matched)).toBe(expected);
  });

  it("by regex substitutes in the path alone", () => {
    const rewrite = compileRewrite({ regex: { match: "/v(\\d)", rewrite: "/version\\1" } });
    expect(rewrite?.rewrite("/v1/x/v2?u=/v3", undefined)).toBe("/version1/x/version2?u=/v3");
  });

  it("of the authority alone leaves the path", () => {
    expect(compileRewrite({ authority: "a" })).toBeUndefined();
    expect(compileRewrite(undefined)).toBeUndefined();
  });
});

describe("a redirect", () => {
  const from = { path: "/foo/bar?q=1", authority: "shop.example:8080", scheme: "http", port: 8080 };
  it.each([
    [{ uri: "/new" }, "http://shop.example:8080/new?q=1"],
    [{ prefixRewrite: "/baz" }, "http://shop.example:8080/baz/bar?q=1"],
    [{ authority: "other.example" }, "http://other.example/foo/bar?q=1"],
    [{ scheme: "https" }, "https://shop.example:8080/foo/bar?q=1"],
    [{ scheme: "https", port: 443 }, "https://shop.example/foo/bar?q=1"],
    [{ port: 9090 }, "http://shop.example:9090/foo/bar?q=1"],
    [{ scheme: "https", derivePort: "FROM_PROTOCOL_DEFAULT" as const }, "https://shop.example/foo/bar?q=1"],
    [{ authority: "a", derivePort: "FROM_REQUEST_PORT" as const }, "http://a:8080/foo/bar?q=1"],
    [{ authority: "[::1]", port: 81 }, "http://[::1]:81/foo/bar?q=1"],
  ])("%j leads to %s", (redirect, expected) => {
    expect(redirectLocation(redirect, from, "/foo")).toBe(expected);
  });
});

describe("a query parameter", () => {
  it.each([
    ["/?a=1&b=2", "b", "2"],
    ["/?a=1", "b", undefined],
    ["/?a", "a", ""],
    ["/?a=", "a", ""],
    ["/?a=1&a=2", "a", "1"],
    ["/", "a", undefined],
    ["/?", "", ""],
    ["/?a=b=c", "a", "b=c"],
    ["/?&&a=1", "a", "1"],
  ])("of %s named %j is %j", (path, name, value) => {
    expect(queryParam(path, name)).toBe(value);
  });
});
