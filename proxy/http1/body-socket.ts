/**
 * A connection inside of one request and its response: what is written to it is the request's body, in chunks, and what it reads
 * is the response's, whatever frames that. The last chunk is its FIN, the end of the response its peer's.
 */
import { refusal } from "../http/refusal.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { type RawSocket, Socket, type SocketEvents } from "../net/socket.ts";
import { MessageBody } from "./message-body.ts";

const CRLF = Buffer.from("\r\n", "latin1");
const LAST_CHUNK = Buffer.from("0\r\n\r\n", "latin1");
const CUT_SHORT = "the connection ended in the middle of the response";
/** Up to here a chunk is copied behind its size, for one write. */
const COALESCE = 16 * 1024;

/** The request's head is out and the response's is read: the owner of `under` gives it away and gets the connection inside. */
export function socketInBodies(under: Socket, response: ResponseHead): Socket {
  return new BodySocket(under, response).socket;
}

class BodySocket implements RawSocket, SocketEvents {
  readonly socket: Socket;
  readonly #under: Socket;
  readonly #body = new MessageBody();
  /** The last chunk is written. */
  #requestDone = false;
  /** The connection is being closed by us. */
  #closing = false;

  constructor(under: Socket, response: ResponseHead) {
    this.#under = under;
    this.#body.begin(response, false);
    this.#body.keepFraming(!response.chunked);
    this.socket = new Socket(this, under.peerAddress);
    under.events = this;
    if (this.#body.done) queueMicrotask(() => this.socket.closed || this.socket.onEnd());
  }

  // What the socket inside does.

  get fd(): number {
    return this.#under.fd;
  }

  get remotePort(): number {
    return this.#under.peerPort;
  }

  /** All of it or nothing: what `under` does not take at once it keeps, and takes no more meanwhile. */
  write(data: Uint8Array, offset: number, length: number): number {
    const under = this.#under;
    if (under.closed) return -1;
    if (under.congested) return 0;
    const size = Buffer.from(`${length.toString(16)}\r\n`, "latin1");
    if (length <= COALESCE) {
      const chunk = Buffer.concat([size, data.subarray(offset, offset + length), CRLF]);
      under.write(chunk, 0, chunk.length);
      return length;
    }
    under.write(size, 0, size.length);
    // Taken is taken: its owner may free the bytes.
    under.write(data, offset, offset + length, true);
    under.write(CRLF, 0, CRLF.length, true);
    return length;
  }

  shutdown(): void {
    if (this.#requestDone) return;
    this.#requestDone = true;
    this.#under.write(LAST_CHUNK, 0, LAST_CHUNK.length, true);
  }

  end(): void {
    this.shutdown();
    this.#closing = true;
    this.#under.end();
  }

  terminate(): void {
    this.#closing = true;
    this.#under.destroy();
  }

  pause(): void {
    this.#under.pause();
  }

  resume(): void {
    this.#under.resume();
  }

  // What happens to the connection around it.

  data(chunk: Buffer): void {
    const body = this.#body;
    // Behind the response's end is nothing of the connection inside.
    if (body.done || this.socket.closed) return;
    body.take(chunk, 0, chunk.length);
    if (body.refused < 0) {
      this.#fail(`the response's body is malformed: ${refusal(body.refused).message}`);
      return;
    }
    const { bytes, start, end, done } = body;
    body.handedOn();
    if (end > start)
      this.socket.onData(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end));
    if (done && !this.socket.closed) this.socket.onEnd();
  }

  writable(): void {
    this.socket.onDrain();
  }

  ended(): void {
    if (this.#body.endsWithConnection) this.socket.onEnd();
    else if (!this.#body.done) this.#fail(CUT_SHORT);
  }

  closed(error: Error | undefined): void {
    const { done, endsWithConnection } = this.#body;
    const cutShort = !this.#closing && !done && !endsWithConnection;
    this.socket.onClose(error ?? (cutShort ? new Error(CUT_SHORT) : undefined));
  }

  #fail(message: string): void {
    this.#under.abandon();
    this.#under.destroy();
    this.socket.onClose(new Error(message));
  }
}
