/**
 * What a field may be in HTTP/2 (RFC 9113 sections 8.2 and 8.3), judged on its own: the answer is a number that is kept
 * with the field when it stands in a table. As everything becomes a line of an HTTP/1.1 head, the rules of that apply too.
 */
import { equalsIgnoreCase, FIELD_VALUE, HOST, HTAB, SP, TARGET, TOKEN } from "../http/characters.ts";
import * as kind from "../http/field-kinds.ts";
import * as refuse from "../http/refusal.ts";

/** Facts of a field that may be: its kind in the low byte, which pseudo-header field it is in the next, and these. */
export const PSEUDO_SHIFT = 8;
export const PSEUDO_MASK = 0xff << PSEUDO_SHIFT;
/** A part of a Cookie header, which HTTP/1.1 must not get in several (section 8.2.3). */
export const COOKIE = 1 << 16;

export const METHOD = 1;
export const SCHEME = 2;
export const AUTHORITY = 3;
export const PATH = 4;
export const STATUS = 5;
/** RFC 8441 section 4. */
export const PROTOCOL = 6;

const PSEUDO_NAMES: readonly (readonly [string, number])[] = [
  [":method", METHOD],
  [":scheme", SCHEME],
  [":authority", AUTHORITY],
  [":path", PATH],
  [":status", STATUS],
  [":protocol", PROTOCOL],
];

/** What concerns one connection alone is said otherwise here, and must not be sent (section 8.2.2). */
const FORBIDDEN =
  (1 << kind.CONNECTION) |
  (1 << kind.KEEP_ALIVE) |
  (1 << kind.PROXY_CONNECTION) |
  (1 << kind.TRANSFER_ENCODING) |
  (1 << kind.UPGRADE);

/** tchar without upper case. */
const NAME = TOKEN.map((accepts, code) => (code >= 0x41 && code <= 0x5a ? 0 : accepts));

const MAX_METHOD = 32;
const COLON = 0x3a;

/** The facts of the field whose line `name: value` stands in `bytes[start, end)` with its CRLF; negative: a refusal. */
export function judge(bytes: Uint8Array, start: number, nameEnd: number, end: number): number {
  const valueStart = nameEnd + 2;
  const valueEnd = end - 2;
  if (bytes[start] === COLON && nameEnd > start) {
    return judgePseudo(bytes, start, nameEnd, valueStart, valueEnd);
  }
  if (start === nameEnd) return refuse.BAD_HEADER_NAME;
  for (let at = start; at < nameEnd; at++) {
    if (NAME[bytes[at] as number] !== 1) return refuse.BAD_HEADER_NAME;
  }
  for (let at = valueStart; at < valueEnd; at++) {
    if (FIELD_VALUE[bytes[at] as number] !== 1) return refuse.BAD_HEADER_VALUE;
  }
  if (valueEnd > valueStart && (blank(bytes[valueStart]) || blank(bytes[valueEnd - 1]))) {
    return refuse.BAD_HEADER_VALUE;
  }
  const fieldKind = kind.fieldKind(bytes, start, nameEnd);
  if (fieldKind === kind.OTHER) {
    return nameEnd - start === 6 && equalsIgnoreCase(bytes, start, nameEnd, "cookie") ? COOKIE : kind.OTHER;
  }
  if (((FORBIDDEN >> fieldKind) & 1) === 1) return refuse.CONNECTION_FIELD;
  if (fieldKind === kind.TE && !equalsIgnoreCase(bytes, valueStart, valueEnd, "trailers")) {
    return refuse.CONNECTION_FIELD;
  }
  if (fieldKind === kind.HOST_FIELD && !every(HOST, bytes, valueStart, valueEnd)) return refuse.BAD_HOST;
  return fieldKind;
}

function judgePseudo(
  bytes: Uint8Array,
  start: number,
  nameEnd: number,
  valueStart: number,
  valueEnd: number,
): number {
  const found = PSEUDO_NAMES.find(
    ([name]) => name.length === nameEnd - start && matches(bytes, start, name),
  )?.[1];
  const facts = (found ?? 0) << PSEUDO_SHIFT;
  switch (found) {
    case METHOD:
      return every(TOKEN, bytes, valueStart, valueEnd) && valueEnd - valueStart <= MAX_METHOD
        ? facts
        : refuse.BAD_METHOD;
    case SCHEME:
    case PROTOCOL:
      return every(TOKEN, bytes, valueStart, valueEnd) ? facts : refuse.PSEUDO_FIELD;
    case AUTHORITY:
      // As for Host: no user information, no list (section 8.3.1).
      return every(HOST, bytes, valueStart, valueEnd) && valueEnd - valueStart <= 255 + 6
        ? facts
        : refuse.BAD_HOST;
    case PATH:
      return every(TARGET, bytes, valueStart, valueEnd) ? facts : refuse.BAD_TARGET;
    case STATUS:
      return isStatus(bytes, valueStart, valueEnd) ? facts : refuse.BAD_STATUS_LINE;
    default:
      return refuse.PSEUDO_FIELD;
  }
}

function matches(bytes: Uint8Array, start: number, name: string): boolean {
  for (let at = 0; at < name.length; at++) if (bytes[start + at] !== name.charCodeAt(at)) return false;
  return true;
}

/** At least one character, each of the class. */
function every(accepted: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (accepted[bytes[at] as number] !== 1) return false;
  return end > start;
}

function blank(code: number | undefined): boolean {
  return code === SP || code === HTAB;
}

function isStatus(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== 3 || (bytes[start] as number) < 0x31) return false;
  for (let at = start; at < end; at++) {
    const code = bytes[at] as number;
    if (code < 0x30 || code > 0x39) return false;
  }
  return true;
}
