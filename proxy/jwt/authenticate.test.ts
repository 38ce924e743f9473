import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { JwtRule } from "../../crds/workload-config.ts";
import { compileJwt } from "./authenticate.ts";
import {
  ask,
  bearer,
  claims,
  type Given,
  type Issuer,
  iss,
  issuer,
  jwtRule,
  keySet,
  NOW,
  said,
} from "./tokens.fake.ts";

/** Where tokens stand, and what becomes of requests. */
let rsa: Issuer;
let other: Issuer;
beforeAll(async () => {
  rsa = await issuer("RS256", "one");
  other = await issuer("ES256", "two");
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("where tokens stand", () => {
  const from = (fields: Partial<JwtRule>) => [jwtRule({ jwks: keySet(rsa.jwk), ...fields })];
  it.each<[string, Partial<JwtRule>, (token: string) => Given, string]>([
    ["Authorization", {}, bearer, `${iss}/alice`],
    ["access_token", {}, (token) => ({ target: `/x?a=1&access_token=${token}` }), `${iss}/alice`],
    [
      "another kind of credentials is no token",
      {},
      () => ({ headers: { authorization: "Basic abc" } }),
      "nobody",
    ],
    ["nothing", {}, () => ({}), "nobody"],
    [
      "a header of its own",
      { fromHeaders: [{ name: "X-Token" }] },
      (token) => ({ headers: { "x-token": token } }),
      `${iss}/alice`,
    ],
    [
      "a header of its own with a prefix",
      { fromHeaders: [{ name: "x-token", prefix: "JWT " }] },
      (token) => ({ headers: { "x-token": `JWT ${token}` } }),
      `${iss}/alice`,
    ],
    ["a place of its own takes the default's place", { fromParams: ["token"] }, bearer, "nobody"],
    [
      "a parameter of its own",
      { fromParams: ["token"] },
      (token) => ({ target: `/?token=${token.replaceAll(".", "%2E")}` }),
      `${iss}/alice`,
    ],
    [
      "a cookie",
      { fromCookies: ["session"] },
      (token) => ({ headers: { cookie: `a=b; session="${token}"` } }),
      `${iss}/alice`,
    ],
    [
      "a good token and a bad one",
      {},
      (token) => ({ ...bearer(token), target: "/?access_token=x" }),
      "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections",
    ],
    [
      "one parameter twice, the second one bad",
      {},
      (token) => ({ target: `/?access_token=${token}&access_token=x` }),
      "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections",
    ],
    [
      "a good token and a bad one under the name in other letters",
      {},
      (token) => ({ ...bearer(token), target: "/?access%5Ftoken=x" }),
      "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections",
    ],
    [
      "other credentials beside a token",
      {},
      (token) => ({ headers: { authorization: `Basic abc,Bearer ${token}` } }),
      "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections",
    ],
    [
      "a token beside one of another spelling",
      {},
      (token) => ({ headers: { authorization: `Bearer ${token}, bearer ${token}` } }),
      "Jwt header is an invalid Base64url encoded",
    ],
    [
      "several other credentials",
      {},
      () => ({ headers: { authorization: "Basic abc,Digest def" } }),
      "nobody",
    ],
    [
      "the same token twice",
      {},
      (token) => ({ headers: { authorization: `Bearer ${token}, Bearer ${token}` } }),
      `${iss}/alice`,
    ],
    [
      "more tokens than anyone needs",
      {},
      (token) => ({ target: `/?${`access_token=${token}&`.repeat(9)}` }),
      "The request carries more than 8 Jwts",
    ],
  ])("%s", async (_, fields, given, outcome) => {
    expect(said(await ask(from(fields), given(await rsa.token(claims))))).toBe(outcome);
  });

  it.each<[string, Partial<JwtRule>, (token: string) => Given, object]>([
    ["Authorization is dropped", {}, bearer, { remove: new Set(["authorization"]), add: "" }],
    ["Authorization is forwarded", { forwardOriginalToken: true }, bearer, { remove: undefined, add: "" }],
    [
      "the parameter is cut out",
      {},
      (token) => ({ target: `/x?a=1&access_token=${token}&b` }),
      { target: "/x?a=1&b" },
    ],
    [
      "the parameter is cut out, however its name is spelt",
      {},
      (token) => ({ target: `/x?access%5ftoken=${token}&b` }),
      { target: "/x?b" },
    ],
    [
      "the only parameter leaves no query",
      {},
      (token) => ({ target: `/x?access_token=${token}` }),
      { target: "/x" },
    ],
    [
      "the parameter is forwarded",
      { forwardOriginalToken: true },
      (token) => ({ target: `/x?access_token=${token}` }),
      { target: undefined },
    ],
    [
      "the cookie is cut out",
      { fromCookies: ["s"] },
      (token) => ({ headers: { cookie: `a=b; s=${token}; c=d` } }),
      { remove: new Set(["cookie"]), add: "cookie: a=b; c=d\r\n" },
    ],
  ])("%s", async (_, fields, given, outcome) => {
    expect(await ask(from(fields), given(await rsa.token(claims)))).toMatchObject(outcome);
  });
});

describe("several rules", () => {
  const second = "https://second.example";
  const rules = (fields: Partial<JwtRule> = {}) => [
    jwtRule({ jwks: keySet(rsa.jwk) }),
    jwtRule({ jwks: keySet(other.jwk), issuer: second, ...fields }),
  ];
  it("a token has to satisfy one of those that look where it stands", async () => {
    const theirs = await other.token({ ...claims, iss: second });
    expect(said(await ask(rules(), bearer(theirs)))).toBe(`${second}/alice`);
    const elsewhere = rules({ fromHeaders: [{ name: "x-token" }] });
    expect(said(await ask(elsewhere, bearer(theirs)))).toBe("Jwt issuer is not configured");
  });

  it("tell the most that they know: the refusal of the rule whose issuer it is", async () => {
    const late = await other.token({ ...claims, iss: second, exp: 1 });
    expect(said(await ask(rules(), bearer(late)))).toBe("Jwt is expired");
  });

  it("every token has to be good where they look at different places", async () => {
    const own = await rsa.token(claims);
    const theirs = await other.token({ ...claims, iss: second, sub: "bob" });
    const both = rules({ fromHeaders: [{ name: "x-token" }] });
    const given = (token: string) => ({ headers: { authorization: `Bearer ${own}`, "x-token": token } });
    expect(said(await ask(both, given(theirs)))).toBe(`${iss}/alice`);
    expect(said(await ask(both, given(own)))).toBe("Jwt issuer is not configured");
  });
});

describe("headers for the application", () => {
  const rule = (fields: Partial<JwtRule>) => jwtRule({ jwks: keySet(rsa.jwk), ...fields });
  it("carry the payload as it stands in the token, and scalar claims", async () => {
    const outputClaimToHeaders = [
      { header: "X-Sub", claim: "sub" },
      { header: "x-tenant", claim: "org.tenant" },
      { header: "x-level", claim: "level" },
      { header: "x-name", claim: "name" },
      { header: "x-list", claim: "list" },
      { header: "x-absent", claim: "absent" },
      { header: "x-evil", claim: "evil" },
      { header: "x-wide", claim: "wide" },
      { header: "Content-Length", claim: "level" },
      { header: "x: y", claim: "level" },
    ];
    const token = await rsa.token({
      ...claims,
      org: { tenant: "acme" },
      level: 3,
      name: "Zoë",
      list: ["a"],
      evil: "a\r\nx-admin: true",
      wide: "\u010a\u010d",
    });
    const outcome = await ask(
      [rule({ outputPayloadToHeader: "X-Payload", outputClaimToHeaders, forwardOriginalToken: true })],
      bearer(token),
    );
    if (outcome.refused) throw new Error(outcome.message);
    const utf8 = (text: string) => Buffer.from(text).toString("latin1");
    expect(outcome.add).toBe(
      `x-payload: ${token.split(".")[1]}\r\nx-sub: alice\r\nx-tenant: acme\r\nx-level: 3\r\nx-name: ${utf8("Zoë")}\r\nx-wide: ${utf8("\u010a\u010d")}\r\n`,
    );
    expect([...(outcome.remove ?? [])].sort()).toEqual([
      "x-absent",
      "x-evil",
      "x-level",
      "x-list",
      "x-name",
      "x-payload",
      "x-sub",
      "x-tenant",
      "x-wide",
    ]);
  });

  it("are dropped when the client sends them, with a token or without", async () => {
    const rules = [rule({ outputClaimToHeaders: [{ header: "X-Group", claim: "group" }] })];
    const spoofed = { headers: { "x-group": "admin" } };
    expect(await ask(rules, spoofed)).toMatchObject({ remove: new Set(["x-group"]), add: "" });
    expect(compileJwt(rules)?.outputNames).toEqual(new Set(["x-group"]));
  });
});

describe("remembering", () => {
  it("a token's signature is checked once, also when it comes many times at once, until it ends", async () => {
    const verify = vi.spyOn(crypto.subtle, "verify");
    const authenticator = compileJwt([jwtRule({ jwks: keySet(rsa.jwk) })]);
    const headers = bearer(await rsa.token(claims)).headers;
    const source = { target: "/", header: (name: string) => headers[name as "authorization"] };
    await Promise.all([1, 2, 3].map(() => authenticator?.authenticate(source, NOW * 1000)));
    const again = authenticator?.authenticate(source, NOW * 1000);
    expect(again).toMatchObject({ claims: { principal: `${iss}/alice` } });
    expect(verify).toHaveBeenCalledTimes(1);
    const late = authenticator?.authenticate(source, (NOW + 661) * 1000);
    expect(await late).toMatchObject({ message: "Jwt is expired" });
  });

  it("a bad token is not remembered", async () => {
    const verify = vi.spyOn(crypto.subtle, "verify");
    const authenticator = compileJwt([jwtRule({ jwks: keySet(rsa.jwk) })]);
    const token = await other.token(claims, { alg: "RS256", kid: "one" });
    const source = { target: "/", header: () => `Bearer ${token}` };
    for (let i = 0; i < 2; i++) await authenticator?.authenticate(source, NOW * 1000);
    expect(verify).toHaveBeenCalledTimes(2);
  });
});
