/** A runtime socket in memory for tests: keeps what was written, takes as much as it is told to. */
import { type RawSocket, Socket } from "./socket.ts";
import type { TimerHost } from "./timer-wheel.ts";

export class FakeRaw implements RawSocket {
  readonly fd = -1;
  readonly written: Buffer[] = [];
  /** Bytes that it takes until `room` is raised again. */
  room = Number.POSITIVE_INFINITY;
  paused = false;
  ending: "no" | "shutdown" | "end" | "terminated" = "no";
  writes = 0;

  write(data: Uint8Array, offset: number, length: number): number {
    if (this.ending === "terminated") return -1;
    const taken = Math.min(length, this.room);
    this.room -= taken;
    this.writes++;
    if (taken > 0) this.written.push(Buffer.from(data.slice(offset, offset + taken)));
    return taken;
  }
  shutdown(): void {
    this.ending = "shutdown";
  }
  end(): void {
    this.ending = "end";
  }
  terminate(): void {
    this.ending = "terminated";
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }

  /** All that was written, as latin1. */
  get text(): string {
    return Buffer.concat(this.written).toString("latin1");
  }
}

/** A socket with its fake. */
export function fakeSocket(peer = "198.18.0.9"): { socket: Socket; raw: FakeRaw } {
  const raw = new FakeRaw();
  return { socket: new Socket(raw, peer), raw };
}

/** Time by hand for a `TimerWheel`. */
export class FakeTime implements TimerHost {
  #now = 1_000;
  #timers: { at: number; run: () => void }[] = [];

  now(): number {
    return this.#now;
  }
  after(delayMs: number, run: () => void): () => void {
    const timer = { at: this.#now + delayMs, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  }
  get pending(): number {
    return this.#timers.length;
  }
  /** Moves time on, running what falls due in order. */
  advance(ms: number): void {
    const target = this.#now + ms;
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= target).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((each) => each !== next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    this.#now = target;
  }
}
