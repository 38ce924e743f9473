/**
 * What one request has been through on its way to an endpoint, and whether it is tried again. Its one timer runs while a try
 * may only take so long, and while a retry waits for its turn.
 */
import type { Breaker } from "../../breaker/breaker.ts";
import type { EndpointHandle } from "../../config/view.ts";
import { TimerEntry, type TimerWheel } from "../../net/timer-wheel.ts";
import type { RetryPlan } from "../../retry/plan.ts";

export interface TriesOwner {
  /** The next try, now. */
  tryAgain(): void;
  /** The try has taken as long as it may. */
  tryTimedOut(): void;
}

export type RetryVerdict =
  | "granted"
  /** As often as the route says. */
  | "exhausted"
  /** The cluster has enough retries under way. */
  | "overflow";

export class Tries extends TimerEntry {
  /** So far. */
  retries = 0;
  /** Times a connection that sat idle turned out to be dead. */
  reconnects = 0;
  /** Endpoints that failed. */
  readonly tried: EndpointHandle[] = [];
  /** A retry was due and forbidden. */
  gaveUp = false;
  readonly #wheel: TimerWheel;
  readonly #owner: TriesOwner;
  #breaker: Breaker | undefined;
  #waits = false;
  #delayMs = 0;

  constructor(wheel: TimerWheel, owner: TriesOwner) {
    super();
    this.#wheel = wheel;
    this.#owner = owner;
  }

  reset(): void {
    this.retries = 0;
    this.reconnects = 0;
    this.tried.length = 0;
    this.gaveUp = false;
  }

  /** The try may take so long, in ms. */
  limit(ms: number): void {
    this.#wheel.arm(this, ms);
  }

  /** The try is over, however it went: nothing is timed any more. */
  settle(): void {
    if (this.slot >= 0) this.#wheel.disarm(this);
    this.#waits = false;
  }

  /** Whether there may be one more; then it counts as under way until `end`. */
  claim(plan: RetryPlan, breaker: Breaker | undefined, now: number): RetryVerdict {
    this.#release(now);
    if (this.retries >= plan.attempts) {
      this.gaveUp = true;
      return "exhausted";
    }
    if (breaker?.beginRetry(now) === false) {
      this.gaveUp = true;
      return "overflow";
    }
    this.#breaker = breaker;
    this.retries++;
    return "granted";
  }

  /** How long the next try, which has been granted, waits for its turn. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** Begins the next try when its turn comes, at once if there is nothing to wait for. */
  begin(): void {
    if (this.#delayMs < 1) {
      this.#owner.tryAgain();
      return;
    }
    this.#waits = true;
    this.#wheel.arm(this, this.#delayMs);
  }

  /** The request is over. */
  end(now: number): void {
    this.settle();
    this.#release(now);
  }

  #release(now: number): void {
    this.#breaker?.endRetry(now);
    this.#breaker = undefined;
  }

  expire(): void {
    const waited = this.#waits;
    this.#waits = false;
    if (waited) this.#owner.tryAgain();
    else this.#owner.tryTimedOut();
  }
}
