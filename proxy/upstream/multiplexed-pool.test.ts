import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Breaker } from "../breaker/breaker.ts";
import type { ConnectionPool } from "../config/view.ts";
import type { Upstream } from "../http/streams.ts";
import type { DialError } from "../net/listen.ts";
import { FakeTime, fakeSocket } from "../net/socket.fake.ts";
import { TimerWheel } from "../net/timer-wheel.ts";
import {
  type Multiplexed,
  type MultiplexedLimits,
  type MultiplexedOwner,
  MultiplexedPool,
} from "./multiplexed-pool.ts";
import type { Waiter } from "./waiter.ts";

class FakeConnection implements Multiplexed {
  requests = 0;
  streams = 0;
  most: number;
  /** Until the peer has said: told by `raise`. */
  allowed: number | undefined;
  closed = false;
  over = false;
  readonly #owner: MultiplexedOwner;

  constructor(owner: MultiplexedOwner, most: number) {
    this.#owner = owner;
    this.most = most;
  }
  get available(): number {
    return this.closed || this.over ? 0 : this.most - this.streams;
  }
  open(): Upstream {
    expect(this.available).toBeGreaterThan(0);
    this.requests++;
    this.streams++;
    return { connection: this } as unknown as Upstream;
  }
  /** A stream ends. */
  end(): void {
    this.streams--;
    if (this.closed && this.streams === 0) this.die();
    else this.#owner.available(this);
  }
  close(): void {
    this.closed = true;
    if (this.streams === 0) this.die();
  }
  /** The peer sends GOAWAY. */
  goAway(): void {
    this.over = true;
    this.#owner.draining(this);
  }
  raise(most: number): void {
    this.most = most;
    this.allowed = most;
    this.#owner.available(this);
  }
  die(): void {
    this.over = true;
    this.#owner.gone(this);
  }
}

class Waiting implements Waiter {
  readonly got: FakeConnection[] = [];
  readonly errors: string[] = [];
  acquired(upstream: Upstream): void {
    this.got.push((upstream as unknown as { connection: FakeConnection }).connection);
  }
  unavailable(error: DialError): void {
    this.errors.push(error.reason);
  }
}

function setUp(limits: Partial<MultiplexedLimits> = {}, policy: Partial<ConnectionPool> = {}, streams = 3) {
  const time = new FakeTime();
  const wheel = new TimerWheel(time, 10);
  const counts = { requests: 0, pending: 0, connections: 0, retries: 0 };
  const dials: { succeed: () => void; fail: () => void; cancelled: boolean }[] = [];
  const connections: FakeConnection[] = [];
  const pool = new MultiplexedPool({
    connect(connected, failed) {
      const dial = {
        succeed: () => connected(fakeSocket().socket),
        fail: () => failed({ reason: "refused", message: "refused" }),
        cancelled: false,
        cancel: () => {
          dial.cancelled = true;
        },
      };
      dials.push(dial);
      return dial;
    },
    speak(_socket, owner) {
      const connection = new FakeConnection(owner, streams);
      connections.push(connection);
      return connection;
    },
    limits: {
      connectTimeoutMs: 1_000,
      idleTimeoutMs: 5_000,
      maxRequestsPerConnection: 0,
      maxConnectionMs: 0,
      maxConcurrentStreams: 0,
      http2KeepAlive: undefined,
      ...limits,
    },
    wheel,
    breaker: new Breaker(counts, { connectTimeoutMs: 1_000, ...policy }),
    now: () => time.now(),
    dialFailed: () => {},
  });
  const acquire = () => {
    const waiter = new Waiting();
    const upstream = pool.acquire(waiter);
    if (upstream !== undefined) waiter.acquired(upstream);
    return waiter;
  };
  return { pool, time, wheel, counts, dials, connections, acquire };
}

