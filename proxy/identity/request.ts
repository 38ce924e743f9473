/**
 * A key and a request for a certificate: PKCS #10 (RFC 2986), P-256, signed with ECDSA over SHA-256 (RFC 5758 section 3.2).
 * On the Web Crypto API: `node:crypto` would cost each proxy 1.7 MB for the same few calls.
 */
import { bitString, integer, objectIdentifier, pem, sequence, tagged } from "./der.ts";

export interface KeyAndRequest {
  /** PKCS #8, PEM. It never leaves the process. */
  readonly keyPem: string;
  readonly requestPem: string;
  /** The public key, DER: what the certificate has to be for. */
  readonly publicKey: Uint8Array;
}

const ecdsaWithSha256 = sequence(objectIdentifier("1.2.840.10045.4.3.2"));

/** Makes a new key and a request for it. The subject is empty: who asks is told by the token, never by the request. */
export async function createKeyAndRequest(): Promise<KeyAndRequest> {
  const { subtle } = crypto;
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const { privateKey, publicKey } = await subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const [pkcs8, spki] = await Promise.all([
    subtle.exportKey("pkcs8", privateKey),
    subtle.exportKey("spki", publicKey),
  ]);
  const version = integer(Uint8Array.of(0));
  const subject = sequence();
  const attributes = tagged(0);
  const info = sequence(version, subject, new Uint8Array(spki), attributes);
  const signature = await subtle.sign({ name: "ECDSA", hash: "SHA-256" }, privateKey, Uint8Array.from(info));
  const request = sequence(info, ecdsaWithSha256, bitString(ecdsaSignature(new Uint8Array(signature))));
  return {
    keyPem: pem("PRIVATE KEY", new Uint8Array(pkcs8)),
    requestPem: pem("CERTIFICATE REQUEST", request),
    publicKey: new Uint8Array(spki),
  };
}

/** Web Crypto gives r and s side by side; certificates want them as integers in a sequence (RFC 3279 section 2.2.3). */
function ecdsaSignature(raw: Uint8Array): Uint8Array {
  const half = raw.length / 2;
  return sequence(integer(raw.subarray(0, half)), integer(raw.subarray(half)));
}
