/**
 * One connection's bytes, either side: ordered writes that never buffer without bound, half-close, and one owner.
 *
 * A write hands the kernel what it takes; the rest is kept and the writer is told to stop its source until
 * `writable`. So at most one read of the peer (the rest of one chunk) waits per direction. Nothing here knows TLS
 * from plaintext: a handshake is over before a `Socket` exists.
 */
import { BLOCK_BYTES } from "./blocks.ts";
import { BufferSizing } from "./buffer-sizing.ts";
import { PRESSURE } from "./pressure.ts";
import { TURN } from "./turn.ts";

/** What the runtime's socket does for us; a fake stands in for it in tests. */
export interface RawSocket {
  /** For its kernel buffers; valid while it is open. */
  readonly fd: number;
  readonly remotePort?: number;
  /** Bytes taken, which may be fewer than offered; -1 when the socket is gone. */
  write(data: Uint8Array, offset: number, length: number): number;
  /** Sends FIN after what was written; reading goes on. */
  shutdown(): void;
  /** FIN and close: a peer that goes on sending meets a reset. */
  end(): void;
  /** Closes with a reset. */
  terminate(): void;
  pause(): void;
  resume(): void;
}

/** Who owns a socket gets its events, one at a time, in order; after `closed` there are none. */
export interface SocketEvents {
  /** Bytes arrived; the buffer is the receiver's to keep. May come once more after `pause`. */
  data(chunk: Buffer): void;
  /** Everything written has been taken: the source may go on. */
  writable(): void;
  /** The peer sends no more; writing still works. */
  ended(): void;
  /** The connection is gone; `error` says why when it was no orderly close. */
  closed(error: Error | undefined): void;
}

const IGNORE: SocketEvents = { data() {}, writable() {}, ended() {}, closed() {} };

/** How long a side that has nothing more to say reads on, so that a reset does not destroy what it said last. */
export const LINGER_MS = 1_000;

export class Socket {
  events: SocketEvents = IGNORE;
  readonly peerAddress: string;
  bytesRead = 0;
  bytesWritten = 0;
  closed = false;
  /** Plaintext: its bytes may be read past the runtime. */
  pullable = false;
  /** The peer's FIN is in. */
  ended = false;
  readonly #raw: RawSocket;
  #pending: Uint8Array[] | undefined;
  #finishing: "no" | "shutdown" | "end" = "no";
  #paused = false;
  readonly #sizing: BufferSizing;
  /** Since when something waits to be written, and how much since then. */
  #waitingSince = 0;
  #waiting = 0;
  #pausedSince = 0;
  /** Our FIN is out. */
  #shut = false;

  constructor(raw: RawSocket, peerAddress: string) {
    this.#raw = raw;
    this.peerAddress = peerAddress;
    this.#sizing = new BufferSizing(raw.fd);
  }

