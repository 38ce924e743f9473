/**
 * A connection through an HTTP proxy (a DestinationRule's `tunnel`). Asked for by CONNECT, what comes after its 2xx is the
 * connection's own (RFC 9110 section 9.3.6); by POST, for proxies that let no CONNECT through, the connection is the bodies of
 * the two messages.
 */
import type { Tunnel } from "../config/view.ts";
import { INCOMPLETE, refusal } from "../http/refusal.ts";
import { ResponseHead } from "../http/response-head.ts";
import { socketInBodies } from "../http1/body-socket.ts";
import { readResponse } from "../http1/read-response.ts";
import type { Connect, Dial, DialEvents } from "../net/listen.ts";
import type { Socket, SocketEvents } from "../net/socket.ts";

const SWITCHING_PROTOCOLS = 101;

/** Opens connections by asking whom `connect` reaches. Its caller bounds the time for both. */
export function throughProxy(connect: Connect, tunnel: Tunnel): Connect {
  return (events) => {
    let asking: Asking | undefined;
    const dial: Dial = connect({
      connected(socket) {
        asking = new Asking(socket, tunnel, events);
      },
      failed: events.failed,
    });
    return {
      cancel() {
        dial.cancel();
        asking?.cancel();
      },
    };
  };
}

/** Has the socket until the proxy has answered. */
class Asking implements SocketEvents {
  readonly #socket: Socket;
  readonly #tunnel: Tunnel;
  readonly #events: DialEvents;
  readonly #head = new ResponseHead();
  #received: Buffer = Buffer.alloc(0);
  #over = false;

  constructor(socket: Socket, tunnel: Tunnel, events: DialEvents) {
    this.#socket = socket;
    this.#tunnel = tunnel;
    this.#events = events;
    socket.events = this;
    const request = Buffer.from(requestFor(tunnel), "latin1");
    socket.write(request, 0, request.length);
  }

  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#socket.abandon();
    this.#socket.destroy();
  }

  data(chunk: Buffer): void {
    if (this.#over) return;
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    for (;;) {
      const bytes = this.#received;
      const end = readResponse(this.#head, bytes, 0, bytes.length);
      if (end === INCOMPLETE) return;
      if (end < 0) {
        this.#fail(`its answer is refused: ${refusal(end).message}`);
        return;
      }
      const { status } = this.#head;
      this.#received = bytes.subarray(end);
      if (status >= 200 && status < 300) break;
      if (status >= 200 || status === SWITCHING_PROTOCOLS) {
        this.#fail(`it answered ${status}`);
        return;
      }
    }
    this.#over = true;
    // To a CONNECT, Content-Length and Transfer-Encoding mean nothing: all that follows the head has come through the tunnel.
    const { method } = this.#tunnel;
    this.#events.connected(method === "POST" ? socketInBodies(this.#socket, this.#head) : this.#socket);
    if (this.#received.length > 0) this.#socket.events.data(this.#received);
  }

  writable(): void {}

  ended(): void {
    this.#fail("it ended the connection without an answer");
  }

  closed(error: Error | undefined): void {
    this.#fail(error === undefined ? "it closed the connection without an answer" : error.message);
  }

  #fail(message: string): void {
    if (this.#over) return;
    this.cancel();
    const { method, authority } = this.#tunnel;
    this.#events.failed({ reason: "tunnel", message: `${method} ${authority} at the proxy: ${message}` });
  }
}

function requestFor({ method, authority }: Tunnel): string {
  if (method === "CONNECT") return `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`;
  return `POST / HTTP/1.1\r\nHost: ${authority}\r\nTransfer-Encoding: chunked\r\n\r\n`;
}
