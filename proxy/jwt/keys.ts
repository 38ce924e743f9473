/** A JSON Web Key Set (RFC 7517) as what verifies tokens. Keys of kinds that are not understood are left out, as section 5 says. */
import type { JsonWebKey } from "node:crypto";
import { ALGORITHMS, type Algorithm } from "./algorithms.ts";
import { decodeBase64url } from "./base64url.ts";
import { asObject, type JsonObject } from "./json.ts";
import { BAD_SIGNATURE, type JwtRefusal, NO_KEYS, NO_MATCHING_KEY, UNKNOWN_ALG } from "./refusals.ts";
import type { Token } from "./token.ts";

const MAX_KEYS = 64;
/** Keys that one token is tried with: one without `kid` must not buy a hundred verifications. */
const MAX_TRIES = 8;
/** Beyond, one verification takes a millisecond. */
const MAX_RSA_BITS = 8192;

interface Key {
  readonly jwk: JsonObject;
  readonly kid: string | undefined;
  readonly bits: number;
  /** By algorithm, since an RSA key does for several. */
  readonly imported: Map<string, Promise<CryptoKey>>;
}

export class KeySet {
  readonly #keys: readonly Key[];

  private constructor(keys: readonly Key[]) {
    this.#keys = keys;
  }

  /** Reads a document; one that is no key set has no keys, so that every token is refused. */
  static read(document: string): KeySet {
    try {
      const list = asObject(JSON.parse(document))?.keys;
      return new KeySet(Array.isArray(list) ? list.slice(0, MAX_KEYS).flatMap(readKey) : []);
    } catch {
      return new KeySet([]);
    }
  }

  /** Checks the token's signature. */
  async verify(token: Token): Promise<JwtRefusal | undefined> {
    const algorithm = ALGORITHMS.get(token.alg);
    if (algorithm === undefined) return UNKNOWN_ALG;
    if (this.#keys.length === 0) return NO_KEYS;
    const candidates = this.#keys.filter((key) => fits(key, token, algorithm)).slice(0, MAX_TRIES);
    if (candidates.length === 0) return NO_MATCHING_KEY;
    for (const key of candidates) if (await verified(key, token, algorithm)) return undefined;
    return BAD_SIGNATURE;
  }
}

function readKey(value: unknown): Key[] {
  const jwk = asObject(value);
  if (jwk === undefined) return [];
  const { kid, use, key_ops: operations } = jwk;
  if (use !== undefined && use !== "sig") return [];
  if (Array.isArray(operations) && !operations.includes("verify")) return [];
  const bits = keyBits(jwk);
  if (bits === undefined || bits > MAX_RSA_BITS) return [];
  return [{ jwk, kid: typeof kid === "string" ? kid : undefined, bits, imported: new Map() }];
}

function keyBits({ kty, n, k }: JsonObject): number | undefined {
  if (kty === "EC" || kty === "OKP") return 0;
  const material = kty === "RSA" ? n : kty === "oct" ? k : undefined;
  const bytes = typeof material === "string" ? decodeBase64url(material.replace(/=+$/, "")) : undefined;
  return bytes === undefined ? undefined : bytes.length * 8;
}

function fits({ jwk, kid, bits }: Key, token: Token, algorithm: Algorithm): boolean {
  return (
    jwk.kty === algorithm.kty &&
    (algorithm.crv === undefined || jwk.crv === algorithm.crv) &&
    bits >= algorithm.minKeyBits &&
    (jwk.alg === undefined || jwk.alg === token.alg) &&
    (token.kid === undefined || kid === undefined || kid === token.kid)
  );
}

async function verified(key: Key, token: Token, algorithm: Algorithm): Promise<boolean> {
  try {
    let imported = key.imported.get(token.alg);
    if (imported === undefined) {
      imported = importKey(key.jwk, algorithm);
      key.imported.set(token.alg, imported);
    }
    return await crypto.subtle.verify(algorithm.verifying, await imported, token.signature, token.signed);
  } catch {
    // A key whose numbers make no key verifies nothing.
    return false;
  }
}

/** The public part alone: a set may carry private keys by mistake, and WebCrypto would import those as such. */
function importKey(jwk: JsonObject, { importing }: Algorithm): Promise<CryptoKey> {
  const { kty, crv, n, e, x, y, k } = jwk;
  const material = { kty, crv, n, e, x, y, k } as JsonWebKey;
  return crypto.subtle.importKey("jwk", material, importing, false, ["verify"]);
}
