import { type KeyPairPem, readSigningKey } from "../../control/ca/certificates.ts";
import * as x509 from "../../control/ca/x509.ts";

/** A certificate authority's list of certificates that it has revoked, as PEM (RFC 5280 section 5). */
export async function revocationList(
  issuer: KeyPairPem,
  revoked: readonly string[],
  { notBefore, notAfter }: { readonly notBefore: number; readonly notAfter: number },
): Promise<string> {
  const { key, algorithm, certificate } = await readSigningKey(issuer);
  const list = await x509.X509CrlGenerator.create({
    issuer: certificate.subjectName,
    thisUpdate: new Date(notBefore),
    nextUpdate: new Date(notAfter),
    entries: revoked.map((pem) => ({
      serialNumber: new x509.X509Certificate(pem).serialNumber,
      revocationDate: new Date(notBefore),
    })),
    signingAlgorithm: algorithm,
    signingKey: key as never,
  });
  return `${x509.PemConverter.encode(list.rawData, "X509 CRL")}\n`;
}
