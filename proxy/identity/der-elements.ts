/** Reads DER (ITU-T X.690 section 8) as far as certificates and revocation lists need it: every length is checked, nothing is guessed. */

export class CertificateError extends Error {
  override readonly name = "CertificateError";
}

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  /** [0] of TBSCertificate, and of TBSCertList: its extensions. */
  version: 0xa0,
  /** [3] of TBSCertificate. */
  extensions: 0xa3,
  /** [6] of GeneralName. */
  uri: 0x86,
};

/** UTCTime has two digits of a year, from 1950 to 2049 (RFC 5280 section 4.1.2.5.1). */
export function time(element: Element | undefined): number {
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

export interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
  /** With tag and length. */
  readonly whole: Uint8Array;
}

export function children({ content }: Pick<Element, "content">, first?: number): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < content.length; ) {
    const element = read(content, at);
    elements.push(element);
    at += element.whole.length;
  }
  if (first !== undefined) must(elements[0], first);
  return elements;
}

export function only(bytes: Uint8Array, tag: number): Element {
  return must(read(bytes, 0), tag);
}

export function must(element: Element | undefined, tag: number): Element {
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

/** Base-128 arcs as text (X.690 section 8.19). */
export function objectId({ content }: Pick<Element, "content">): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const octet of content) {
    arc = arc * 128 + (octet & 0x7f);
    if (octet >= 0x80) continue;
    arcs.push(arc);
    arc = 0;
  }
  const [first = 0, ...others] = arcs;
  const top = Math.min(Math.floor(first / 40), 2);
  return [top, first - top * 40, ...others].join(".");
}
