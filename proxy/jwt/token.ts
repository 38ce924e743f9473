/** A token's text taken apart (JWS compact serialization, RFC 7515 section 7.1), nothing of it verified. */
import { decodeBase64url } from "./base64url.ts";
import { type JsonObject, parseObject, tooDeep } from "./json.ts";
import * as refuse from "./refusals.ts";

/** Tokens with hundreds of group memberships are about 8 KiB. */
export const MAX_TOKEN_BYTES = 16 * 1024;

export interface Token {
  readonly refused?: never;
  readonly alg: string;
  readonly kid: string | undefined;
  readonly claims: JsonObject;
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
  /** Unix seconds; undefined: for ever. */
  readonly expiresAt: number | undefined;
  readonly notBefore: number | undefined;
  /** The payload as it stands in the token. */
  readonly payload: string;
  readonly signed: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
}

export function parseToken(text: string): Token | refuse.JwtRefusal {
  if (text.length > MAX_TOKEN_BYTES) return refuse.TOO_LARGE;
  const first = text.indexOf(".");
  const second = text.indexOf(".", first + 1);
  if (first <= 0 || second < 0 || text.includes(".", second + 1)) return refuse.BAD_FORMAT;

  const headerBytes = decodeBase64url(text.slice(0, first));
  if (headerBytes === undefined) return refuse.HEADER_BASE64;
  if (tooDeep(headerBytes)) return refuse.TOO_DEEP;
  const header = parseObject(headerBytes);
  if (header === undefined) return refuse.HEADER_JSON;
  const { alg, kid } = header;
  if (typeof alg !== "string") return refuse.HEADER_ALG;
  if (kid !== undefined && typeof kid !== "string") return refuse.HEADER_KID;
  // Extensions that must be understood, of which none is here (RFC 7515 section 4.1.11); `b64` is one.
  if (header.crit !== undefined) return refuse.HEADER_CRIT;

  const payload = text.slice(first + 1, second);
  const payloadBytes = decodeBase64url(payload);
  if (payloadBytes === undefined) return refuse.PAYLOAD_BASE64;
  if (tooDeep(payloadBytes)) return refuse.TOO_DEEP;
  const claims = parseObject(payloadBytes);
  if (claims === undefined) return refuse.PAYLOAD_JSON;

  const signature = decodeBase64url(text.slice(second + 1));
  if (signature === undefined) return refuse.SIGNATURE_BASE64;
  const registered = registeredClaims(claims);
  if (registered.refused) return registered;
  const signed = Buffer.from(text.slice(0, second), "latin1");
  return { alg, kid, claims, ...registered, payload, signed, signature };
}

type Registered = Pick<Token, "issuer" | "subject" | "audiences" | "expiresAt" | "notBefore"> & {
  readonly refused?: never;
};

/** The claims of RFC 7519 section 4.1 that decide: absent is fine here, of another type is not. */
function registeredClaims({ iss, sub, aud, exp, nbf }: JsonObject): Registered | refuse.JwtRefusal {
  if (iss !== undefined && typeof iss !== "string") return refuse.PAYLOAD_ISS;
  if (sub !== undefined && typeof sub !== "string") return refuse.PAYLOAD_SUB;
  const audiences: readonly unknown[] = aud === undefined ? [] : Array.isArray(aud) ? aud : [aud];
  if (!audiences.every((each) => typeof each === "string")) return refuse.PAYLOAD_AUD;
  if (exp !== undefined && !isTime(exp)) return refuse.PAYLOAD_EXP;
  if (nbf !== undefined && !isTime(nbf)) return refuse.PAYLOAD_NBF;
  return { issuer: iss ?? "", subject: sub ?? "", audiences, expiresAt: exp, notBefore: nbf };
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
}
