/** A request's head as HTTP/1.1 writes it (RFC 9112 section 3): request line, then headers. */
import {
  CR,
  equals,
  equalsIgnoreCase,
  HOST,
  LF,
  SLASH,
  SP,
  TARGET,
  TOKEN,
  text,
} from "../http/characters.ts";
import { HOST_FIELD } from "../http/field-kinds.ts";
import { MAX_HEAD_BYTES, STRIDE } from "../http/head.ts";
import * as refuse from "../http/refusal.ts";
import { CONNECT, connectPort, type RequestHead } from "../http/request-head.ts";
import { readFields } from "./read-fields.ts";

const MAX_METHOD = 32;
/** ` HTTP/1.` without the minor version. */
const VERSION = "HTTP/1.";
const SCHEME = "http://";

/** Methods by their bytes' length and first byte: the common ones are not decoded. */
const COMMON = ["GET", "PUT", "POST", "HEAD", "PATCH", "DELETE", "OPTIONS"];

/** Reads a head from `bytes[start, available)`: the offset after it, `INCOMPLETE`, or a refusal. */
export function readRequest(head: RequestHead, bytes: Uint8Array, start: number, available: number): number {
  head.reset(bytes, start);
  let at = start;
  // One empty line before a request is the trace of an old client's body, and means nothing (RFC 9112 section 2.2).
  if (bytes[at] === CR && at < available) {
    if (at + 1 >= available) return refuse.INCOMPLETE;
    if (bytes[at + 1] !== LF) return refuse.BARE_CR;
    at += 2;
    head.start = at;
  }
  const limit = head.start + MAX_HEAD_BYTES;
  const end = available < limit ? available : limit;
  const more = available >= limit ? refuse.HEAD_TOO_LARGE : refuse.INCOMPLETE;

  const methodStart = at;
  const methodLimit = methodStart + MAX_METHOD;
  while (at < end && at <= methodLimit && TOKEN[bytes[at] as number] === 1) at++;
  if (at > methodLimit) return refuse.BAD_METHOD;
  if (at >= end) return more;
  if (bytes[at] !== SP || at === methodStart) return refuse.BAD_METHOD;
  head.method = methodName(bytes, methodStart, at);
  at++;

  head.targetStart = at;
  while (at < end && TARGET[bytes[at] as number] === 1) at++;
  if (at >= end) return more;
  head.targetEnd = at;
  if (bytes[at] !== SP || at === head.targetStart) return refuse.BAD_TARGET;
  at++;

  for (let index = 0; index < VERSION.length; index++, at++) {
    if (at >= end) return more;
    if (bytes[at] !== VERSION.charCodeAt(index)) return refuse.BAD_VERSION;
  }
  if (at >= end) return more;
  const minor = bytes[at] as number;
  if (minor !== 0x31 && minor !== 0x30) return refuse.BAD_VERSION;
  at++;
  if (at >= end) return more;
  if (bytes[at] === LF) return refuse.BARE_LF;
  if (bytes[at] !== CR) return refuse.BAD_VERSION;
  if (at + 1 >= end) return more;
  if (bytes[at + 1] !== LF) return refuse.BARE_CR;
  if (minor === 0x30) return refuse.OLD_VERSION;

  const after = readFields(head, at + 2, available);
  return after > 0 ? finish(head, after) : after;
}

function finish(head: RequestHead, after: number): number {
  if (!head.has(HOST_FIELD)) return refuse.NO_HOST;
  const host = hostOf(head);
  if (host === undefined) return refuse.BAD_HOST;
  head.authority = host;
  const { bytes, targetStart, targetEnd } = head;
  if (head.method === CONNECT) return readConnect(head, host, after);
  if (bytes[targetStart] === SLASH) return after;
  if (targetEnd - targetStart === 1 && bytes[targetStart] === 0x2a && head.method === "OPTIONS") return after;
  return readAbsolute(head, after);
}

function hostOf(head: RequestHead): string | undefined {
  const { fields, bytes } = head;
  for (let at = 0; at < fields.length; at += STRIDE) {
    if (fields[at] !== HOST_FIELD) continue;
    const [start, end] = [fields[at + 3] as number, fields[at + 4] as number];
    // The requests of a connection name one host, as a rule.
    const { authority } = head;
    return authority !== "" && equals(bytes, start, end, authority) ? authority : hostText(bytes, start, end);
  }
  return undefined;
}

/**
 * CONNECT names a host and its port, and nothing else (RFC 9112 section 3.2.3). It has no content (RFC 9110 section 9.3.6), and
 * what follows its head must not be a body to one reader and the tunnel's first bytes to the next.
 */
function readConnect(head: RequestHead, host: string, after: number): number {
  const target = hostText(head.bytes, head.targetStart, head.targetEnd);
  const port = target === undefined ? undefined : connectPort(target);
  if (target === undefined || port === undefined) return refuse.BAD_TARGET;
  if (head.hasBody) return refuse.CONNECT_BODY;
  // Two hops must not go by two names; that Host leaves the port out is an old habit.
  const named = host.toLowerCase();
  const wanted = target.toLowerCase();
  if (named !== wanted && named !== wanted.slice(0, -port.length - 1)) return refuse.CONNECT_HOST;
  head.authority = target;
  return after;
}

function readAbsolute(head: RequestHead, after: number): number {
  const { bytes, targetStart, targetEnd } = head;
  const authorityStart = targetStart + SCHEME.length;
  if (!equalsIgnoreCase(bytes, targetStart, Math.min(authorityStart, targetEnd), SCHEME))
    return refuse.BAD_TARGET;
  let at = authorityStart;
  while (at < targetEnd && bytes[at] !== SLASH && bytes[at] !== 0x3f) at++;
  const authority = hostText(bytes, authorityStart, at);
  if (authority === undefined) return refuse.BAD_TARGET;
  head.authority = authority;
  head.absolute = true;
  const rest = text(bytes, at, targetEnd);
  head.path = rest.startsWith("/") ? rest : `/${rest}`;
  return after;
}

function hostText(bytes: Uint8Array, start: number, end: number): string | undefined {
  if (start === end || end - start > 255 + 6) return undefined;
  for (let at = start; at < end; at++) if (HOST[bytes[at] as number] !== 1) return undefined;
  return text(bytes, start, end);
}

function methodName(bytes: Uint8Array, start: number, end: number): string {
  for (let index = 0; index < COMMON.length; index++) {
    const name = COMMON[index] as string;
    if (name.length !== end - start || name.charCodeAt(0) !== bytes[start]) continue;
    let at = 1;
    while (at < name.length && name.charCodeAt(at) === bytes[start + at]) at++;
    if (at === name.length) return name;
  }
  return text(bytes, start, end);
}
