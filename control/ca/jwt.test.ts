import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CaError } from "./errors.ts";
import { readKeySet, verifyToken } from "./jwt.ts";

const now = Date.UTC(2026, 0, 1);
const issuer = "https://kubernetes.default.svc.cluster.local";
const expected = { issuer, audience: "istio-ca", now };
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
const stranger = generateKeyPairSync("ec", { namedCurve: "prime256v1" });

const jwk = (key: KeyObject, kid: string) => ({ ...key.export({ format: "jwk" }), kid, use: "sig" });
const keys = readKeySet({ keys: [jwk(rsa.publicKey, "rsa"), jwk(ec.publicKey, "ec")] });

const claims = {
  iss: issuer,
  aud: ["istio-ca"],
  exp: now / 1000 + 600,
  nbf: now / 1000 - 600,
  sub: "system:serviceaccount:shop:cart",
  "kubernetes.io": {
    namespace: "shop",
    serviceaccount: { name: "cart", uid: "1" },
    pod: { name: "cart-0", uid: "pod-uid" },
  },
};
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

function make(
  payload: unknown,
  header: object = { alg: "ES256", kid: "ec" },
  key: KeyObject = ec.privateKey,
): string {
  const text = `${encode(header)}.${encode(payload)}`;
  return `${text}.${sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

describe("a token verified without the API server", () => {
  it.each([
    ["ES256", make(claims)],
    ["RS256", make(claims, { alg: "RS256", kid: "rsa" }, rsa.privateKey)],
    ["ES256 without a key id", make(claims, { alg: "ES256" })],
  ])("signed with %s gives namespace, service account and pod", (_name, token) => {
    expect(verifyToken(token, keys, expected)).toEqual({
      namespace: "shop",
      serviceAccount: "cart",
      podUid: "pod-uid",
      expiresAt: now + 600_000,
    });
  });

  const none = `${encode({ alg: "none" })}.${encode(claims)}.`;
  const confused = (() => {
    const text = `${encode({ alg: "HS256", kid: "rsa" })}.${encode(claims)}`;
    const secret = rsa.publicKey.export({ format: "pem", type: "spki" });
    return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
  })();
  const [head = "", , signature = ""] = make(claims).split(".");

  it.each([
    ["no algorithm", none, /algorithm/],
    ["the public key as an HMAC secret", confused, /algorithm/],
    [
      "an EC key for an RSA algorithm",
      make(claims, { alg: "RS256", kid: "ec" }),
      /key that signed it is unknown/,
    ],
    [
      "another's key",
      make(claims, { alg: "ES256", kid: "ec" }, stranger.privateKey),
      /signature does not match/,
    ],
    ["an unknown key id", make(claims, { alg: "ES256", kid: "x" }), /key that signed it is unknown/],
    [
      "other claims than signed",
      `${head}.${encode({ ...claims, exp: 9e9 })}.${signature}`,
      /signature does not/,
    ],
    [
      "another issuer",
      make({ ...claims, iss: "https://elsewhere" }),
      /its issuer is not https:\/\/kubernetes/,
    ],
    ["another audience", make({ ...claims, aud: "vault" }), /its audience is not istio-ca/],
    ["no audience", make({ ...claims, aud: undefined }), /its audience is not istio-ca/],
    ["its time over", make({ ...claims, exp: now / 1000 - 10 }), /expired/],
    ["no end", make({ ...claims, exp: undefined }), /expired/],
    ["its time to come", make({ ...claims, nbf: now / 1000 + 60 }), /not valid yet/],
    ["two parts", "a.b", /three parts/],
    ["a header that is no JSON", "a.b.c", /header is not JSON/],
    ["too many bytes", "a".repeat(20_000), /more than 16384 bytes/],
  ])("with %s is refused", (_name, token, message) => {
    expect(() => verifyToken(token, keys, expected)).toThrow(message);
    expect(() => verifyToken(token, keys, expected)).toThrow(CaError);
  });

  it("of a user who is no service account is refused", () => {
    const token = make({ ...claims, "kubernetes.io": undefined });
    expect(() => verifyToken(token, keys, expected)).toThrow(
      expect.objectContaining({ code: "WEFT_CA_NOT_A_WORKLOAD" }),
    );
  });

  it("of any text is refused with an error of the table that does not quote it", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 8 }), fc.array(fc.jsonValue(), { maxLength: 3 }), (text, parts) => {
        for (const token of [text, parts.map(encode).join(".")]) {
          try {
            verifyToken(token, keys, expected);
            expect.unreachable();
          } catch (error) {
            expect(error).toBeInstanceOf(CaError);
            if (token.length > 12) expect((error as CaError).message).not.toContain(token);
          }
        }
      }),
    );
  });
});

describe("a key set", () => {
  it("leaves out keys that are not understood", () => {
    const set = readKeySet({
      keys: [{ kty: "oct", k: "x" }, { kty: "EC", crv: "none" }, 7, jwk(ec.publicKey, "ec")],
    });
    expect(set.map((entry) => entry.kid)).toEqual(["ec"]);
    expect(set[0]?.key.equals(createPublicKey(ec.privateKey))).toBe(true);
  });

  it.each([[undefined], [{}], [{ keys: {} }], ["text"]])("%j is refused", (document) => {
    expect(() => readKeySet(document)).toThrow(/no list `keys`/);
  });
});
