/** Issuers for tests: keys made on the spot, and tokens signed with them. */
import type { JsonWebKey } from "node:crypto";
import type { JwtRule } from "../../crds/workload-config.ts";
import { ALGORITHMS } from "./algorithms.ts";
import { type Authenticated, compileJwt, type JwtRefusal } from "./authenticate.ts";

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

/** Unix seconds at which tests ask. */
export const NOW = 1_800_000_000;
export const iss = "https://issuer.example";
export const claims = { iss, sub: "alice", exp: NOW + 600 };

export interface Given {
  readonly headers?: Readonly<Record<string, string>>;
  readonly target?: string;
  readonly now?: number;
}

/** What rules make of one request. */
export async function ask(
  rules: readonly JwtRule[],
  { headers = {}, target = "/", now = NOW }: Given = {},
): Promise<Authenticated | JwtRefusal> {
  const authenticator = compileJwt(rules);
  if (authenticator === undefined) throw new Error("no rules");
  return authenticator.authenticate({ target, header: (name) => headers[name] }, now * 1000);
}

export function bearer(token: string): { readonly headers: { readonly authorization: string } } {
  return { headers: { authorization: `Bearer ${token}` } };
}

/** Whom a request speaks for, or why it is refused. */
export function said(outcome: Authenticated | JwtRefusal): string {
  return outcome.refused ? outcome.message : (outcome.claims?.principal ?? "nobody");
}
