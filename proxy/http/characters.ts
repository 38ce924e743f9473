/** Character classes of RFC 9110 section 5.6 and RFC 9112, as tables: one load a byte in the parsers' loops. */

export const SP = 0x20;
export const HTAB = 0x09;
export const CR = 0x0d;
export const LF = 0x0a;
export const COLON = 0x3a;
export const SLASH = 0x2f;

function table(accepts: (code: number) => boolean): Uint8Array {
  const result = new Uint8Array(256);
  for (let code = 0; code < 256; code++) result[code] = accepts(code) ? 1 : 0;
  return result;
}

const among = (set: string) => (code: number) => code < 0x80 && set.includes(String.fromCharCode(code));
const alphanumeric = (code: number) =>
  (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);

/** tchar. */
export const TOKEN = table((code) => alphanumeric(code) || among("!#$%&'*+-.^_`|~")(code));

/** field-content: visible characters, SP, HTAB and obs-text; no other control character. */
export const FIELD_VALUE = table((code) => code === HTAB || (code >= SP && code !== 0x7f));

/** A request target's characters: visible, and bytes above 0x7f that browsers of old send; no space, no fragment. */
export const TARGET = table((code) => code > SP && code !== 0x7f && code !== 0x23);

/** A Host's: reg-name, IPv4, IP-literal and port; no user information, no list, no path. */
export const HOST = table((code) => alphanumeric(code) || among("-._~:[]%!$&'()*+;=")(code));

/** The value of a hexadecimal digit, 255 for other characters. */
export const HEX = (() => {
  const result = new Uint8Array(256).fill(255);
  for (let digit = 0; digit < 10; digit++) result[0x30 + digit] = digit;
  for (let digit = 10; digit < 16; digit++) {
    result[0x41 + digit - 10] = digit;
    result[0x61 + digit - 10] = digit;
  }
  return result;
})();

/** Whether `bytes[start, end)` is `lower` (ASCII, lower case), in any case. */
export function equalsIgnoreCase(bytes: Uint8Array, start: number, end: number, lower: string): boolean {
  if (end - start !== lower.length) return false;
  for (let index = 0; index < lower.length; index++) {
    let code = bytes[start + index] as number;
    if (code >= 0x41 && code <= 0x5a) code |= 0x20;
    if (code !== lower.charCodeAt(index)) return false;
  }
  return true;
}

/** Whether `bytes[start, end)` is the text, a byte for each character. */
export function equals(bytes: Uint8Array, start: number, end: number, wanted: string): boolean {
  if (end - start !== wanted.length) return false;
  for (let index = 0; index < wanted.length; index++) {
    if (bytes[start + index] !== wanted.charCodeAt(index)) return false;
  }
  return true;
}

/** Whether the comma-separated list in `bytes[start, end)` has the element `lower`, in any case. */
export function listHas(bytes: Uint8Array, start: number, end: number, lower: string): boolean {
  let at = start;
  while (at < end) {
    let comma = at;
    while (comma < end && bytes[comma] !== 0x2c) comma++;
    let first = at;
    let last = comma;
    while (first < last && isSpace(bytes[first] as number)) first++;
    while (last > first && isSpace(bytes[last - 1] as number)) last--;
    if (equalsIgnoreCase(bytes, first, last, lower)) return true;
    at = comma + 1;
  }
  return false;
}

export function isSpace(code: number): boolean {
  return code === SP || code === HTAB;
}

/** The bytes as a latin1 string: every byte one character, so that nothing is lost or merged. */
export function text(bytes: Uint8Array, start: number, end: number): string {
  let result = "";
  // Short ranges (names, methods, hosts) are faster here than through a native decoder.
  if (end - start <= 24) {
    for (let index = start; index < end; index++) result += String.fromCharCode(bytes[index] as number);
    return result;
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
}
