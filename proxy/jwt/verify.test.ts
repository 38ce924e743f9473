import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import type { JwtRule } from "../../crds/workload-config.ts";
import { ALGORITHMS } from "./algorithms.ts";
import {
  ask,
  bearer,
  claims,
  encode,
  type Issuer,
  iss,
  issuer,
  jwtRule,
  keySet,
  NOW,
  said,
} from "./tokens.fake.ts";

/** Which tokens are good. */
let rsa: Issuer;
let other: Issuer;
beforeAll(async () => {
  rsa = await issuer("RS256", "one");
  other = await issuer("ES256", "two");
});

describe("signatures", () => {
  it.each([...ALGORITHMS.keys()])("%s verifies, and no bit of it may change", async (alg) => {
    const own = await issuer(alg, "k");
    const rules = [jwtRule({ jwks: keySet(own.jwk) })];
    const token = await own.token(claims);
    expect(said(await ask(rules, bearer(token)))).toBe(`${iss}/alice`);

    const [header = "", , signature = ""] = token.split(".");
    const forged = `${header}.${encode(JSON.stringify({ ...claims, sub: "root" }))}.${signature}`;
    expect(said(await ask(rules, bearer(forged)))).toBe("Jwt verification fails");
    const bytes = Buffer.from(signature, "base64url");
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    const damaged = token.slice(0, -signature.length) + bytes.toString("base64url");
    expect(said(await ask(rules, bearer(damaged)))).toBe("Jwt verification fails");
  });

  it.each<[string, () => Promise<string>, () => readonly object[], string]>([
    [
      "alg none",
      async () => `${encode('{"alg":"none"}')}.${encode(JSON.stringify(claims))}.`,
      () => [rsa.jwk],
      "Jwt header [alg] is not supported",
    ],
    [
      "an HMAC keyed with the public RSA key",
      () => hmacWith(JSON.stringify(rsa.jwk)),
      () => [rsa.jwk],
      "Jwks doesn't have key to match kid or alg from Jwt",
    ],
    [
      "another algorithm of the same key when the key names its own",
      () => rsa.token(claims, { alg: "RS512" }),
      () => [{ ...rsa.jwk, alg: "RS256" }],
      "Jwks doesn't have key to match kid or alg from Jwt",
    ],
    [
      "another key's id",
      () => rsa.token(claims, { kid: "three" }),
      () => [rsa.jwk, other.jwk],
      "Jwks doesn't have key to match kid or alg from Jwt",
    ],
    [
      "a key that is for encryption",
      () => rsa.token(claims),
      () => [{ ...rsa.jwk, use: "enc" }],
      "Jwks remote fetch is failed",
    ],
    [
      "critical extensions",
      () => rsa.token(claims, { crit: ["b64"], b64: false }),
      () => [rsa.jwk],
      "Jwt header [crit] is not supported",
    ],
    ["a set without keys", () => rsa.token(claims), () => [], "Jwks remote fetch is failed"],
    [
      "a key whose numbers make no key",
      () => rsa.token(claims),
      () => [{ ...rsa.jwk, e: "" }],
      "Jwt verification fails",
    ],
    [
      "a curve of another algorithm",
      () => other.token(claims, { alg: "ES384" }),
      () => [other.jwk],
      "Jwks doesn't have key to match kid or alg from Jwt",
    ],
    [
      "an RSA key that is too short",
      () => rsa.token(claims),
      () => [{ ...rsa.jwk, n: encode("x".repeat(128)) }],
      "Jwks doesn't have key to match kid or alg from Jwt",
    ],
  ])("%s is refused", async (_, token, keys, message) => {
    const outcome = await ask([jwtRule({ jwks: keySet(...keys()) })], bearer(await token()));
    expect(outcome).toMatchObject({ refused: true, status: 401, message });
  });

  it.each(["", "{", "[]", '{"keys":7}'])("a key set that is %j refuses every token", async (jwks) => {
    const outcome = await ask([jwtRule({ jwks })], bearer(await rsa.token(claims)));
    expect(said(outcome)).toBe("Jwks remote fetch is failed");
  });

  it("tries the keys without an id, and those of the token's id", async () => {
    const { kid: _, ...anonymous } = rsa.jwk;
    const rules = [jwtRule({ jwks: keySet((await issuer("RS256")).jwk, anonymous) })];
    expect(said(await ask(rules, bearer(await rsa.token(claims))))).toBe(`${iss}/alice`);
  });

  async function hmacWith(secret: string): Promise<string> {
    const signed = `${encode('{"alg":"HS256"}')}.${encode(JSON.stringify(claims))}`;
    const parameters = { name: "HMAC", hash: "SHA-256" };
    const key = await crypto.subtle.importKey("raw", Buffer.from(secret), parameters, false, ["sign"]);
    const bytes = await crypto.subtle.sign("HMAC", key, Buffer.from(signed));
    return `${signed}.${Buffer.from(bytes).toString("base64url")}`;
  }
});

