/** A request's pseudo-header fields (RFC 9113 section 8.3.1) as the first line of an HTTP/1.1 head. */
import * as refuse from "../http/refusal.ts";
import { CONNECT, connectPort } from "../http/request-head.ts";
import { AUTHORITY, METHOD, PATH, PROTOCOL, SCHEME } from "./field-rules.ts";

/** What every request has, but for a CONNECT. */
const NEEDED = (1 << METHOD) | (1 << SCHEME) | (1 << PATH);
/** What any request may have. */
export const REQUEST_FIELDS = NEEDED | (1 << AUTHORITY) | (1 << PROTOCOL);

/** Asks for another protocol on its stream (RFC 8441 section 4). */
export function isExtended(seen: number): boolean {
  return (seen & (1 << PROTOCOL)) !== 0;
}

/** The line with its CRLF, or a refusal; bit `1 << field` of `seen` is set for each that came. */
export function requestLine(
  seen: number,
  method: string,
  path: string,
  authority: string,
  protocol: string,
): string | number {
  const fields = seen & REQUEST_FIELDS;
  if ((fields & (1 << METHOD)) === 0) return refuse.PSEUDO_FIELD;
  if (isExtended(seen)) {
    if (method !== CONNECT || (fields & NEEDED) !== NEEDED) return refuse.PSEUDO_FIELD;
    if (path.charCodeAt(0) !== SLASH) return refuse.BAD_TARGET;
    if (protocol.toLowerCase() !== "websocket") return refuse.UNKNOWN_PROTOCOL;
    // What it is over HTTP/1.1, so that routes and policies see one thing (RFC 8441 section 5).
    return `GET ${path} HTTP/1.1\r\n`;
  }
  if (method === CONNECT) {
    // Names whom to reach, and nothing else (section 8.5).
    if (fields !== ((1 << METHOD) | (1 << AUTHORITY))) return refuse.PSEUDO_FIELD;
    return connectPort(authority) === undefined ? refuse.BAD_TARGET : `CONNECT ${authority} HTTP/1.1\r\n`;
  }
  if ((fields & NEEDED) !== NEEDED) return refuse.PSEUDO_FIELD;
  if (path.charCodeAt(0) !== SLASH && !(path === "*" && method === "OPTIONS")) return refuse.BAD_TARGET;
  return `${method} ${path} HTTP/1.1\r\n`;
}

const SLASH = 0x2f;
