/**
 * A copy of a request on its way to another service, for which nobody waits (VirtualService `mirrors`): it gets the body as
 * the request's own endpoint does, its answer is read and dropped, and whatever happens to it is seen in a metric alone.
 *
 * A copy must not slow down what it copies, nor fill memory: what its endpoint does not take waits up to a bound, beyond
 * which the copy is given up, and so is one that finds too many others under way.
 */
import type { HeadEdits } from "../http/edits.ts";
import type { Head } from "../http/head.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import type { BodyCopy } from "../http/sent-body.ts";
import {
  FULL,
  saysNothing,
  TOO_LARGE,
  type Upstream,
  type UpstreamEvents,
  type UpstreamFailure,
} from "../http/streams.ts";
import type { Socket } from "../net/socket.ts";
import { TimerEntry, type TimerWheel } from "../net/timer-wheel.ts";

/** Body bytes that wait for one endpoint, besides those that were there before the request itself was sent. */
const MAX_WAITING = 256 * 1024;
/** For all copies of the process together. */
const MAX_COPIES = 2048;
const MAX_ALL_WAITING = 4 * 1024 * 1024;
/** A copy that is whole has so long for its answer where the route says nothing: it would wait for ever for a dead one. */
const ANSWER_MS = 60_000;

/** Of an endpoint, where the copy's end was not its doing. */
const NOTHING_LEARNED = -1;
const SWITCHED = 101;

/** How a copy ended. */
export type Outcome =
  | "answered"
  /** No connection, or it broke. */
  | "failed"
  /** Its endpoint took the body too slowly. */
  | "slow"
  /** Too many copies, or requests to their destination, are under way. */
  | "limit"
  | "timeout"
  /** The request itself was not sent whole. */
  | "broken"
  /** The endpoint speaks a version that the body's form is not for. */
  | "version";

/** What copies have together. */
export class MirrorBudget {
  copies = 0;
  waitingBytes = 0;
}

export interface MirrorOptions {
  readonly wheel: TimerWheel;
  readonly budget: MirrorBudget;
  /** The request's, valid until `begin` returns. */
  readonly head: RequestHead;
  readonly edits: HeadEdits;
  readonly drop: number;
  /** The route's; 0 for none. */
  readonly timeoutMs: number;
  /** A connection now, or later through `acquired` or `unavailable`. */
  acquire(mirror: Mirror): Upstream | undefined;
  /** No connection is wanted any more. */
  forget(mirror: Mirror): void;
  /** Header lines of this hop. */
  additions(upstream: Upstream): string;
  /** It is over; `learned` of the endpoint is its status, 0 for a failure after the copy was sent, -1 for nothing. */
  ended(outcome: Outcome, learned: number): void;
}

export class Mirror extends TimerEntry implements BodyCopy, UpstreamEvents {
  readonly #options: MirrorOptions;
  #head: RequestHead;
  #framed = false;
  #upstream: Upstream | undefined;
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** The end of a body that waits. */
  #trailers: Head | undefined;
  /** All of the request has been copied. */
  #whole = false;
  #begun = false;
  #full = false;
  #over = false;
  #status = 0;

  constructor(options: MirrorOptions) {
    super();
    this.#options = options;
    this.#head = options.head;
  }

  // What the exchange tells.

