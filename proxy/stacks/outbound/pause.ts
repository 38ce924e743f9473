import { TimerEntry, type TimerWheel } from "../../net/timer-wheel.ts";

/** A wait on the process's one timer that can be called off; it holds nothing but what it wakes. */
export class Pause extends TimerEntry {
  readonly #wheel: TimerWheel;
  readonly #over: () => void;

  constructor(wheel: TimerWheel, ms: number, over: () => void) {
    super();
    this.#wheel = wheel;
    this.#over = over;
    wheel.arm(this, ms);
  }

  cancel(): void {
    this.#wheel.disarm(this);
  }

  expire(): void {
    this.#over();
  }
}
