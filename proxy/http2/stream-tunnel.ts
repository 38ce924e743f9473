/**
 * A stream that has become a tunnel (RFC 9113 section 8.5, RFC 8441 section 5): its DATA are the bytes of another protocol, its
 * END_STREAM is a FIN, its reset is a reset.
 */
import type { SocketEvents } from "../net/socket.ts";
import type { SpliceEnd } from "../net/splice.ts";
import { CANCEL, NO_ERROR, PROTOCOL_ERROR } from "./frames.ts";

/** What a tunnel asks of its stream. */
export interface TunnelledStream {
  /** Written bytes wait for windows or their turn. */
  readonly sendsLater: boolean;
  body(bytes: Buffer, start: number, end: number, last: boolean): boolean;
  /** Hands on what is received, what waits first. */
  resume(): void;
  break(code: number): void;
}

const NOBODY: SocketEvents = { data() {}, writable() {}, ended() {}, closed() {} };
const EMPTY = Buffer.alloc(0);

export class StreamTunnel implements SpliceEnd {
  events: SocketEvents = NOBODY;
  /** END_STREAM has come, and all before it has been handed on. */
  ended = false;
  readonly #stream: TunnelledStream;
  #paused = true;
  /** `shutdown`: we say no more; `end`: and read no more. */
  #finishing: "no" | "shutdown" | "end" = "no";
  /** Our END_STREAM is out. */
  #shut = false;
  #closed = false;

  constructor(stream: TunnelledStream) {
    this.#stream = stream;
  }

  get congested(): boolean {
    return this.#stream.sendsLater;
  }

  write(bytes: Buffer, start: number, end: number): boolean {
    if (this.#closed || this.#finishing !== "no") return true;
    return this.#stream.body(bytes, start, end, false);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused || this.#closed) return;
    this.#paused = false;
    this.#stream.resume();
  }

  shutdown(): void {
    this.#finish("shutdown");
  }

  end(): void {
    this.#finish("end");
  }

  destroy(): void {
    if (this.#closed) return;
    this.#stream.break(CANCEL);
    this.#close(undefined);
  }

  #finish(how: "shutdown" | "end"): void {
    if (this.#closed || this.#finishing === "end") return;
    const before = this.#finishing;
    this.#finishing = how;
    if (before === "no") this.#stream.body(EMPTY, 0, 0, true);
    else this.#settle();
  }

  /** Closes when nothing is to come, or nobody wants what is. */
  #settle(): void {
    if (!this.#shut || this.#closed) return;
    if (!this.ended) {
      if (this.#finishing !== "end") return;
      this.#stream.break(NO_ERROR);
    }
    this.#close(undefined);
  }

  #close(error: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    const { events } = this;
    this.events = NOBODY;
    events.closed(error);
  }

  // What the stream tells.

  /** Bytes of the client's; false: hold the rest until it is resumed. */
  received(bytes: Buffer, start: number, end: number, last: boolean): boolean {
    if (end > start) this.events.data(bytes.subarray(start, end));
    if (last && !this.#closed) {
      this.ended = true;
      this.events.ended();
      this.#settle();
    }
    return !this.#paused;
  }

  /** No frame but DATA has a meaning in a tunnel (RFC 9113 section 8.5). */
  misused(): void {
    if (this.#closed) return;
    this.#stream.break(PROTOCOL_ERROR);
    this.lost("HEADERS came in a tunnel");
  }

  writable(): void {
    this.events.writable();
  }

  /** END_STREAM is out. */
  sent(): void {
    this.#shut = true;
    this.#settle();
  }

  /** The stream is gone. */
  lost(message: string): void {
    this.#close(new Error(message));
  }
}
