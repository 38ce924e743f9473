/**
 * What a proxy reads of its own certificate (RFC 5280 section 4.1): the key it is for, its names, its end. The chain is the
 * authority's business and the peers'; nothing here verifies a signature.
 */

export interface Certificate {
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  /** Subject alternative names: URIs as they are, others as `[tag]`. */
  readonly names: readonly string[];
  /** Unix ms. */
  readonly notAfter: number;
}

export class CertificateError extends Error {
  override readonly name = "CertificateError";
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

const tags = {
  boolean: 0x01,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  /** [0] of TBSCertificate. */
  version: 0xa0,
  /** [3] of TBSCertificate. */
  extensions: 0xa3,
  /** [6] of GeneralName. */
  uri: 0x86,
};

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

/** UTCTime has two digits of a year, from 1950 to 2049 (RFC 5280 section 4.1.2.5.1). */
function time(element: Element | undefined): number {
  const text = Buffer.from(element?.content ?? []).toString("latin1");
  const match = /^(\d{2})?(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text);
  const long = element?.tag === tags.generalizedTime;
  if (match === null || long !== (match[1] !== undefined) || (!long && element?.tag !== tags.utcTime)) {
    throw new CertificateError(`expected a time, found ${JSON.stringify(text)}`);
  }
  const [, century, year = "", ...parts] = match;
  const [month = 1, day, hour, minute, second] = parts.map(Number);
  const full = Number(`${century ?? (Number(year) < 50 ? "20" : "19")}${year}`);
  return Date.UTC(full, month - 1, day, hour, minute, second);
}

interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
  /** With tag and length. */
  readonly whole: Uint8Array;
}

function children({ content }: Pick<Element, "content">, first?: number): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < content.length; ) {
    const element = read(content, at);
    elements.push(element);
    at += element.whole.length;
  }
  if (first !== undefined) must(elements[0], first);
  return elements;
}

function only(bytes: Uint8Array, tag: number): Element {
  return must(read(bytes, 0), tag);
}

function must(element: Element | undefined, tag: number): Element {
  if (element?.tag === tag) return element;
  throw new CertificateError(`expected the element ${tag}, found ${element?.tag ?? "none"}`);
}

/** One element at an offset. Lengths are definite and have at most three octets: 16 MB. */
function read(bytes: Uint8Array, at: number): Element {
  const tag = bytes[at];
  let length = bytes[at + 1];
  let start = at + 2;
  if (length !== undefined && length >= 0x80) {
    const octets = length & 0x7f;
    if (octets === 0 || octets > 3) throw new CertificateError("a length that is indefinite or too large");
    length = 0;
    for (const end = start + octets; start < end; start++) length = length * 256 + (bytes[start] ?? 0);
  }
  if (tag === undefined || length === undefined || start + length > bytes.length) {
    throw new CertificateError("an element reaches beyond the end");
  }
  return { tag, content: bytes.subarray(start, start + length), whole: bytes.subarray(at, start + length) };
}
