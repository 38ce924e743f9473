/**
 * Where a message's body ends (RFC 9112 section 6): by length, by chunks, with the connection, or at once.
 *
 * The reader says how many of the bytes at hand belong to the body; it never copies, and a chunked body keeps its
 * framing on the way through. Each byte is checked before it counts as read, so nothing malformed is forwarded.
 */
import { CR, FIELD_VALUE, HEX, HTAB, LF, SP, TOKEN } from "../http/characters.ts";
import * as refuse from "../http/refusal.ts";

/** 2^48 bytes: no more digits than stay exact in a number. */
const MAX_SIZE_DIGITS = 12;
/** Extensions mean nothing to anyone we meet; long ones only burn our time (CVE-2023-39326 and its kin). */
const MAX_EXTENSION = 256;
const MAX_TRAILERS = 8 * 1024;

/** No trailer may say how a message is framed or where it goes (RFC 9110 section 6.5.1): some parsers would believe it. */
const FRAMING = new Set(["content-length", "transfer-encoding", "host", "connection", "te", "upgrade"]);

const SIZE_FIRST = 0;
const SIZE = 1;
const EXTENSION = 2;
const SIZE_LF = 3;
const DATA = 4;
const DATA_CR = 5;
const DATA_LF = 6;
const TRAILER_FIRST = 7;
const TRAILER_NAME = 8;
const TRAILER_VALUE = 9;
const TRAILER_LF = 10;
const END_LF = 11;

const NO_BODY = 0;
const LENGTH = 1;
const CHUNKED = 2;
const UNTIL_CLOSE = 3;

/** Reads one body after another: set it up with `none`, `length`, `chunked` or `untilClose`, then feed `read`. */
export class BodyReader {
  done = true;
  /** The refusal when `read` met bytes that no body may have; nothing after is read. */
  refused = 0;
  #kind = NO_BODY;
  #state = SIZE_FIRST;
  #remaining = 0;
  #digits = 0;
  #overhead = 0;
  /** Of the trailer being read. */
  #name = "";

  /** True when the end of the connection is the end of the body. */
  get endsWithConnection(): boolean {
    return this.#kind === UNTIL_CLOSE;
  }

  none(): void {
    this.#start(NO_BODY, true);
  }

  length(bytes: number): void {
    this.#start(LENGTH, bytes === 0);
    this.#remaining = bytes;
  }

  chunked(): void {
    this.#start(CHUNKED, false);
    this.#state = SIZE_FIRST;
    this.#overhead = 0;
  }

  untilClose(): void {
    this.#start(UNTIL_CLOSE, false);
  }

  #start(kind: number, done: boolean): void {
    this.#kind = kind;
    this.done = done;
    this.refused = 0;
  }

  /** The offset after the last byte of `bytes[start, end)` that belongs to the body; look at `done` and `refused` then. */
  read(bytes: Uint8Array, start: number, end: number): number {
    if (this.done || this.refused < 0) return start;
    if (this.#kind === UNTIL_CLOSE) return end;
    if (this.#kind === CHUNKED) return this.#readChunked(bytes, start, end);
    const available = end - start;
    if (available < this.#remaining) {
      this.#remaining -= available;
      return end;
    }
    this.done = true;
    return start + this.#remaining;
  }

  #readChunked(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end) {
      const byte = bytes[at] as number;
      switch (this.#state) {
        case SIZE_FIRST: {
          const digit = HEX[byte] as number;
          if (digit > 15) return this.#refuse(refuse.BAD_CHUNK_SIZE, at);
          this.#remaining = digit;
          this.#digits = 1;
          this.#state = SIZE;
          at++;
          break;
        }
        case SIZE: {
          const digit = HEX[byte] as number;
          if (digit <= 15) {
            if (++this.#digits > MAX_SIZE_DIGITS) return this.#refuse(refuse.BAD_CHUNK_SIZE, at);
            this.#remaining = this.#remaining * 16 + digit;
          } else if (byte === CR) {
            this.#state = SIZE_LF;
          } else if (byte === 0x3b) {
            this.#state = EXTENSION;
            this.#overhead = 0;
          } else {
            return this.#refuse(byte === LF ? refuse.BARE_LF : refuse.BAD_CHUNK_SIZE, at);
          }
          at++;
          break;
        }
        case EXTENSION:
          if (byte === CR) this.#state = SIZE_LF;
          else if (byte === LF) return this.#refuse(refuse.BARE_LF, at);
          else if (FIELD_VALUE[byte] !== 1 || ++this.#overhead > MAX_EXTENSION) {
            return this.#refuse(refuse.BAD_CHUNK_EXTENSION, at);
          }
          at++;
          break;
        case SIZE_LF:
          if (byte !== LF) return this.#refuse(refuse.BARE_CR, at);
          this.#state = this.#remaining === 0 ? TRAILER_FIRST : DATA;
          this.#overhead = 0;
          at++;
          break;
        case DATA: {
          const available = end - at;
          if (available < this.#remaining) {
            this.#remaining -= available;
            return end;
          }
          at += this.#remaining;
          this.#remaining = 0;
          this.#state = DATA_CR;
          break;
        }
        case DATA_CR:
          if (byte !== CR) return this.#refuse(refuse.BAD_CHUNK_END, at);
          this.#state = DATA_LF;
          at++;
          break;
        case DATA_LF:
          if (byte !== LF) return this.#refuse(refuse.BAD_CHUNK_END, at);
          this.#state = SIZE_FIRST;
          at++;
          break;
        case END_LF:
          if (byte !== LF) return this.#refuse(refuse.BARE_CR, at);
          this.done = true;
          return at + 1;
        default: {
          const refused = this.#readTrailer(byte);
          if (refused < 0) return this.#refuse(refused, at);
          at++;
        }
      }
    }
    return at;
  }

  #readTrailer(byte: number): number {
    if (++this.#overhead > MAX_TRAILERS) return refuse.TRAILERS_TOO_LARGE;
    if (byte === LF && this.#state !== TRAILER_LF) return refuse.BARE_LF;
    switch (this.#state) {
      case TRAILER_FIRST:
        if (byte === CR) this.#state = END_LF;
        else if (byte === SP || byte === HTAB) return refuse.FOLDED_HEADER;
        else if (TOKEN[byte] === 1) {
          this.#state = TRAILER_NAME;
          this.#name = String.fromCharCode(byte);
        } else return refuse.BAD_TRAILER;
        return 0;
      case TRAILER_NAME:
        if (byte === 0x3a) {
          if (FRAMING.has(this.#name.toLowerCase())) return refuse.BAD_TRAILER;
          this.#state = TRAILER_VALUE;
        } else if (TOKEN[byte] === 1) this.#name += String.fromCharCode(byte);
        else return refuse.BAD_TRAILER;
        return 0;
      case TRAILER_VALUE:
        if (byte === CR) this.#state = TRAILER_LF;
        else if (FIELD_VALUE[byte] !== 1) return refuse.BAD_TRAILER;
        return 0;
      default:
        if (byte !== LF) return refuse.BARE_CR;
        this.#state = TRAILER_FIRST;
        return 0;
    }
  }

  #refuse(code: number, at: number): number {
    this.refused = code;
    return at;
  }
}