describe("claims", () => {
  it.each<[string, object, Partial<JwtRule>, string]>([
    ["60 s after its end", { exp: NOW - 60 }, {}, `${iss}/alice`],
    ["61 s after its end", { exp: NOW - 61 }, {}, "Jwt is expired"],
    ["without an end", { exp: undefined }, {}, `${iss}/alice`],
    ["60 s before its time", { nbf: NOW + 60 }, {}, `${iss}/alice`],
    ["61 s before its time", { nbf: NOW + 61 }, {}, "Jwt not yet valid"],
    ["of another issuer", { iss: "https://other.example" }, {}, "Jwt issuer is not configured"],
    ["without an issuer", { iss: undefined }, {}, "Jwt issuer is not configured"],
    ["any issuer where the rule names none", { iss: "x" }, { issuer: "" }, "x/alice"],
    ["without a subject", { sub: undefined }, {}, ""],
    ["for the audience", { aud: "shop" }, { audiences: ["shop"] }, `${iss}/alice`],
    ["for one of the audiences", { aud: ["a", "shop"] }, { audiences: ["shop", "b"] }, `${iss}/alice`],
    ["an audience's scheme and slash", { aud: "https://shop/" }, { audiences: ["shop"] }, `${iss}/alice`],
    ["for another audience", { aud: "bank" }, { audiences: ["shop"] }, "Audiences in Jwt are not allowed"],
    ["for no audience", {}, { audiences: ["shop"] }, "Audiences in Jwt are not allowed"],
    ["for an audience nobody asks for", { aud: "bank" }, {}, `${iss}/alice`],
    ["exp as text", { exp: "never" }, {}, "Jwt payload [exp] field is not a positive integer"],
    ["exp below zero", { exp: -1 }, {}, "Jwt payload [exp] field is not a positive integer"],
    ["iss as a number", { iss: 7 }, {}, "Jwt payload [iss] field is not a string"],
    ["aud as an object", { aud: {} }, {}, "Jwt payload [aud] field is not a string or string list"],
  ])("%s", async (_, change, rule, outcome) => {
    const token = await rsa.token({ ...claims, ...change });
    expect(said(await ask([jwtRule({ jwks: keySet(rsa.jwk), ...rule })], bearer(token)))).toBe(outcome);
  });

  it("a token for another audience is forbidden, all others are unauthorized", async () => {
    const rule = jwtRule({ jwks: keySet(rsa.jwk), audiences: ["shop"] });
    expect(await ask([rule], bearer(await rsa.token(claims)))).toMatchObject({
      status: 403,
      details: "jwt_authn_access_denied{Audiences_in_Jwt_are_not_allowed}",
    });
  });

  it("are found by path, in lists, and by word where a claim is known to hold several", async () => {
    const rule = jwtRule({ jwks: keySet(rsa.jwk), spaceDelimitedClaims: ["roles"] });
    const said = { scope: "read write", roles: "a  b", name: "x y", n: 7, ok: true, groups: ["g", 1, {}] };
    const token = await rsa.token({ ...claims, ...said, deep: { er: { x: "v" } }, azp: "app", aud: "me" });
    const outcome = await ask([rule], bearer(token));
    if (outcome.refused || outcome.claims === undefined) throw new Error("refused");
    const { claims: found } = outcome;
    const values = (...path: string[]) => found.values(path);
    expect(values("scope")).toEqual(["read", "write"]);
    expect(values("roles")).toEqual(["a", "b"]);
    expect(values("name")).toEqual(["x y"]);
    expect(values("n")).toEqual(["7"]);
    expect(values("ok")).toEqual(["true"]);
    expect(values("groups")).toEqual(["g", "1"]);
    expect(values("deep", "er", "x")).toEqual(["v"]);
    expect([values("deep"), values("toString"), values("__proto__", "x"), values("n", "x")]).toEqual([
      [],
      [],
      [],
      [],
    ]);
    expect([found.presenter, found.audiences]).toEqual(["app", ["me"]]);
  });
});

