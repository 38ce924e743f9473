/** One message's body as it is handed on: with its framing as it came, or as content and trailers. */
import type { Head } from "../http/head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { BodyReader } from "./body.ts";
import { NOTHING, Unchunker } from "./content.ts";

export class MessageBody extends BodyReader {
  /** What the last `take` has to hand on: `bytes[start, end)`. */
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  /** Set when a body without its framing ended in trailers. */
  trailers: Head | undefined;
  #unchunker: Unchunker | undefined;

  /** A response's, as its head says (RFC 9112 section 6.3); `none` where the request was one whose response has no body. */
  begin({ status, chunked, contentLength }: ResponseHead, none: boolean): void {
    if (none || status === 204 || status === 304) this.none();
    else if (chunked) this.chunked();
    else if (contentLength >= 0) this.length(contentLength);
    else this.untilClose();
  }

  /** Says, before the first `take`, whether a chunked body keeps its framing. */
  keepFraming(framed: boolean): void {
    this.#unchunker = framed ? undefined : new Unchunker();
    this.trailers = undefined;
  }

  /** What was taken is the last that is handed on as bytes. */
  get last(): boolean {
    return this.done && this.trailers === undefined;
  }

  /** Reads what belongs to the body of `input[from, to)`: the offset after it. */
  take(input: Buffer, from: number, to: number): number {
    const after = this.read(input, from, to);
    const unchunker = this.#unchunker;
    if (unchunker === undefined) {
      this.bytes = input;
      this.start = from;
      this.end = after;
      return after;
    }
    this.bytes = unchunker.take(input, from, after);
    this.start = 0;
    this.end = this.bytes.length;
    if (this.done) this.trailers = unchunker.trailers();
    return after;
  }

  /** Lets go of a part: held until the next, every read would outlive the collector's young generation. */
  handedOn(): void {
    this.bytes = NOTHING;
  }

  /** Lets go of what was taken: a body must not keep a read buffer alive. */
  release(): void {
    this.bytes = NOTHING;
    this.#unchunker = undefined;
    this.trailers = undefined;
  }
}
