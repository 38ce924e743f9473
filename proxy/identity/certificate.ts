/**
 * What a proxy reads of its own certificate (RFC 5280 section 4.1): the key it is for, its names, its end. The chain is the
 * authority's business and the peers'; nothing here verifies a signature.
 */
import { CertificateError, children, type Element, must, only, tags, time } from "./der-elements.ts";

export { CertificateError };

export interface Certificate {
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  /** Subject alternative names: URIs as they are, others as `[tag]`. */
  readonly names: readonly string[];
  /** Unix ms. */
  readonly notAfter: number;
}

/** Reads the first certificate of a PEM text. Throws CertificateError for one that is malformed. */
export function readCertificate(pem: string): Certificate {
  const base64 = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/.exec(pem)?.[1];
  if (base64 === undefined) throw new CertificateError("expected a PEM certificate, found none");
  const [tbs] = children(only(Buffer.from(base64, "base64"), tags.sequence), tags.sequence);
  const fields = children(must(tbs, tags.sequence));
  // The version is left out by version 1.
  const [, , , validity, , key, ...rest] = fields[0]?.tag === tags.version ? fields.slice(1) : fields;
  const [, notAfter] = children(must(validity, tags.sequence));
  const extensions = rest.find((element) => element.tag === tags.extensions);
  return {
    publicKey: must(key, tags.sequence).whole,
    names: extensions === undefined ? [] : alternativeNames(extensions),
    notAfter: time(notAfter),
  };
}

/** 2.5.29.17. */
const subjectAltName = Buffer.from([0x55, 0x1d, 0x11]);

function alternativeNames(extensions: Element): string[] {
  for (const extension of children(only(extensions.content, tags.sequence))) {
    const [id, ...values] = children(must(extension, tags.sequence));
    if (Buffer.compare(must(id, tags.objectIdentifier).content, subjectAltName) !== 0) continue;
    const value = must(values.at(-1), tags.octetString);
    return children(only(value.content, tags.sequence)).map(({ tag, content }) =>
      tag === tags.uri ? Buffer.from(content).toString("latin1") : `[${tag}]`,
    );
  }
  return [];
}