  begin(framed: boolean, whole: boolean): void {
    if (this.#over) return;
    const { wheel, budget, timeoutMs } = this.#options;
    if (budget.copies >= MAX_COPIES) {
      this.#end("limit");
      return;
    }
    budget.copies++;
    this.#begun = true;
    this.#framed = framed;
    this.#whole = whole;
    if (timeoutMs > 0) wheel.arm(this, timeoutMs);
    else if (whole) wheel.arm(this, ANSWER_MS);
    const upstream = this.#options.acquire(this);
    if (upstream !== undefined) this.acquired(upstream);
    // The request's own head is another's by the time that there is a connection.
    else if (!this.#over) this.#head = this.#head.clone();
  }

  body(bytes: Buffer, start: number, end: number, last: boolean): void {
    if (this.#over) return;
    if (last) this.#isWhole();
    if (this.#upstream !== undefined && !this.#full) {
      this.#full = !this.#upstream.body(bytes, start, end, last);
      return;
    }
    this.#waiting.push(bytes.subarray(start, end));
    this.#hold(end - start);
    if (!this.#begun) return;
    const { budget } = this.#options;
    if (this.#waitingBytes > MAX_WAITING || budget.waitingBytes > MAX_ALL_WAITING) this.#giveUp("slow");
  }

  trailers(trailers: Head): void {
    if (this.#over) return;
    this.#isWhole();
    if (this.#upstream !== undefined && !this.#full) this.#upstream.trailers(trailers);
    else this.#trailers = trailers.clone();
  }

  broken(): void {
    if (!this.#whole) this.#giveUp("broken");
  }

  // What the pool tells.

  acquired(upstream: Upstream): void {
    if (this.#over) {
      upstream.decline();
      return;
    }
    const head = this.#head;
    const http1 = upstream.version === 1;
    if (head.chunked && this.#framed !== http1) {
      upstream.decline();
      this.#end("version");
      return;
    }
    const { edits, drop, additions } = this.#options;
    const pieces = this.#waiting.splice(0);
    this.#hold(-this.#waitingBytes);
    this.#upstream = upstream;
    const framed = this.#framed && http1;
    const last = this.#whole && this.#trailers === undefined;
    const sent = upstream.send(
      { head, edits, drop, additions: additions(upstream), framed, pieces, last },
      this,
    );
    if (sent === TOO_LARGE) {
      this.#end("failed");
      return;
    }
    this.#full = sent === FULL;
    this.#flush();
  }

  unavailable(): void {
    this.#end("failed");
  }

  /** Its destination has as much under way as it takes. */
  refused(): void {
    this.#end("limit");
  }

  // What the endpoint does.

  informational(): void {}

  response(head: ResponseHead): boolean {
    this.#status = head.status;
    return true;
  }

  responseBody(): boolean {
    return true;
  }

  responseTrailers(): void {}

  complete(): void {
    this.#upstream = undefined;
    this.#end("answered", this.#status);
  }

  switched(socket: Socket): void {
    this.#upstream = undefined;
    socket.destroy();
    this.#end("answered", SWITCHED);
  }

  failed(failure: UpstreamFailure): void {
    this.#upstream = undefined;
    this.#end("failed", saysNothing(failure) ? NOTHING_LEARNED : 0);
  }

  endpointWritable(): void {
    this.#full = false;
    this.#flush();
  }

  #flush(): void {
    const upstream = this.#upstream;
    if (upstream === undefined || this.#over) return;
    while (!this.#full && this.#waiting.length > 0) {
      const piece = this.#waiting.shift() as Buffer;
      this.#hold(-piece.length);
      const last = this.#whole && this.#waiting.length === 0 && this.#trailers === undefined;
      this.#full = !upstream.body(piece, 0, piece.length, last);
    }
    if (this.#full || this.#trailers === undefined) return;
    upstream.trailers(this.#trailers);
    this.#trailers = undefined;
  }

  expire(): void {
    // An endpoint that has no connection, or not all of the request, is not late.
    this.#giveUp("timeout", this.#upstream === undefined || !this.#whole ? NOTHING_LEARNED : 0);
  }

  #isWhole(): void {
    this.#whole = true;
    const { wheel, timeoutMs } = this.#options;
    if (timeoutMs === 0) wheel.arm(this, ANSWER_MS);
  }

  #hold(bytes: number): void {
    this.#waitingBytes += bytes;
    this.#options.budget.waitingBytes += bytes;
  }

  #giveUp(outcome: Outcome, learned = NOTHING_LEARNED): void {
    if (this.#over) return;
    const upstream = this.#upstream;
    this.#upstream = undefined;
    if (upstream !== undefined) upstream.abort();
    else if (this.#begun) this.#options.forget(this);
    this.#end(outcome, learned);
  }

  #end(outcome: Outcome, learned = NOTHING_LEARNED): void {
    if (this.#over) return;
    this.#over = true;
    this.#upstream = undefined;
    this.#waiting.length = 0;
    this.#hold(-this.#waitingBytes);
    const { wheel, budget, ended } = this.#options;
    if (this.#begun) budget.copies--;
    if (this.slot >= 0) wheel.disarm(this);
    ended(outcome, learned);
  }
}