describe("malformed tokens", () => {
  const header = encode('{"alg":"RS256"}');
  it.each<[string, string, string]>([
    [
      "two parts",
      `${header}.e30`,
      "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections",
    ],
    [
      "five parts",
      "a.b.c.d.e",
      "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections",
    ],
    ["none at all", "", "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"],
    ["a header that is no base64url", "e30=.e30.e30", "Jwt header is an invalid Base64url encoded"],
    ["a header that is no object", `${encode("[]")}.e30.e30`, "Jwt header is an invalid JSON"],
    ["a header without alg", "e30.e30.e30", "Jwt header [alg] field is required and must be a string"],
    [
      "a kid that is no text",
      `${encode('{"alg":"RS256","kid":1}')}.e30.`,
      "Jwt header [kid] field is not a string",
    ],
    ["a payload with padding", `${header}.e30=.`, "Jwt payload is an invalid Base64url encoded"],
    ["a payload that is no object", `${header}.${encode("7")}.`, "Jwt payload is an invalid JSON"],
    [
      "a payload that is not UTF-8",
      `${header}.${Buffer.from('{"a":"\xff"}', "latin1").toString("base64url")}.`,
      "Jwt payload is an invalid JSON",
    ],
    ["a signature that is no base64url", `${header}.e30.!`, "Jwt signature is an invalid Base64url encoded"],
    ["more than 16 KiB", `${header}.${"e".repeat(16_384)}.`, "Jwt is larger than 16 KiB"],
    ["brackets without end", `${header}.${encode("[".repeat(5_000))}.`, "Jwt is nested too deeply"],
    [
      "two tokens in one header",
      `${header}.e30.e30,Bearer ${header}.e30.e30`,
      "Jwt issuer is not configured",
    ],
  ])("%s", async (_, token, message) => {
    expect(said(await ask([jwtRule({ jwks: keySet(rsa.jwk) })], bearer(token)))).toBe(message);
  });

  it("whatever stands there is refused without a fault, and without a signature nothing passes", async () => {
    const text = fc.oneof(
      fc.string({ maxLength: 60, unit: "binary" }),
      fc
        .tuple(fc.json(), fc.json(), fc.base64String())
        .map(([a, b, c]) => `${encode(a)}.${encode(b)}.${c.replace(/[+/=]/g, "-")}`),
      fc
        .record({ iss: fc.constant(iss), sub: fc.json(), exp: fc.oneof(fc.double(), fc.constant(NOW + 5)) })
        .map((payload) => `${header}.${encode(JSON.stringify(payload))}.AAAA`),
    );
    const rules = [jwtRule({ jwks: keySet(rsa.jwk, other.jwk) })];
    await fc.assert(
      fc.asyncProperty(text, async (token) => {
        expect((await ask(rules, bearer(token))).refused).toBe(true);
      }),
    );
  });
});
