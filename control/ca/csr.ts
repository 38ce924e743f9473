import type { webcrypto } from "node:crypto";
import { CaError } from "./errors.ts";
import * as x509 from "./x509.ts";

/** A P-256 request without attributes is about 330 bytes of PEM; with a name and a SAN well under 1 KB. */
export const maxCsrBytes = 4096;

const pemPattern =
  /^\s*-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END (?:NEW )?CERTIFICATE REQUEST-----\s*$/;
/** id-ecPublicKey with prime256v1 (RFC 5480), then an uncompressed point: the only key that is signed. */
const p256Prefix = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex");
const p256KeyBytes = 91;

/**
 * The public key (SubjectPublicKeyInfo, DER) of a PKCS #10 request whose signature proves that the sender holds the
 * private key (RFC 2986). Subject, names and extensions of the request are not looked at.
 * Throws CaError WEFT_CA_TOO_LARGE, WEFT_CA_BAD_CSR or WEFT_CA_UNSUPPORTED_KEY, and nothing else.
 */
export async function readCsr(pem: string): Promise<Uint8Array<ArrayBuffer>> {
  if (Buffer.byteLength(pem) > maxCsrBytes) {
    throw new CaError(
      "WEFT_CA_TOO_LARGE",
      `the request has ${Buffer.byteLength(pem)} bytes, limit ${maxCsrBytes}`,
    );
  }
  const base64 = pemPattern.exec(pem)?.[1];
  if (base64 === undefined) {
    throw new CaError("WEFT_CA_BAD_CSR", "found no single PEM block CERTIFICATE REQUEST");
  }
  const { csr, spki } = parse(Buffer.from(base64, "base64"));
  if (spki.length !== p256KeyBytes || !p256Prefix.equals(spki.subarray(0, p256Prefix.length))) {
    throw new CaError("WEFT_CA_UNSUPPORTED_KEY", `found ${describe(csr)}`);
  }
  if (!(await csr.verify().catch(() => false))) {
    throw new CaError("WEFT_CA_BAD_CSR", "its signature is not made with its own key");
  }
  return spki;
}

function parse(der: Buffer): { csr: x509.Pkcs10CertificateRequest; spki: Uint8Array<ArrayBuffer> } {
  try {
    const csr = new x509.Pkcs10CertificateRequest(der);
    return { csr, spki: new Uint8Array(csr.publicKey.rawData) };
  } catch (cause) {
    throw new CaError("WEFT_CA_BAD_CSR", "the PEM block holds no PKCS #10 request", { cause });
  }
}

function describe(csr: x509.Pkcs10CertificateRequest): string {
  try {
    const { name } = csr.publicKey.algorithm;
    const { namedCurve } = csr.publicKey.algorithm as Partial<webcrypto.EcKeyAlgorithm>;
    return namedCurve === undefined ? name : `${name} ${namedCurve}`;
  } catch {
    return "a key of an unknown kind";
  }
}
