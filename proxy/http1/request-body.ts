/** The body of a client's request: handed on when it is asked for, or read and dropped when nobody wants it any more. */
import type { RequestHead } from "../http/request-head.ts";
import { MessageBody } from "./message-body.ts";

/** An unwanted body is read and dropped up to here, to keep the connection. */
const MAX_DISCARD = 64 * 1024;

export class RequestBody extends MessageBody {
  /** Somebody reads it: hands it on, or drops it. */
  open = false;
  /** The client was told to send it. */
  continued = false;
  #begun = false;
  /** It is settled whether the body keeps its framing. */
  #formed = false;
  #discard = 0;

  /** Begins the body that a head announces. */
  of(head: RequestHead): void {
    if (head.chunked) this.chunked();
    else this.length(head.contentLength > 0 ? head.contentLength : 0);
    this.open = false;
    this.continued = false;
    this.#begun = false;
    this.#formed = false;
  }

  /** Settles, the first time, in which form it is handed on. */
  form(framed: boolean, head: RequestHead): void {
    if (this.#formed) return;
    this.#formed = true;
    this.keepFraming(framed || !head.chunked);
  }

  override take(input: Buffer, from: number, to: number): number {
    this.#begun = true;
    return super.take(input, from, to);
  }

  /**
   * The client asked whether to send it and was not told to: it may send it all the same or leave it out, so where its next
   * request begins cannot be known (RFC 9110 section 10.1.1).
   */
  uncertain(head: RequestHead): boolean {
    return !this.continued && !this.#begun && head.expectsContinue;
  }

  /** Nobody wants the rest. */
  discard(): void {
    this.#discard = MAX_DISCARD;
    this.open = true;
  }

  get discarding(): boolean {
    return this.#discard > 0;
  }

  /** Reads on through an unwanted body: the offset after it. Once it is no longer `discarding` it is `done`, or hopeless. */
  drop(input: Buffer, from: number): number {
    const after = this.read(input, from, input.length);
    this.#discard = this.done || this.refused < 0 ? 0 : Math.max(0, this.#discard - (after - from));
    return after;
  }
}
