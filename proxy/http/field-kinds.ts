/**
 * The headers that mean something to a proxy, as small numbers, so that a head is read once and later questions
 * ("drop it?", "is there one?") are a shift on a mask.
 */
import { equalsIgnoreCase } from "./characters.ts";

export const OTHER = 0;
export const HOST_FIELD = 1;
export const CONTENT_LENGTH = 2;
export const TRANSFER_ENCODING = 3;
export const CONNECTION = 4;
export const KEEP_ALIVE = 5;
export const PROXY_CONNECTION = 6;
export const UPGRADE = 7;
export const TE = 8;
export const EXPECT = 9;
export const PEER = 10;
export const REQUEST_ID = 11;
export const FORWARDED_PROTO = 12;
export const FORWARDED_CLIENT_CERT = 13;
export const CONTENT_TYPE = 14;
export const GRPC_STATUS = 15;
/** W3C's trace context. */
export const TRACEPARENT = 16;
/** Zipkin's, in one header or in several. */
export const B3 = 17;

/** Metadata of the calling workload, between two proxies only. */
export const PEER_HEADER = "x-weft-peer";

const NAMES: readonly (readonly [string, number])[] = [
  ["host", HOST_FIELD],
  ["content-length", CONTENT_LENGTH],
  ["transfer-encoding", TRANSFER_ENCODING],
  ["connection", CONNECTION],
  ["keep-alive", KEEP_ALIVE],
  ["proxy-connection", PROXY_CONNECTION],
  ["upgrade", UPGRADE],
  ["te", TE],
  ["expect", EXPECT],
  [PEER_HEADER, PEER],
  ["x-request-id", REQUEST_ID],
  ["x-forwarded-proto", FORWARDED_PROTO],
  ["x-forwarded-client-cert", FORWARDED_CLIENT_CERT],
  ["content-type", CONTENT_TYPE],
  ["grpc-status", GRPC_STATUS],
  ["traceparent", TRACEPARENT],
  ["b3", B3],
  ["x-b3-traceid", B3],
];

/** By length: no two lengths hold more than three names, so that most headers are told apart by their length alone. */
const BY_LENGTH: readonly (readonly (readonly [string, number])[])[] = Array.from(
  { length: 32 },
  (_, length) => NAMES.filter(([name]) => name.length === length),
);

/** The kind of the header named by `bytes[start, end)`. */
export function fieldKind(bytes: Uint8Array, start: number, end: number): number {
  const candidates = BY_LENGTH[end - start];
  if (candidates === undefined) return OTHER;
  for (let index = 0; index < candidates.length; index++) {
    const candidate = candidates[index] as readonly [string, number];
    if (equalsIgnoreCase(bytes, start, end, candidate[0])) return candidate[1];
  }
  return OTHER;
}

/** Headers that concern one connection alone and are never forwarded (RFC 9110 section 7.6.1); `te` has its own rule. */
export const HOP_BY_HOP = (1 << CONNECTION) | (1 << KEEP_ALIVE) | (1 << PROXY_CONNECTION) | (1 << UPGRADE);
