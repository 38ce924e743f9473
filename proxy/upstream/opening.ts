/** One connection on its way to a pool, with a bound on how long that may take. */
import type { Dial, DialError, DialEvents } from "../net/listen.ts";
import type { Socket } from "../net/socket.ts";
import { TimerEntry, type TimerWheel } from "../net/timer-wheel.ts";

/** Opens connections to the endpoint; one of the two is called once unless the dial is cancelled. */
export type Connector = (connected: (socket: Socket) => void, failed: (error: DialError) => void) => Dial;

export class Opening extends TimerEntry {
  #dial: Dial | undefined;
  #timeoutMs = 0;
  #failed: ((error: DialError) => void) | undefined;

  /** One of `events` is called, once, unless it is cancelled before. */
  start(wheel: TimerWheel, connect: Connector, timeoutMs: number, events: DialEvents): void {
    this.#timeoutMs = timeoutMs;
    this.#failed = events.failed;
    wheel.arm(this, timeoutMs);
    this.#dial = connect(
      (socket) => {
        wheel.disarm(this);
        events.connected(socket);
      },
      (error) => {
        wheel.disarm(this);
        events.failed(error);
      },
    );
  }

  cancel(wheel: TimerWheel): void {
    wheel.disarm(this);
    this.#dial?.cancel();
  }

  expire(): void {
    this.#dial?.cancel();
    this.#failed?.({ reason: "timeout", message: `no connection within ${this.#timeoutMs} ms` });
  }
}