  /** 0 when the connection is gone. */
  get peerPort(): number {
    return this.closed ? 0 : (this.#raw.remotePort ?? 0);
  }

  /** For `setsockopt`; valid until it is closed. */
  get fd(): number {
    return this.#raw.fd;
  }

  /** True when written bytes wait for the kernel. */
  get congested(): boolean {
    return this.#pending !== undefined;
  }

  /**
   * Writes `bytes[start, end)`. True when all of it was taken; false when some waits: write no more than what is at
   * hand and stop the source until `writable`. With `shared` the buffer is the caller's to reuse, so what waits is copied.
   */
  write(bytes: Uint8Array, start: number, end: number, shared = false): boolean {
    if (start === end) return this.#pending === undefined;
    if (this.closed || this.#finishing !== "no") return true;
    this.bytesWritten += end - start;
    let at = start;
    if (this.#pending === undefined) {
      const taken = this.#raw.write(bytes, start, end - start);
      // A write on a socket that just died: `closed` follows and tells the owner.
      if (taken < 0) return true;
      at += taken;
      if (at === end) return true;
      this.#pending = [];
    }
    this.#keep(bytes, at, end, shared);
    return false;
  }

  /**
   * Keeps what waits: as it is when little else hangs on it, else a copy. In one piece, as TLS wants back no less than it has
   * begun to encrypt.
   */
  #keep(bytes: Uint8Array, start: number, end: number, shared: boolean): void {
    const pending = this.#pending as Uint8Array[];
    const length = end - start;
    PRESSURE.hold(length);
    this.#sizing.waits();
    if (pending.length === 0) this.#waitingSince = TURN.now();
    this.#waiting += length;
    if (PRESSURE.high && length <= BLOCK_BYTES) {
      const block = PRESSURE.blocks.take();
      block.set(bytes.subarray(start, end));
      pending.push(block.subarray(0, length));
    } else if (shared || length * 2 < bytes.buffer.byteLength) {
      pending.push(Uint8Array.prototype.slice.call(bytes, start, end));
    } else pending.push(bytes.subarray(start, end));
  }

  /** Reads by hand, in small pieces, what the runtime would read at once. */
  #pull(): void {
    while (!this.#paused && !this.closed) {
      const chunk = PRESSURE.buffers?.read(this.#raw.fd, BLOCK_BYTES);
      if (chunk === undefined) {
        this.#raw.resume();
        return;
      }
      this.onData(chunk);
    }
  }

  /** Sends FIN once everything written is out; reading goes on. */
  shutdown(): void {
    this.#finish("shutdown");
  }

  /** Closes once everything written is out. */
  end(): void {
    this.#finish("end");
  }

  /** Closes now, with a reset: the peer must not take what it has for a whole message. */
  destroy(): void {
    if (this.closed) return;
    this.#forget();
    this.#raw.terminate();
  }

  pause(): void {
    if (this.#paused || this.closed) return;
    this.#paused = true;
    this.#raw.pause();
    this.#pausedSince = TURN.now();
    this.#sizing.waits();
  }

  resume(): void {
    if (!this.#paused || this.closed) return;
    this.#paused = false;
    this.#sizing.resumed(TURN.now() - this.#pausedSince);
    if (this.#sizing.small && this.pullable) queueMicrotask(() => this.#pull());
    else this.#raw.resume();
  }

  /** What it brings is passed on as it is, from now on. */
  becomeOpaque(): void {
    this.#sizing.becomeOpaque();
  }

  /** Lets the socket die alone: no more events to anyone. */
  abandon(): void {
    this.events = IGNORE;
  }

  #forget(): void {
    if (this.#pending === undefined) return;
    for (const chunk of this.#pending) {
      PRESSURE.release(chunk.length);
      PRESSURE.blocks.give(chunk);
    }
    this.#pending = undefined;
  }

  #finish(how: "shutdown" | "end"): void {
    if (this.closed || this.#finishing === "end") return;
    this.#finishing = how;
    if (this.#pending === undefined) this.#close();
  }

  /** Everything is written: says so to the peer. Two FINs are the end, which a TLS socket does not notice by itself. */
  #close(): void {
    if (this.#finishing === "end" || this.ended) this.#raw.end();
    else if (!this.#shut) {
      this.#shut = true;
      this.#raw.shutdown();
    }
  }

  /** The runtime's events; `net/` alone calls these. */
  onData(chunk: Buffer): void {
    this.bytesRead += chunk.length;
    this.#sizing.read(chunk.length);
    this.events.data(chunk);
  }

  onDrain(): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    while (pending.length > 0) {
      const chunk = pending[0] as Uint8Array;
      const taken = this.#raw.write(chunk, 0, chunk.length);
      if (taken < 0) return;
      PRESSURE.release(taken);
      if (taken < chunk.length) {
        pending[0] = chunk.subarray(taken);
        return;
      }
      pending.shift();
      PRESSURE.blocks.give(chunk);
    }
    this.#pending = undefined;
    this.#sizing.taken(this.#waiting, TURN.now() - this.#waitingSince);
    this.#waiting = 0;
    if (this.#finishing !== "no") this.#close();
    else this.events.writable();
  }

  onEnd(): void {
    if (this.ended) return;
    this.ended = true;
    this.events.ended();
    if (this.#shut && !this.closed) this.#raw.end();
  }

  onClose(error: Error | undefined): void {
    if (this.closed) return;
    this.closed = true;
    this.#sizing.close();
    this.#forget();
    const { events } = this;
    this.events = IGNORE;
    events.closed(error);
  }
}