describe("a pool of connections that carry many requests", () => {
  it("opens one for all who wait, and uses it for those who come after", () => {
    const { acquire, dials, connections } = setUp({}, {}, 100);
    const waiters = [acquire(), acquire(), acquire()];
    expect(dials).toHaveLength(1);
    dials[0]?.succeed();
    expect(waiters.map(({ got }) => got.length)).toEqual([1, 1, 1]);
    acquire();
    expect(connections[0]?.streams).toBe(4);
    expect(dials).toHaveLength(1);
  });

  it("opens another when the streams of those there are are used up, and prefers the older one", () => {
    const { acquire, dials, connections } = setUp();
    for (let count = 0; count < 3; count++) acquire();
    dials[0]?.succeed();
    const waiter = acquire();
    expect(dials).toHaveLength(2);
    dials[1]?.succeed();
    expect(waiter.got).toEqual([connections[1]]);
    connections[0]?.end();
    expect(acquire().got).toEqual([connections[0]]);
  });

  it("gives a stream that ends to who waits first, and none to who has left", () => {
    const { pool, acquire, dials, connections } = setUp({}, { maxConnections: 1 });
    for (let count = 0; count < 3; count++) acquire();
    dials[0]?.succeed();
    const [gone, waiting] = [acquire(), acquire()];
    pool.forget(gone);
    expect(dials).toHaveLength(1);
    connections[0]?.end();
    expect([gone.got.length, waiting.got.length]).toEqual([0, 1]);
  });

  it("does not open connections by the number of requests, but by what one is taken to carry", () => {
    const { acquire, dials } = setUp({}, {}, 100);
    for (let count = 0; count < 250; count++) acquire();
    expect(dials).toHaveLength(3);
  });

  it("holds no more streams on one than the policy allows", () => {
    const { acquire, dials, connections } = setUp({ maxConcurrentStreams: 2 });
    for (let count = 0; count < 3; count++) acquire();
    expect(dials).toHaveLength(2);
    for (const dial of dials) dial.succeed();
    expect(connections.map(({ streams }) => streams)).toEqual([2, 1]);
  });

  it("begins with no more on one than the endpoint allowed last, until it has said so again", () => {
    const { acquire, dials, connections } = setUp({}, {}, 100);
    acquire();
    dials[0]?.succeed();
    connections[0]?.raise(1);
    const waiters = [acquire(), acquire()];
    expect(dials).toHaveLength(3);
    dials[1]?.succeed();
    expect(waiters.map(({ got }) => got.length)).toEqual([1, 0]);
    connections[1]?.raise(2);
    expect(waiters[1]?.got).toEqual([connections[1]]);
  });

  it("waits for an endpoint that allows none for a while, and opens no connections meanwhile", () => {
    const { acquire, dials, connections } = setUp({}, {}, 100);
    acquire();
    dials[0]?.succeed();
    connections[0]?.raise(0);
    connections[0]?.end();
    const waiters = [acquire(), acquire()];
    expect(dials).toHaveLength(1);
    connections[0]?.raise(2);
    expect(waiters.map(({ got }) => got.length)).toEqual([1, 1]);
  });

  it("replaces one that takes no more, and lets what it carries end", () => {
    const { acquire, dials, connections, counts } = setUp();
    acquire();
    dials[0]?.succeed();
    connections[0]?.goAway();
    const waiter = acquire();
    dials[1]?.succeed();
    expect(waiter.got).toEqual([connections[1]]);
    expect(counts.connections).toBe(2);
    connections[0]?.die();
    expect(counts.connections).toBe(1);
  });

  it("retires one that has carried as many requests as it may", () => {
    const { acquire, dials, connections } = setUp({ maxRequestsPerConnection: 2 });
    const waiters = [acquire(), acquire(), acquire()];
    dials[0]?.succeed();
    expect(connections[0]).toMatchObject({ closed: true, streams: 2 });
    dials[1]?.succeed();
    expect(waiters[2]?.got).toEqual([connections[1]]);
  });

  it("closes one that has been idle for long, and one that is old only when it falls idle", () => {
    const { acquire, dials, connections, time, wheel, counts } = setUp({ maxConnectionMs: 8_000 });
    acquire();
    dials[0]?.succeed();
    time.advance(9_000);
    expect(connections[0]?.closed).toBe(false);
    connections[0]?.end();
    expect(connections[0]?.closed).toBe(true);
    acquire();
    dials[1]?.succeed();
    connections[1]?.end();
    time.advance(5_100);
    expect(connections[1]?.closed).toBe(true);
    expect(counts.connections).toBe(0);
    expect(wheel.size).toBe(0);
  });

  it("fails all who wait when there is no connection, and nobody while another carries", () => {
    const { acquire, dials, counts } = setUp();
    const waiters = [acquire(), acquire()];
    dials[0]?.fail();
    expect(waiters.map(({ errors }) => errors)).toEqual([["refused"], ["refused"]]);
    expect(counts).toMatchObject({ pending: 0, connections: 0 });
    for (let count = 0; count < 3; count++) acquire();
    dials[1]?.succeed();
    const waiting = acquire();
    dials[2]?.fail();
    expect(waiting.errors).toEqual([]);
  });

  it("gives up a connection that takes too long", () => {
    const { acquire, dials, time } = setUp();
    const waiter = acquire();
    time.advance(1_100);
    expect(dials[0]?.cancelled).toBe(true);
    expect(waiter.errors).toEqual(["timeout"]);
  });

  it("sends who waits elsewhere when the endpoint leaves, and keeps nothing after", async () => {
    const { pool, acquire, dials, connections, counts } = setUp();
    const waiter = acquire();
    pool.evacuate();
    await Promise.resolve();
    expect(waiter.errors).toEqual(["removed"]);
    expect(dials[0]?.cancelled).toBe(true);
    acquire();
    dials[1]?.succeed();
    connections[0]?.end();
    expect(connections[0]?.closed).toBe(true);
    expect(counts.connections).toBe(0);
  });

  it("serves more at once when the peer allows more", () => {
    const { acquire, dials, connections } = setUp({}, { maxConnections: 1 }, 1);
    acquire();
    dials[0]?.succeed();
    const waiter = acquire();
    connections[0]?.raise(2);
    expect(waiter.got).toHaveLength(1);
  });

  it("loses no one and counts every connection, whatever happens", () => {
    const act = fc.constantFrom("acquire", "succeed", "fail", "end", "goAway", "die", "advance");
    fc.assert(
      fc.property(fc.array(fc.tuple(act, fc.nat(7)), { maxLength: 120 }), (acts) => {
        const { acquire, dials, connections, time, counts } = setUp(
          { maxRequestsPerConnection: 4 },
          { maxConnections: 3 },
          2,
        );
        const waiters: Waiting[] = [];
        const done = new Set<unknown>();
        const live = () => connections.filter((each) => !done.has(each));
        for (const [what, which] of acts) {
          const pending = dials.filter((each) => !done.has(each) && !each.cancelled);
          const dial = pending[which % Math.max(pending.length, 1)];
          const alive = live();
          const connection = alive[which % Math.max(alive.length, 1)];
          if (what === "acquire") waiters.push(acquire());
          else if (what === "advance") time.advance(300);
          else if ((what === "succeed" || what === "fail") && dial !== undefined) {
            done.add(dial);
            dial[what]();
          } else if (connection !== undefined && (what === "end" || what === "goAway" || what === "die")) {
            if (what === "end" && connection.streams === 0) continue;
            if (what === "goAway" && connection.over) continue;
            if (what === "die") done.add(connection);
            connection[what]();
            if (connection.closed && connection.streams === 0) done.add(connection);
          }
          const open = live().length + dials.filter((each) => !done.has(each) && !each.cancelled).length;
          expect(counts.connections).toBe(open);
          expect(open).toBeLessThanOrEqual(3);
          const waiting = waiters.filter(({ got, errors }) => got.length + errors.length === 0);
          expect(counts.pending).toBe(waiting.length);
          for (const { got, errors } of waiters) expect(got.length + errors.length).toBeLessThanOrEqual(1);
          if (waiting.length > 0) expect(live().every(({ available }) => available === 0)).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});
