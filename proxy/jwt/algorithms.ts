/**
 * The signature algorithms of RFC 7518 section 3 and RFC 8037 as WebCrypto names them.
 *
 * A key is used for an algorithm of its own kind alone (RFC 8725 section 3.1): an RSA key never as an HMAC secret, a curve's key
 * for that curve's hash. `none` is not here, and so is refused.
 */

export interface Algorithm {
  readonly kty: "RSA" | "EC" | "OKP" | "oct";
  readonly crv: string | undefined;
  /** Bits: shorter keys are refused (RFC 7518 sections 3.2 and 3.3); 0 where the curve says it. */
  readonly minKeyBits: number;
  readonly importing: Parameters<typeof crypto.subtle.importKey>[2];
  readonly verifying: Parameters<typeof crypto.subtle.verify>[0];
}

function rsa(bits: number): Algorithm {
  const importing = { name: "RSASSA-PKCS1-v1_5", hash: `SHA-${bits}` };
  return {
    kty: "RSA",
    crv: undefined,
    minKeyBits: 2048,
    importing,
    verifying: { name: "RSASSA-PKCS1-v1_5" },
  };
}

function pss(bits: number): Algorithm {
  const importing = { name: "RSA-PSS", hash: `SHA-${bits}` };
  const verifying = { name: "RSA-PSS", saltLength: bits / 8 };
  return { kty: "RSA", crv: undefined, minKeyBits: 2048, importing, verifying };
}

function ecdsa(crv: string, bits: number): Algorithm {
  const verifying = { name: "ECDSA", hash: `SHA-${bits}` };
  return { kty: "EC", crv, minKeyBits: 0, importing: { name: "ECDSA", namedCurve: crv }, verifying };
}

function hmac(bits: number): Algorithm {
  const importing = { name: "HMAC", hash: `SHA-${bits}` };
  return { kty: "oct", crv: undefined, minKeyBits: bits, importing, verifying: { name: "HMAC" } };
}

export const ALGORITHMS: ReadonlyMap<string, Algorithm> = new Map([
  ["RS256", rsa(256)],
  ["RS384", rsa(384)],
  ["RS512", rsa(512)],
  ["PS256", pss(256)],
  ["PS384", pss(384)],
  ["PS512", pss(512)],
  ["ES256", ecdsa("P-256", 256)],
  ["ES384", ecdsa("P-384", 384)],
  ["ES512", ecdsa("P-521", 512)],
  [
    "EdDSA",
    {
      kty: "OKP",
      crv: "Ed25519",
      minKeyBits: 0,
      importing: { name: "Ed25519" },
      verifying: { name: "Ed25519" },
    },
  ],
  ["HS256", hmac(256)],
  ["HS384", hmac(384)],
  ["HS512", hmac(512)],
]);
