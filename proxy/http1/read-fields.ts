/**
 * Header lines of HTTP/1 (RFC 9112 section 5), of heads and of trailers: read once, left to right, checking every byte. What
 * two parsers could read differently is refused, never repaired (RFC 9112 sections 2.2, 5.1, 5.2, 6.1, 6.3).
 */
import { COLON, CR, FIELD_VALUE, HTAB, isSpace, LF, SP, TOKEN } from "../http/characters.ts";
import { fieldKind } from "../http/field-kinds.ts";
import { type Head, MAX_HEAD_BYTES, MAX_HEADERS, STRIDE } from "../http/head.ts";
import * as refuse from "../http/refusal.ts";

/**
 * Reads header lines from `from` up to and with the blank line.
 * Returns the offset after it, `INCOMPLETE`, or a refusal.
 */
export function readFields(head: Head, from: number, available: number): number {
  const { bytes, fields } = head;
  head.fieldsStart = from;
  const limit = head.start + MAX_HEAD_BYTES;
  const end = available < limit ? available : limit;
  let at = from;
  for (;;) {
    if (at >= end) return available >= limit ? refuse.HEAD_TOO_LARGE : refuse.INCOMPLETE;
    const first = bytes[at] as number;
    if (first === CR) {
      if (at + 1 >= end) return available >= limit ? refuse.HEAD_TOO_LARGE : refuse.INCOMPLETE;
      if (bytes[at + 1] !== LF) return refuse.BARE_CR;
      head.end = at + 2;
      return head.chunked && head.contentLength >= 0 ? refuse.LENGTH_AND_ENCODING : head.end;
    }
    if (first === LF) return refuse.BARE_LF;
    if (first === SP || first === HTAB) return refuse.FOLDED_HEADER;
    if (fields.length === MAX_HEADERS * STRIDE) return refuse.TOO_MANY_HEADERS;

    const nameStart = at;
    while (at < end && TOKEN[bytes[at] as number] === 1) at++;
    if (at >= end) return available >= limit ? refuse.HEAD_TOO_LARGE : refuse.INCOMPLETE;
    const nameEnd = at;
    if (bytes[at] !== COLON) {
      if (bytes[at] === LF) return refuse.BARE_LF;
      return nameEnd > nameStart && isSpace(bytes[at] as number)
        ? refuse.SPACE_BEFORE_COLON
        : refuse.BAD_HEADER_NAME;
    }
    if (nameEnd === nameStart) return refuse.BAD_HEADER_NAME;
    at++;
    while (at < end && isSpace(bytes[at] as number)) at++;
    const valueStart = at;
    while (at < end && FIELD_VALUE[bytes[at] as number] === 1) at++;
    if (at + 1 >= end) {
      if (at < end && bytes[at] !== CR) return bytes[at] === LF ? refuse.BARE_LF : refuse.BAD_HEADER_VALUE;
      return available >= limit ? refuse.HEAD_TOO_LARGE : refuse.INCOMPLETE;
    }
    if (bytes[at] !== CR) return bytes[at] === LF ? refuse.BARE_LF : refuse.BAD_HEADER_VALUE;
    if (bytes[at + 1] !== LF) return refuse.BARE_CR;
    let valueEnd = at;
    while (valueEnd > valueStart && isSpace(bytes[valueEnd - 1] as number)) valueEnd--;
    at += 2;

    const kind = fieldKind(bytes, nameStart, nameEnd);
    const refused = head.add(kind, nameStart, nameEnd, valueStart, valueEnd);
    if (refused < 0) return refused;
  }
}
