/** The few DER encodings that a certificate request needs (ITU-T X.690 sections 8 and 10). */

/** Tag, length, contents. */
export function encode(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const length = contents.reduce((sum, content) => sum + content.length, 0);
  return Buffer.concat([Uint8Array.from([tag, ...lengthOctets(length)]), ...contents]);
}

/** Short form below 128, else the number of octets and the octets (section 8.1.3). */
function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length];
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return [0x80 | octets.length, ...octets];
}

export const sequence = (...contents: readonly Uint8Array[]): Uint8Array => encode(0x30, ...contents);

/** A constructed, context-specific element `[number]`. */
export const tagged = (number: number, ...contents: readonly Uint8Array[]): Uint8Array =>
  encode(0xa0 | number, ...contents);

/** An unsigned number from its big-endian octets: the fewest octets, and a zero before a high bit (section 8.3). */
export function integer(octets: Uint8Array): Uint8Array {
  let start = 0;
  while (start < octets.length - 1 && octets[start] === 0) start++;
  const digits = octets.subarray(start);
  return (digits[0] ?? 0) < 0x80 ? encode(0x02, digits) : encode(0x02, Uint8Array.of(0), digits);
}

/** Whole octets: no unused bits. */
export const bitString = (content: Uint8Array): Uint8Array => encode(0x03, Uint8Array.of(0), content);

/** `1.2.840.10045.4.3.2` as base-128 arcs (section 8.19). */
export function objectIdentifier(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const octets = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f];
    for (let high = Math.floor(arc / 128); high > 0; high = Math.floor(high / 128))
      groups.unshift(0x80 | (high & 0x7f));
    return groups;
  });
  return encode(0x06, Uint8Array.from(octets));
}

/** PEM with 64 characters a line (RFC 7468 section 2). */
export function pem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
