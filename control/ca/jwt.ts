import { createPublicKey, type JsonWebKey, type KeyObject, verify } from "node:crypto";
import { CaError } from "./errors.ts";

/** What a projected service-account token says (KEP-1205), once its signature was checked. */
export interface ServiceAccountClaims {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly podUid: string | undefined;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** A key of the API server's JSON Web Key Set (RFC 7517), with its id. */
export interface VerificationKey {
  readonly kid: string | undefined;
  readonly key: KeyObject;
}

/** A pod-bound token is about 1.2 KB. */
export const maxTokenBytes = 16_384;
const maxKeys = 64;
/** Clocks of nodes and of this one differ a little. */
const leewayMs = 10_000;

/** The algorithms that the API server signs with (--service-account-signing-key-file: RSA or ECDSA). */
const algorithms: Readonly<Record<string, { hash: string; type: string }>> = {
  RS256: { hash: "sha256", type: "rsa" },
  RS384: { hash: "sha384", type: "rsa" },
  RS512: { hash: "sha512", type: "rsa" },
  ES256: { hash: "sha256", type: "ec" },
  ES384: { hash: "sha384", type: "ec" },
  ES512: { hash: "sha512", type: "ec" },
};

/** The signature keys of a key set; those of kinds that are not understood are left out. Throws when it is no set. */
export function readKeySet(document: unknown): VerificationKey[] {
  const keys = record(document)?.keys;
  if (!Array.isArray(keys)) throw new Error("the key set has no list `keys`");
  return keys.slice(0, maxKeys).flatMap((item: unknown) => {
    const jwk = record(item);
    if (jwk === undefined || (jwk.kty !== "RSA" && jwk.kty !== "EC")) return [];
    try {
      const key = createPublicKey({ key: jwk as JsonWebKey, format: "jwk" });
      return [{ kid: typeof jwk.kid === "string" ? jwk.kid : undefined, key }];
    } catch {
      return [];
    }
  });
}

/**
 * Checks a compact JWS (RFC 7515) and its claims `iss`, `aud`, `exp`, `nbf` (RFC 7519) without asking anyone.
 * Throws CaError WEFT_CA_BAD_TOKEN that says what does not hold; the token itself is never part of the text.
 */
export function verifyToken(
  token: string,
  keys: readonly VerificationKey[],
  expected: { issuer: string; audience: string; now: number },
): ServiceAccountClaims {
  if (token.length > maxTokenBytes) throw bad(`it has more than ${maxTokenBytes} bytes`);
  const parts = token.split(".");
  const [header, payload, signature] = parts;
  if (parts.length !== 3 || header === undefined || payload === undefined || signature === undefined) {
    throw bad("it is not a JSON Web Token of three parts");
  }
  const head = decode(header, "header");
  const algorithm = typeof head.alg === "string" ? algorithms[head.alg] : undefined;
  if (algorithm === undefined) throw bad("its algorithm is none that the API server signs with");
  const candidates = keys.filter(
    (entry) =>
      entry.key.asymmetricKeyType === algorithm.type && (head.kid === undefined || entry.kid === head.kid),
  );
  if (candidates.length === 0) throw bad("the key that signed it is unknown");
  const signed = Buffer.from(`${header}.${payload}`);
  const bytes = Buffer.from(signature, "base64url");
  const valid = candidates.some(({ key }) =>
    verify(algorithm.hash, signed, { key, dsaEncoding: "ieee-p1363" }, bytes),
  );
  if (!valid) throw bad("its signature does not match");
  return readClaims(decode(payload, "payload"), expected);
}

function readClaims(
  claims: Record<string, unknown>,
  expected: { issuer: string; audience: string; now: number },
): ServiceAccountClaims {
  const { iss, aud, exp, nbf } = claims;
  if (iss !== expected.issuer) throw bad(`its issuer is not ${expected.issuer}`);
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!audiences.includes(expected.audience)) throw bad(`its audience is not ${expected.audience}`);
  if (typeof exp !== "number" || exp * 1000 + leewayMs <= expected.now) throw bad("it has expired");
  if (typeof nbf === "number" && nbf * 1000 - leewayMs > expected.now) throw bad("it is not valid yet");
  const bound = record(claims["kubernetes.io"]);
  const account = record(bound?.serviceaccount)?.name;
  const podUid = record(bound?.pod)?.uid;
  if (typeof bound?.namespace !== "string" || typeof account !== "string") {
    throw new CaError("WEFT_CA_NOT_A_WORKLOAD", "the token names no service account");
  }
  return {
    namespace: bound.namespace,
    serviceAccount: account,
    podUid: typeof podUid === "string" ? podUid : undefined,
    expiresAt: exp * 1000,
  };
}

function decode(part: string, what: string): Record<string, unknown> {
  try {
    const value = record(JSON.parse(Buffer.from(part, "base64url").toString("utf8")));
    if (value !== undefined) return value;
  } catch {
    // Said below, without the parser's excerpt of a secret.
  }
  throw bad(`its ${what} is not JSON`);
}

const bad = (detail: string) => new CaError("WEFT_CA_BAD_TOKEN", detail);

function record(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}
