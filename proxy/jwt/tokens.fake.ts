/** Issuers for tests: keys made on the spot, and tokens signed with them. */
import type { JsonWebKey } from "node:crypto";
import type { JwtRule } from "../../crds/workload-config.ts";
import { ALGORITHMS } from "./algorithms.ts";

export interface Issuer {
  readonly alg: string;
  /** The public half, or the secret. */
  readonly jwk: JsonWebKey & { readonly kid?: string };
  /** Signs; `header` adds to or replaces the header's members. */
  token(claims: object | string, header?: object): Promise<string>;
}

export async function issuer(alg: string, kid?: string): Promise<Issuer> {
  const algorithm = ALGORITHMS.get(alg);
  if (algorithm === undefined) throw new Error(`no algorithm ${alg}`);
  const rsa = algorithm.kty === "RSA" && { modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
  const parameters = { ...(algorithm.importing as { name: string }), ...rsa };
  const made = (await crypto.subtle.generateKey(parameters as { name: "ECDSA"; namedCurve: string }, true, [
    "sign",
    "verify",
  ])) as CryptoKeyPair | CryptoKey;
  const [publicKey, privateKey] = "publicKey" in made ? [made.publicKey, made.privateKey] : [made, made];
  const { key_ops: _, ext: __, alg: ___, ...exported } = await crypto.subtle.exportKey("jwk", publicKey);
  return {
    alg,
    jwk: { ...exported, ...(kid !== undefined && { kid }) },
    async token(claims, header = {}) {
      const head = { alg, ...(kid !== undefined && { kid }), ...header };
      const payload = typeof claims === "string" ? claims : JSON.stringify(claims);
      const signed = `${encode(JSON.stringify(head))}.${encode(payload)}`;
      const bytes = await crypto.subtle.sign(algorithm.verifying, privateKey, Buffer.from(signed));
      return `${signed}.${Buffer.from(bytes).toString("base64url")}`;
    },
  };
}

export function encode(text: string): string {
  return Buffer.from(text).toString("base64url");
}

export function keySet(...jwks: readonly object[]): string {
  return JSON.stringify({ keys: jwks });
}

/** A rule that says no more than it must. */
export function jwtRule(fields: Partial<JwtRule> = {}): JwtRule {
  return {
    name: "default/tokens",
    issuer: "https://issuer.example",
    audiences: [],
    jwks: "",
    fromHeaders: [],
    fromParams: [],
    fromCookies: [],
    outputClaimToHeaders: [],
    forwardOriginalToken: false,
    spaceDelimitedClaims: [],
    ...fields,
  };
}
