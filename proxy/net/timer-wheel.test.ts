import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FakeTime } from "./socket.fake.ts";
import { TimerEntry, TimerWheel } from "./timer-wheel.ts";

class Entry extends TimerEntry {
  readonly expired: number[] = [];
  readonly #then: (() => void) | undefined;
  constructor(then?: () => void) {
    super();
    this.#then = then;
  }
  expire(now: number): void {
    this.expired.push(now);
    this.#then?.();
  }
}

const tick = 10;

describe("a timer wheel", () => {
  it("expires an entry no earlier than asked and at most two ticks later", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 60_000 }), { minLength: 1, maxLength: 20 }),
        (delays) => {
          const time = new FakeTime();
          const wheel = new TimerWheel(time, tick);
          const start = time.now();
          const entries = delays.map((delay) => {
            const entry = new Entry();
            wheel.arm(entry, delay);
            return { entry, delay };
          });
          time.advance(70_000);
          for (const { entry, delay } of entries) {
            expect(entry.expired).toHaveLength(1);
            const late = (entry.expired[0] ?? 0) - start - delay;
            expect(late).toBeGreaterThanOrEqual(0);
            expect(late).toBeLessThanOrEqual(2 * tick);
          }
          expect(wheel.size).toBe(0);
          expect(time.pending).toBe(0);
        },
      ),
    );
  });

  it("moves a deadline later without expiring at the old one", () => {
    const time = new FakeTime();
    const wheel = new TimerWheel(time, tick);
    const entry = new Entry();
    wheel.arm(entry, 100);
    time.advance(90);
    wheel.arm(entry, 100);
    time.advance(90);
    expect(entry.expired).toEqual([]);
    time.advance(30);
    expect(entry.expired).toHaveLength(1);
  });

  it("moves a deadline earlier", () => {
    const time = new FakeTime();
    const wheel = new TimerWheel(time, tick);
    const entry = new Entry();
    wheel.arm(entry, 60_000);
    wheel.arm(entry, 50);
    time.advance(70);
    expect(entry.expired).toHaveLength(1);
  });

  it("forgets a disarmed entry, and sets no timer of the runtime when it has none", () => {
    const time = new FakeTime();
    const wheel = new TimerWheel(time, tick);
    const entry = new Entry();
    wheel.arm(entry, 100);
    wheel.disarm(entry);
    expect(time.pending).toBe(0);
    time.advance(1_000);
    expect(entry.expired).toEqual([]);
  });

  it("lets an expiring entry disarm another that is due, and arm itself again", () => {
    const time = new FakeTime();
    const wheel = new TimerWheel(time, tick);
    const victim = new Entry();
    const killer: Entry = new Entry(() => {
      wheel.disarm(victim);
      if (killer.expired.length < 3) wheel.arm(killer, 50);
    });
    wheel.arm(victim, 100);
    wheel.arm(killer, 99);
    time.advance(1_000);
    expect(victim.expired).toEqual([]);
    expect(killer.expired).toHaveLength(3);
  });

  it("meets its deadlines after it has stood empty for long", () => {
    const time = new FakeTime();
    const wheel = new TimerWheel(time, tick);
    time.advance(1_000_000);
    const entry = new Entry();
    wheel.arm(entry, 500);
    time.advance(499);
    expect(entry.expired).toEqual([]);
    time.advance(21);
    expect(entry.expired).toHaveLength(1);
  });

  it("holds one timer of the runtime however many entries it has", () => {
    const time = new FakeTime();
    const wheel = new TimerWheel(time, tick);
    for (let delay = 10_000; delay > 0; delay -= 100) wheel.arm(new Entry(), delay);
    expect(time.pending).toBe(1);
    expect(wheel.size).toBe(100);
    wheel.close();
    expect(time.pending).toBe(0);
  });
});
