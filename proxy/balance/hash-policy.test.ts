import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ConsistentHash } from "../../crds/service-config.ts";
import { seeded } from "./candidate.fake.ts";
import { hashString } from "./hash.ts";
import { compileHashPolicy, cookieOf } from "./hash-policy.ts";

const policy = (key: Partial<ConsistentHash>) =>
  compileHashPolicy({ algorithm: "RING_HASH", size: 1024, ...key });
const request = (path: string, headers: Record<string, string> = {}) => ({
  path,
  header: (name: string) => headers[name],
});

describe("the hash of a request", () => {
  it.each([
    ["a header", { header: "x-user" }, request("/", { "x-user": "ann" }), "ann"],
    ["a cookie", { cookie: { name: "id" } }, request("/", { cookie: "a=1; id=ann" }), "ann"],
    ["a query parameter", { queryParameter: "user" }, request("/?x=1&user=ann"), "ann"],
    ["the client's address", { sourceIp: true }, request("/"), "10.0.0.9"],
  ])("is that of %s", (_, key, from, value) => {
    expect(policy(key).ofRequest(from, "10.0.0.9")).toBe(hashString(value));
  });

  it.each([
    ["without the header", { header: "x-user" }],
    ["without the cookie", { cookie: { name: "id" } }],
    ["without the query parameter", { queryParameter: "user" }],
  ])("is none %s", (_, key) => {
    const empty = request("/?user=", { "x-user": "", cookie: "id=" });
    expect(policy(key).ofRequest(request("/"), "10.0.0.9")).toBeUndefined();
    expect(policy(key).ofRequest(empty, "10.0.0.9")).toBeUndefined();
  });

  it("is a connection's only by the client's address", () => {
    expect(policy({ sourceIp: true }).ofConnection("10.0.0.9")).toBe(hashString("10.0.0.9"));
    expect(policy({ header: "x-user" }).ofConnection("10.0.0.9")).toBeUndefined();
  });
});

describe("a cookie that is made up", () => {
  it.each([
    [{ name: "s", ttlMs: 0 }, /^s=[0-9a-f]{16}; HttpOnly$/],
    [{ name: "s", path: "/a", ttlMs: 60_000 }, /^s=[0-9a-f]{16}; Max-Age=60; Path=\/a; HttpOnly$/],
    [
      { name: "s", ttlMs: 0, attributes: [{ name: "SameSite", value: "Lax; x" }, { name: "Secure" }] },
      /^s=[0-9a-f]{16}; SameSite=Lax x; Secure; HttpOnly$/,
    ],
    [{ name: "s", ttlMs: 10 }, /^s=[0-9a-f]{16}; Max-Age=1; HttpOnly$/],
  ])("is %j", (cookie, expected) => {
    expect(policy({ cookie }).cookie?.make(seeded(1)).setCookie).toMatch(expected);
  });

  it("hashes to what it will hash to when it comes back", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const sticky = policy({ cookie: { name: "s", path: "/", ttlMs: 1_000 } });
        const made = sticky.cookie?.make(seeded(seed));
        const [pair] = made?.setCookie.split(";") ?? [];
        expect(sticky.ofRequest(request("/", { cookie: `x=y; ${pair}` }), "")).toBe(made?.hash);
      }),
    );
  });

  it("is not when the policy gives it no time", () => {
    expect(policy({ cookie: { name: "s" } }).cookie).toBeUndefined();
  });
});

describe("a cookie's value", () => {
  it.each([
    [undefined, undefined],
    ["", undefined],
    ["id=a", "a"],
    ["x=1; id=a; y=2", "a"],
    ["x=1;id=a", "a"],
    ['id="quoted"', "quoted"],
    ["xid=1; id2=2", undefined],
    ["id", undefined],
    ["id=", ""],
    ["id=a=b", "a=b"],
    ["x=1, id=a", "a"],
    ["x=id=2", undefined],
  ])("in %j is %j", (header, value) => {
    expect(cookieOf(header, "id")).toBe(value);
  });

  it("is found in whatever surrounds it, and nothing breaks it", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, after) => {
        cookieOf(before + after, "id");
        const clean = before.replace(/[;,=]/g, "");
        expect(cookieOf(`${clean}; id=a;${after}`, "id")).toBe("a");
      }),
    );
  });
});
