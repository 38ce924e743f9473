import { describe, expect, it } from "vitest";
import type { RateLimit } from "../../crds/workload-config.ts";
import { bucketName } from "./limit.ts";
import { rateLimit } from "./limits.fake.ts";
import { compileLimits, type LimitedRequest } from "./limits.ts";

type Given = Partial<LimitedRequest> & { readonly headers?: Readonly<Record<string, string>> };

function request({ headers = {}, ...fields }: Given = {}): LimitedRequest {
  return {
    method: "GET",
    path: "/api/items",
    principal: "cluster.local/ns/a/sa/b",
    sourceIp: "10.0.0.1",
    destinationPort: 8080,
    header: (name) => headers[name],
    ...fields,
  };
}

/** How many of these requests, all at once, get through. */
function passed(configs: readonly RateLimit[], requests: readonly LimitedRequest[]): boolean[] {
  const limits = compileLimits(configs, undefined);
  return requests.map((each) => limits?.check(each, 0)?.exceeded === undefined);
}

describe("what a limit counts", () => {
  it.each<[string, Partial<RateLimit>, Given, boolean]>([
    ["everything", {}, {}, true],
    ["its methods", { methods: ["POST"] }, { method: "POST" }, true],
    ["no other methods", { methods: ["POST"] }, {}, false],
    ["its paths", { paths: ["/api/*"] }, {}, true],
    ["no other paths", { paths: ["/api"] }, {}, false],
    ["templates of paths", { paths: ["/{*}/items"] }, {}, true],
    ["its ports", { ports: [8080] }, {}, true],
    ["no other ports", { ports: [80] }, {}, false],
    ["requests that have a header", { headers: [{ name: "X-A" }] }, { headers: { "x-a": "" } }, true],
    ["none that have it not", { headers: [{ name: "X-A" }] }, {}, false],
    ["a header's value", { headers: [{ name: "x-a", exact: "1" }] }, { headers: { "x-a": "1" } }, true],
    ["no other value", { headers: [{ name: "x-a", exact: "1" }] }, { headers: { "x-a": "2" } }, false],
    ["a value's beginning", { headers: [{ name: "x-a", prefix: "1" }] }, { headers: { "x-a": "12" } }, true],
    ["all of its conditions", { methods: ["GET"], paths: ["/x"] }, {}, false],
  ])("%s", (_, fields, given, counts) => {
    const both = [request(given), request(given)];
    expect(passed([rateLimit(1, fields)], both)).toEqual([true, !counts]);
  });
});

describe("what is counted together", () => {
  const key = (...kinds: RateLimit["key"]) => [rateLimit(1, { key: kinds })];
  it.each<[string, readonly RateLimit[], Given, boolean]>([
    ["everything without a key", [rateLimit(1)], { sourceIp: "10.0.0.2" }, false],
    ["requests of one source", key({ kind: "source" }), { path: "/other" }, false],
    ["not those of another", key({ kind: "source" }), { sourceIp: "10.0.0.2" }, true],
    ["requests of one identity", key({ kind: "principal" }), { sourceIp: "10.0.0.2" }, false],
    ["requests of one path", key({ kind: "path" }), { path: "/other" }, true],
    ["requests of one method", key({ kind: "method" }), { method: "PUT" }, true],
    [
      "requests of one header's value",
      key({ kind: "header", name: "X-Key" }),
      { headers: { "x-key": "b" } },
      true,
    ],
    ["requests without the header", key({ kind: "header", name: "X-Key" }), {}, false],
    ["requests that share every part", key({ kind: "source" }, { kind: "path" }), { path: "/other" }, true],
  ])("%s", (_, configs, second, passes) => {
    expect(passed(configs, [request(), request(second)])).toEqual([true, passes]);
  });

  it("a client that invents keys fills no memory", () => {
    const limits = compileLimits(key({ kind: "path" }), undefined);
    for (let i = 0; i < 20_000; i++) limits?.check(request({ path: `/${i}` }), 0);
    expect(limits?.check(request({ path: "/19999" }), 0)?.exceeded).toBeDefined();
    expect(limits?.check(request({ path: "/0" }), 0)).toBeUndefined();
  });
});

describe("a bucket's name", () => {
  it("is short however much a client says, and is another for each key", () => {
    const keys = ["", "a", "a".repeat(256), ...["a", "b"].map((end) => `${"a".repeat(90_000)}${end}`)];
    const names = keys.map(bucketName);
    expect(new Set(names).size).toBe(keys.length);
    for (const name of names) expect(name.length).toBeLessThanOrEqual(256);
  });

  it("counts long keys like others", () => {
    const configs = [rateLimit(1, { key: [{ kind: "path" }] })];
    const long = (end: string) => request({ path: `/${"a".repeat(90_000)}${end}` });
    expect(passed(configs, [long("a"), long("b"), long("a")])).toEqual([true, true, false]);
  });
});

describe("several limits", () => {
  it("each has to have room, and a refused request draws from none", () => {
    const wide = rateLimit(3, { name: "wide" });
    const narrow = rateLimit(1, { name: "narrow", paths: ["/narrow"] });
    const limits = compileLimits([wide, narrow], undefined);
    const names = ["/narrow", "/narrow", "/narrow", "/", "/", "/"].map(
      (path) => limits?.check(request({ path }), 0)?.exceeded?.name,
    );
    expect(names).toEqual([undefined, "narrow", "narrow", undefined, undefined, "wide"]);
  });

  it("one that is not enforced only tells", () => {
    const limits = compileLimits([rateLimit(1, { enforced: false, name: "soft" })], undefined);
    limits?.check(request(), 0);
    expect(limits?.check(request(), 0)).toMatchObject({ exceeded: { name: "soft", enforced: false } });
  });
});

describe("what a response says", () => {
  it("the limit, what is left and when all is there again", () => {
    const limits = compileLimits([rateLimit(2, { headersInResponse: true })], undefined);
    const lines = [0, 0, 0].map((now) => limits?.check(request(), now)?.headers);
    expect(lines).toEqual([
      "x-ratelimit-limit: 2\r\nx-ratelimit-remaining: 1\r\nx-ratelimit-reset: 1\r\n",
      "x-ratelimit-limit: 2\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: 1\r\n",
      "x-ratelimit-limit: 2\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: 1\r\n",
    ]);
  });
});

describe("a new configuration", () => {
  it("does not fill the buckets of limits that stay", () => {
    const limit = rateLimit(1);
    const first = compileLimits([limit], undefined);
    first?.check(request(), 0);
    const second = compileLimits([rateLimit(5, { name: "new" }), { ...limit }], first);
    expect(second?.check(request(), 0)?.exceeded?.name).toBe(limit.name);
    const third = compileLimits([rateLimit(2, { name: limit.name })], second);
    expect(third?.check(request(), 0)).toBeUndefined();
  });

  it("without limits costs nothing", () => {
    expect(compileLimits([], undefined)).toBeUndefined();
  });
});
