/** A key and a request for a certificate: PKCS #10 (RFC 2986), P-256, signed with ECDSA over SHA-256 (RFC 5758 section 3.2). */
import { generateKeyPair, type KeyObject, sign } from "node:crypto";
import { promisify } from "node:util";
import { bitString, objectIdentifier, pem, sequence, smallInteger, tagged } from "./der.ts";

export interface KeyAndRequest {
  /** PKCS #8, PEM. It never leaves the process. */
  readonly keyPem: string;
  readonly requestPem: string;
}

const ecdsaWithSha256 = sequence(objectIdentifier("1.2.840.10045.4.3.2"));

/** Makes a new key and a request for it. The subject is empty: who asks is told by the token, never by the request. */
export async function createKeyAndRequest(): Promise<KeyAndRequest> {
  const { privateKey, publicKey } = await promisify(generateKeyPair)("ec", { namedCurve: "P-256" });
  return {
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    requestPem: pem("CERTIFICATE REQUEST", requestFor(privateKey, publicKey)),
  };
}

function requestFor(privateKey: KeyObject, publicKey: KeyObject): Uint8Array {
  const version = smallInteger(0);
  const subject = sequence();
  const attributes = tagged(0);
  const info = sequence(version, subject, publicKey.export({ type: "spki", format: "der" }), attributes);
  return sequence(info, ecdsaWithSha256, bitString(sign("sha256", info, privateKey)));
}
