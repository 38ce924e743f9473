/**
 * How large the kernel's buffers of one connection are: as much as makes it fast, as little as bounds what a slow one holds.
 *
 * A connection tells what it is by its waits, for what is written to it to be taken, or as a source for what it brought to go on:
 * short ones are those of a fast one. Under pressure (`pressure.ts`) those that make others wait get the least, while many fast
 * ones together have no reason to be slow.
 */
import {
  BULK_BYTES,
  DEEP_RECEIVE,
  FAST_BYTES,
  MODEST,
  PRESSURE,
  PROMPT_BYTES,
  PROMPT_MS,
  RECOVERED_BYTES,
  SMALL,
  STREAM_BYTES,
  WIDE_SEND,
} from "./pressure.ts";

/** `near`: it has shown that it is fast, and modest buffers are enough for that; `free`: the kernel sizes them. */
type Level = "small" | "modest" | "near" | "free";

export class BufferSizing {
  readonly #fd: number;
  #level: Level = "modest";
  #readSincePause = 0;
  /** Its last wait was short. */
  #prompt = false;
  #takenPromptly = 0;
  /** The kernel takes more of what is written to it. */
  #wide = false;
  /** What it brings is passed on as it is. */
  #opaque = false;
  /** Read in bulk since then, with short waits at most. */
  #bulk = 0;
  /** The kernel takes more of what its peer sends. */
  #deep = false;

  /** `fd` is valid until `close`. */
  constructor(fd: number) {
    this.#fd = fd;
    PRESSURE.buffers?.set(fd, MODEST);
  }

  /** Reads are to be small. */
  get small(): boolean {
    return this.#level === "small";
  }

  /** From now on what it brings is passed on as it is: nothing is kept to be judged, so a stream of it may come in larger reads. */
  becomeOpaque(): void {
    this.#opaque = true;
  }

  /** So much was read. */
  read(bytes: number): void {
    if (this.#opaque && bytes >= BULK_BYTES && !this.#deep) this.#streams(bytes);
    if (this.#level === "near" || this.#level === "free") return;
    this.#readSincePause += bytes;
    const enough = this.small ? RECOVERED_BYTES : PRESSURE.high ? 4 * FAST_BYTES : FAST_BYTES;
    if (this.#readSincePause > enough) this.#grow();
  }

  /** It waits from now on, or somebody for it. */
  waits(): void {
    if (PRESSURE.high) this.#shrink();
  }

  /** All that waited to be written is: one that reads as fast as it is sent to gets more at once. */
  taken(bytes: number, waitedMs: number): void {
    this.#judge(waitedMs);
    this.#takenPromptly = this.#prompt ? this.#takenPromptly + bytes : 0;
    if (this.#wide || this.#takenPromptly < PROMPT_BYTES || !PRESSURE.widen()) return;
    this.#wide = true;
    PRESSURE.buffers?.setSend(this.#fd, WIDE_SEND);
  }

  /** It is read again. */
  resumed(waitedMs: number): void {
    this.#readSincePause = 0;
    this.#judge(waitedMs);
    if (this.small && !PRESSURE.high) this.#grow();
  }

  close(): void {
    if (this.#wide) PRESSURE.narrow();
    this.#wide = false;
    this.#flatten();
  }

  #flatten(): void {
    if (this.#deep) PRESSURE.flatten();
    this.#deep = false;
    this.#bulk = 0;
  }

  #streams(bytes: number): void {
    this.#bulk += bytes;
    if (this.#bulk < STREAM_BYTES || this.#level !== "near" || !PRESSURE.deepen()) return;
    this.#deep = true;
    PRESSURE.buffers?.setReceive(this.#fd, DEEP_RECEIVE);
  }

  #judge(waitedMs: number): void {
    this.#prompt = waitedMs < PROMPT_MS;
    if (!this.#prompt) this.#bulk = 0;
    if (!this.#prompt && PRESSURE.high) this.#shrink();
  }

  #shrink(): void {
    if (this.#deep) {
      this.#flatten();
      PRESSURE.buffers?.setReceive(this.#fd, MODEST.receive);
    }
    const to = this.#prompt ? "modest" : "small";
    if (this.small || (to === "modest" && this.#level !== "free")) return;
    this.close();
    this.#level = to;
    PRESSURE.buffers?.set(this.#fd, to === "small" ? SMALL : MODEST);
  }

  /** It keeps up with what it reads: over a distance the kernel may find out how much its buffers are good for. */
  #grow(): void {
    const { buffers } = PRESSURE;
    const wasSmall = this.small;
    this.#readSincePause = 0;
    if (wasSmall && PRESSURE.high) this.#level = "modest";
    else this.#level = buffers?.isDistant(this.#fd) === true ? "free" : "near";
    if (this.#level === "free") buffers?.free(this.#fd);
    else if (wasSmall) buffers?.set(this.#fd, MODEST);
  }
}
