/**
 * How much the process holds of what its sockets could not write yet, and what it does about it when that is too much.
 *
 * Backpressure bounds each direction to the rest of one read; but the runtime reads up to 512 KiB at once, and the kernel lets
 * buffers of a connection grow to megabytes, which makes a thousand slow readers fatal. So above a limit who is slow gets small
 * kernel buffers, which makes its reads small (`buffer-sizing.ts`); below it they may grow again.
 */

import { Blocks } from "./blocks.ts";

/** The sizes of the kernel's buffers of a socket, in bytes; it books twice as much. */
export interface BufferSizes {
  readonly receive: number;
  readonly send: number;
}

export interface KernelBuffers {
  set(fd: number, sizes: BufferSizes): void;
  /** Of what is written alone. */
  setSend(fd: number, bytes: number): void;
  /** Of what arrives alone. */
  setReceive(fd: number, bytes: number): void;
  /** Leaves the sizes to the kernel. */
  free(fd: number): void;
  /** Whether its peer is so far away that it takes more than modest buffers to fill the way there. */
  isDistant(fd: number): boolean;
  /** What has arrived, at most so many bytes; undefined when there is nothing, or the connection is over. */
  read(fd: number, bytes: number): Buffer | undefined;
}

/**
 * What a connection begins with, and as much as it takes to be fast where its peer is near: the kernel's own beginnings, but they
 * do not grow, since larger buffers there only make for larger reads, which miss the processor's caches. Below these the
 * loopback's segments of 64 KiB do not fit its window, and wait for its probe timer.
 */
export const MODEST: BufferSizes = { receive: 64 * 1024, send: 64 * 1024 };
/** What one that takes what it is sent may have waiting in the kernel: all that the runtime reads at once, so that one write takes it. */
export const WIDE_SEND = 512 * 1024;
/** As many connections at a time may have as much in the kernel. */
const MAX_WIDE = 64;
/**
 * What may have arrived of an opaque stream of bulk: its sender is woken less often. Many such would be pressure by themselves, and
 * of what has to be judged larger reads leave more garbage than the limits under attack allow.
 */
export const DEEP_RECEIVE = 256 * 1024;
const MAX_DEEP = 4;
/** A read of bulk, and how much of it shows that it is a stream. */
export const BULK_BYTES = 32 * 1024;
export const STREAM_BYTES = 8 * 1024 * 1024;
/** Took it is what waited for less than so long, and so much of it in a row shows that somebody reads there. */
export const PROMPT_MS = 20;
export const PROMPT_BYTES = 512 * 1024;
/** A congested connection under pressure. */
export const SMALL: BufferSizes = { receive: 16 * 1024, send: 32 * 1024 };
/** As much, read without a pause, shows that a connection is no slow one. */
export const FAST_BYTES = 256 * 1024;
/** As much shows that a slow one is slow no more. */
export const RECOVERED_BYTES = 64 * 1024;

/** Enough for two dozen fast connections to be congested at once. */
const HIGH_BYTES = 4 * 1024 * 1024;
const LOW_BYTES = HIGH_BYTES / 2;

/**
 * What waits outlives the collector's young generation, and the collector lets the old one double before it looks. Under
 * pressure it looks each time that so much has waited: some 10 ms a second at most.
 */
const COLLECT_BYTES = 16 * 1024 * 1024;

export class Pressure {
  /** Absent until the process has started, and in tests. */
  buffers: KernelBuffers | undefined;
  readonly blocks = new Blocks();
  /** Collects garbage, soon. */
  collect: () => void = () => {};
  #held = 0;
  /** Held since the last collection. */
  #passed = 0;
  #high = false;
  /** Connections with a wide send buffer. */
  #wide = 0;
  /** Those with a deep receive buffer. */
  #deep = 0;

  /** Bytes that wait for the kernel. */
  get held(): number {
    return this.#held;
  }

  get high(): boolean {
    return this.#high && this.buffers !== undefined;
  }

  /** Whether one more connection may have a wide send buffer, until `narrow`. */
  widen(): boolean {
    if (this.#wide >= MAX_WIDE) return false;
    this.#wide++;
    return true;
  }

  narrow(): void {
    this.#wide--;
  }

  /** Whether one more connection may have a deep receive buffer, until `flatten`. */
  deepen(): boolean {
    if (this.#deep >= MAX_DEEP || this.high) return false;
    this.#deep++;
    return true;
  }

  flatten(): void {
    this.#deep--;
  }

  hold(bytes: number): void {
    this.#held += bytes;
    if (this.#held > HIGH_BYTES) this.#high = true;
    if (!this.#high) return;
    this.#passed += bytes;
    if (this.#passed < COLLECT_BYTES) return;
    this.#passed = 0;
    this.collect();
  }

  release(bytes: number): void {
    this.#held -= bytes;
    if (this.#held < LOW_BYTES) this.#high = false;
  }
}

/** The process's: it has one memory. */
export const PRESSURE = new Pressure();
