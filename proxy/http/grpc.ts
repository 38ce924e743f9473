/** What a proxy has to know of gRPC over HTTP: its status beside HTTP's, and the deadline that a client sends. Pure. */
import { equalsIgnoreCase } from "./characters.ts";
import { CONTENT_TYPE } from "./field-kinds.ts";
import { type Head, STRIDE } from "./head.ts";

const TYPE = "application/grpc";

/** `application/grpc`, or with a message format behind `+`; gRPC-Web is none. */
export function isGrpc(head: Head): boolean {
  if (!head.has(CONTENT_TYPE)) return false;
  const { fields, bytes } = head;
  for (let at = 0; at < fields.length; at += STRIDE) {
    if (fields[at] !== CONTENT_TYPE) continue;
    const start = fields[at + 3] as number;
    const end = fields[at + 4] as number;
    const after = start + TYPE.length;
    if (end < after || !equalsIgnoreCase(bytes, start, after, TYPE)) return false;
    return end === after || bytes[after] === 0x2b || bytes[after] === 0x3b;
  }
  return false;
}

/** A status of HTTP for a gRPC client (gRPC's http-grpc-status-mapping). */
export function grpcStatusOf(status: number): number {
  switch (status) {
    case 200:
      return 0;
    case 400:
      return 13;
    case 401:
      return 16;
    case 403:
      return 7;
    case 404:
      return 12;
    case 429:
    case 502:
    case 503:
    case 504:
      return 14;
    default:
      return 2;
  }
}

/** By gRPC's code, as Envoy: what ejects an endpoint of HTTP ejects one of gRPC. */
const HTTP_STATUS = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];

/** The HTTP status that a gRPC status stands for; 500 for one that gRPC does not know. */
export function httpStatusOf(grpcStatus: string): number {
  return (/^\d{1,2}$/.test(grpcStatus) ? HTTP_STATUS[Number(grpcStatus)] : undefined) ?? 500;
}

/**
 * Header lines of a response that is nothing but its status, with `headers`, whole lines; the message is percent-encoded as
 * gRPC wants.
 */
export function grpcReply(grpcStatus: number, message: string, headers = ""): string {
  const encoded = message
    .trim()
    .replace(/[^ -$&-~]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
  const said = encoded === "" ? "" : `grpc-message: ${encoded}\r\n`;
  return `content-type: application/grpc\r\ngrpc-status: ${grpcStatus}\r\n${said}${withoutType(headers)}`;
}

/** A message of gRPC has one type alone. */
function withoutType(headers: string): string {
  return headers === "" ? "" : headers.replace(/^content-type:.*\r\n/gim, "");
}

const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/**
 * How long a gRPC request may take, in ms: what its client says in `grpc-timeout`, but no longer than the route allows. 0 for
 * no limit. A header that says nothing sensible counts as none.
 */
export function grpcTimeoutMs(header: string | undefined, routeMs: number): number {
  const match = header === undefined ? null : /^(\d{1,8})([HMSmun])$/.exec(header);
  if (match === null) return routeMs;
  const asked = Math.max(1, Math.ceil(Number(match[1]) * (UNIT_MS[match[2] ?? ""] ?? 1)));
  return routeMs > 0 ? Math.min(asked, routeMs) : asked;
}
