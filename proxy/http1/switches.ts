/** Which answers make another protocol of a connection to an endpoint. */
import { UPGRADE } from "../http/field-kinds.ts";
import { CONNECT_FRAMING, NOT_SWITCHED } from "../http/refusal.ts";
import { CONNECT, type RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { RANDOM } from "../trace/random-block.ts";

export type Switches = typeof NEVER | typeof ON_101 | typeof ON_WEBSOCKET | typeof ON_SUCCESS;
export const NEVER = 0;
export const ON_101 = 1;
/** A 101 to a WebSocket; the client speaks HTTP/2, where any 2xx would say that it has one. */
export const ON_WEBSOCKET = 2;
/** The 2xx to a CONNECT. */
export const ON_SUCCESS = 3;

export function switchesOf(head: RequestHead): Switches {
  if (head.extended) return ON_WEBSOCKET;
  if (head.method === CONNECT) return ON_SUCCESS;
  return head.upgrade && head.webSocket ? ON_101 : NEVER;
}

/** Whether the answer to what was asked switches: 1, 0 for an ordinary answer, or a refusal. */
export function switched(switches: Switches, head: ResponseHead): number {
  const success = head.status >= 200 && head.status < 300;
  if (switches === ON_SUCCESS && success) {
    // A server that knows CONNECT frames nothing (RFC 9110 section 9.3.6). One that does has answered as to any other request,
    // and would read requests from the tunnel that nobody has judged.
    return head.chunked || head.contentLength >= 0 ? CONNECT_FRAMING : 1;
  }
  if (switches === ON_WEBSOCKET) {
    if (success) return NOT_SWITCHED;
    if (head.status === 101) return head.known(UPGRADE)?.toLowerCase() === "websocket" ? 1 : NOT_SWITCHED;
  }
  return head.status === 101 && switches === ON_101 ? 1 : 0;
}

const KEY_BYTES = 16;

/** What a client of HTTP/2 leaves to who goes on with HTTP/1.1 (RFC 6455 section 4.1, RFC 8441 section 5). */
export function webSocketKey(): string {
  const at = RANDOM.take(KEY_BYTES);
  const key = Buffer.from(RANDOM.bytes.subarray(at, at + KEY_BYTES)).toString("base64");
  return `sec-websocket-key: ${key}\r\n`;
}
