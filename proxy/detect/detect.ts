/**
 * Which protocol a connection speaks, from the first bytes its client sends. Pure.
 *
 * Only asked when the port does not say. A server-first protocol sends nothing, so its well-known ports are not asked
 * about at all, and on others a short wait decides for opaque TCP.
 */
import { TOKEN } from "../http/characters.ts";

export type Detected = "http1" | "http2" | "tls" | "tcp" | "more";

/** SMTP, DNS, MySQL, MongoDB: as Istio, taken for opaque TCP without a look. */
export const SERVER_FIRST_PORTS: ReadonlySet<number> = new Set([25, 53, 3306, 27017]);

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/** The longest method that is believed to be one; IANA's longest has 17 characters. */
const MAX_METHOD = 20;
/** A request line that has no version by then is somebody's binary protocol, or not worth waiting for. */
const MAX_LINE = 8 * 1024;
const VERSION = " HTTP/1.";

/** Decides from `bytes`; `more` asks for a longer prefix of the same stream, never twice for the same bytes. */
export function detect(bytes: Uint8Array): Detected {
  if (bytes.length === 0) return "more";
  // TLS: a handshake record (22) of version 3.x that carries a ClientHello (1).
  if (bytes[0] === 0x16) {
    if (bytes.length < 6) return bytes.length > 1 && bytes[1] !== 0x03 ? "tcp" : "more";
    return bytes[1] === 0x03 && bytes[5] === 0x01 ? "tls" : "tcp";
  }
  const preface = prefix(bytes, PREFACE);
  if (preface === "whole") return "http2";
  if (preface === "part") return "more";
  return detectRequestLine(bytes);
}

function detectRequestLine(bytes: Uint8Array): Detected {
  const { length } = bytes;
  let at = 0;
  // Methods that anyone uses are upper case; a lower-case word and a space begins many text protocols.
  while (at < length && at <= MAX_METHOD && isMethod(bytes[at] as number)) at++;
  if (at === length) return at <= MAX_METHOD ? "more" : "tcp";
  if (at === 0 || at > MAX_METHOD || bytes[at] !== 0x20) return "tcp";
  const lineLimit = Math.min(length, MAX_LINE);
  let end = at + 1;
  while (end < lineLimit && bytes[end] !== 0x0a) {
    if ((bytes[end] as number) < 0x20 && bytes[end] !== 0x0d) return "tcp";
    end++;
  }
  if (end === MAX_LINE) return "http1";
  if (end === length) return "more";
  // Before the line's end stand the minor version and, unless the client is broken, a CR: the parser says so then.
  const from = end - VERSION.length - 1;
  return matches(bytes, from, VERSION) || matches(bytes, from - 1, VERSION) ? "http1" : "tcp";
}

function isMethod(byte: number): boolean {
  return TOKEN[byte] === 1 && !(byte >= 0x61 && byte <= 0x7a);
}

function prefix(bytes: Uint8Array, text: string): "whole" | "part" | "no" {
  const length = Math.min(bytes.length, text.length);
  for (let at = 0; at < length; at++) if (bytes[at] !== text.charCodeAt(at)) return "no";
  return length === text.length ? "whole" : "part";
}

function matches(bytes: Uint8Array, from: number, text: string): boolean {
  for (let at = 0; at < text.length; at++) if (bytes[from + at] !== text.charCodeAt(at)) return false;
  return true;
}
