/** A response's head as HTTP/1.x writes it (RFC 9112 section 4): status line, then headers. */
import { CR, FIELD_VALUE, LF, SP } from "../http/characters.ts";
import { MAX_HEAD_BYTES } from "../http/head.ts";
import * as refuse from "../http/refusal.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { readFields } from "./read-fields.ts";

const VERSION = "HTTP/1.";

/** Reads a head from `bytes[start, available)`: the offset after it, `INCOMPLETE`, or a refusal. */
export function readResponse(
  head: ResponseHead,
  bytes: Uint8Array,
  start: number,
  available: number,
): number {
  head.reset(bytes, start);
  const limit = start + MAX_HEAD_BYTES;
  const end = available < limit ? available : limit;
  const more = available >= limit ? refuse.HEAD_TOO_LARGE : refuse.INCOMPLETE;
  let at = start;
  for (let index = 0; index < VERSION.length; index++, at++) {
    if (at >= end) return more;
    if (bytes[at] !== VERSION.charCodeAt(index)) return refuse.BAD_STATUS_LINE;
  }
  if (at >= end) return more;
  const minor = (bytes[at] as number) - 0x30;
  if (minor !== 0 && minor !== 1) return refuse.BAD_STATUS_LINE;
  head.minor = minor;
  at++;
  if (at >= end) return more;
  if (bytes[at] !== SP) return refuse.BAD_STATUS_LINE;
  at++;
  head.statusStart = at;
  let status = 0;
  for (let digits = 0; digits < 3; digits++, at++) {
    if (at >= end) return more;
    const digit = (bytes[at] as number) - 0x30;
    if (digit < 0 || digit > 9) return refuse.BAD_STATUS_LINE;
    status = status * 10 + digit;
  }
  if (status < 100) return refuse.BAD_STATUS_LINE;
  head.status = status;
  if (at >= end) return more;
  // The space before an empty reason is often left out; the reason means nothing (RFC 9112 section 4).
  if (bytes[at] !== SP && bytes[at] !== CR) return bytes[at] === LF ? refuse.BARE_LF : refuse.BAD_STATUS_LINE;
  while (at < end && FIELD_VALUE[bytes[at] as number] === 1) at++;
  if (at >= end) return more;
  if (bytes[at] !== CR) return bytes[at] === LF ? refuse.BARE_LF : refuse.BAD_STATUS_LINE;
  if (at + 1 >= end) return more;
  if (bytes[at + 1] !== LF) return refuse.BARE_CR;
  const after = readFields(head, at + 2, available);
  if (after > 0 && minor === 0 && head.chunked) return refuse.BAD_TRANSFER_ENCODING;
  return after;
}
