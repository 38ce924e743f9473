/**
 * What has been taken of a request's body on its way to an endpoint: counted, copied to those who get copies, and kept while
 * it is small enough to be sent again.
 */
import type { Head } from "./head.ts";
import type { Downstream } from "./streams.ts";

/** Who gets a copy of a request as it is sent for the first time. It takes what it is given at once, whatever becomes of it. */
export interface BodyCopy {
  /** The request is being sent, with the body that came so far; `framed` is the body's form, `whole`: there is no more. */
  begin(framed: boolean, whole: boolean): void;
  body(bytes: Buffer, start: number, end: number, last: boolean): void;
  trailers(trailers: Head): void;
  /** The request is over; what has not come of it will not. */
  broken(): void;
}

/** A body up to here can be sent again; beyond, the request is not retried. */
export const REPLAY_BYTES = 64 * 1024;

export class SentBody {
  /** So far. */
  bytes = 0;
  copies: readonly BodyCopy[] = NO_COPIES;
  /** All of it, while it can be sent again. */
  #kept: Buffer[] | undefined;
  #keptBytes = 0;
  /** The form in which the body is taken, once some of it may have been. */
  #framed: boolean | undefined;

  reset(): void {
    this.bytes = 0;
    this.copies = NO_COPIES;
    this.#kept = undefined;
    this.#keptBytes = 0;
    this.#framed = undefined;
  }

  /** It can be sent again as it was. */
  get replayable(): boolean {
    return this.#kept !== undefined || this.#keptBytes === 0;
  }

  /** Somebody may still need what was taken. */
  get keeps(): boolean {
    return this.#kept !== undefined || this.copies.length > 0;
  }

  /** Whether an endpoint that wants this form can have it: what was taken of a chunked body has one form for all tries. */
  fits(framed: boolean, chunked: boolean): boolean {
    return !chunked || this.#framed === undefined || this.#framed === framed;
  }

  /** What can be sent with the head: what was sent before, and what has come since. */
  pieces(from: Downstream, framed: boolean): readonly Buffer[] {
    const first = this.#framed === undefined;
    this.#framed = framed;
    const pieces = from.requestDone && this.#kept === undefined ? NOTHING : this.#atHand(from, framed, first);
    if (first) for (const copy of this.copies) copy.begin(framed, from.requestDone);
    return pieces;
  }

  #atHand(from: Downstream, framed: boolean, first: boolean): readonly Buffer[] {
    const pieces = this.#kept === undefined ? [] : [...this.#kept];
    while (!from.requestDone) {
      const piece = from.takeBody(framed);
      // Copies that have not begun are told with `begin` whether they have all of it.
      const last = !first && from.requestDone;
      if (piece === undefined) {
        if (last) for (const copy of this.copies) copy.body(EMPTY, 0, 0, true);
        break;
      }
      this.add(piece, 0, piece.length, last);
      pieces.push(piece);
    }
    return pieces;
  }

  /** A part that goes to the endpoint now. */
  add(bytes: Buffer, start: number, end: number, last: boolean): void {
    this.#count(bytes, start, end, last);
    if (this.#keptBytes <= REPLAY_BYTES) this.#keptBytes += end - start;
    if (this.#keptBytes > REPLAY_BYTES) {
      // A replay with a hole would be another request.
      this.#kept = undefined;
      return;
    }
    this.#kept ??= [];
    this.#kept.push(bytes.subarray(start, end));
  }

  /** A part that came between two tries: the next has it, however much it is, and its source stands still until then. */
  hold(bytes: Buffer, start: number, end: number, last: boolean): void {
    this.#count(bytes, start, end, last);
    this.#keptBytes += end - start;
    this.#kept ??= [];
    this.#kept.push(bytes.subarray(start, end));
  }

  #count(bytes: Buffer, start: number, end: number, last: boolean): void {
    this.bytes += end - start;
    if (this.copies.length > 0) for (const copy of this.copies) copy.body(bytes, start, end, last);
  }

  /** The body's end. Trailers are not kept: what has some is sent once. */
  trailers(trailers: Head): void {
    this.forget();
    for (const copy of this.copies) copy.trailers(trailers);
  }

  /** It will not be sent again. */
  forget(): void {
    this.#kept = undefined;
    this.#keptBytes = REPLAY_BYTES + 1;
  }

  /** The request is over. */
  end(): void {
    this.forget();
    if (this.copies.length === 0) return;
    for (const copy of this.copies) copy.broken();
    this.copies = NO_COPIES;
  }
}

const NO_COPIES: readonly BodyCopy[] = [];
const NOTHING: readonly Buffer[] = [];
const EMPTY = Buffer.alloc(0);
