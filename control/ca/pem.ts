import { X509Certificate } from "node:crypto";

/** More certificates than any chain or bundle in use has; a longer one is refused. */
const maxCertificates = 32;
const certificatePattern = /-----BEGIN CERTIFICATE-----\r?\n[A-Za-z0-9+/=\r\n]+-----END CERTIFICATE-----/g;

/**
 * The certificates of a PEM text in order; what stands between the blocks is ignored, as OpenSSL does.
 * Throws an error that names `what` and the position of the certificate that cannot be read.
 */
export function readCertificates(text: string, what: string): X509Certificate[] {
  const blocks = text.match(certificatePattern) ?? [];
  if (blocks.length > maxCertificates) {
    throw new Error(`${what} has ${blocks.length} certificates; at most ${maxCertificates} are read`);
  }
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch (cause) {
      throw new Error(`${what}: certificate ${index + 1} cannot be read`, { cause });
    }
  });
}

/** PEM of certificates in order, each block ending with a newline. */
export function writeCertificates(certificates: readonly X509Certificate[]): string {
  return certificates.map((certificate) => certificate.toString()).join("");
}

/** The certificates without repetitions, the first of each kept. */
export function unique(certificates: readonly X509Certificate[]): X509Certificate[] {
  const seen = new Set<string>();
  return certificates.filter((certificate) => {
    const before = seen.size;
    return seen.add(certificate.fingerprint256).size > before;
  });
}

/** notBefore and notAfter in milliseconds since the epoch. */
export function validity(certificate: X509Certificate): { notBefore: number; notAfter: number } {
  return { notBefore: certificate.validFromDate.getTime(), notAfter: certificate.validToDate.getTime() };
}

/** Not a CA's own signature over itself: what is left of a chain when the anchors are sent apart. */
export function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey);
}
