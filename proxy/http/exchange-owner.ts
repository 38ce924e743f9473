/** What an exchange asks of whom it serves, and of the world. */
import type { SpliceEnd } from "../net/splice.ts";
import type { TimerWheel } from "../net/timer-wheel.ts";
import type { Head } from "./head.ts";
import type { RequestHead } from "./request-head.ts";
import type { ResponseHead } from "./response-head.ts";
import type { UpstreamFailure } from "./streams.ts";

/** Decides what an exchange does; each `request` ends with one `ended`. */
export interface ExchangeOwner {
  request(head: RequestHead): void;
  /** The endpoint failed before its response began: send again, or reply. */
  failed(failure: UpstreamFailure): void;
  /** The final response is about to be written to the client; false: drop it, the owner sends again or replies. */
  responding(head: ResponseHead): boolean;
  /** The response ends in these trailers, where they came apart from its body. */
  trailers?(trailers: Head): void;
  /** The client went away, or the time is up: stop what is under way on its behalf. */
  cancelled(timedOut: boolean): void;
  /** The request's body is larger than the `maxBodyBytes` that the owner has set: reply, or break off. */
  oversized?(): void;
  ended(): void;
  /** An endpoint's bytes were refused. */
  refused(code: number): void;
  /** Both sides speak another protocol from now on; `early` is what the endpoint said already, `late` what the client did. */
  tunnel(client: SpliceEnd, endpoint: SpliceEnd, early: Buffer | undefined, late: Buffer | undefined): void;
}

export interface ExchangeOptions {
  readonly wheel: TimerWheel;
  /** Monotonic ms. */
  now(): number;
}
