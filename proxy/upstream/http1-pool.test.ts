import { describe, expect, it, vi } from "vitest";
import { Breaker } from "../breaker/breaker.ts";
import { indifferent } from "../http/streams.fake.ts";
import type { ClientConnection } from "../http1/client-connection.ts";
import { HeadWriter } from "../http1/head-writer.ts";
import type { DialError } from "../net/listen.ts";
import { type FakeRaw, FakeTime, fakeSocket } from "../net/socket.fake.ts";
import type { Socket } from "../net/socket.ts";
import { TimerWheel } from "../net/timer-wheel.ts";
import { Http1Pool } from "./http1-pool.ts";
import { IdleConnections } from "./idle-connections.ts";
import type { PoolLimits } from "./pool.ts";
import type { Waiter } from "./waiter.ts";

interface Dialled {
  readonly succeed: () => { socket: Socket; raw: FakeRaw };
  readonly fail: () => void;
  cancelled: boolean;
}

const writer = new HeadWriter();

function setUp(limits: Partial<PoolLimits> = {}, idle?: IdleConnections) {
  const time = new FakeTime();
  const wheel = new TimerWheel(time, 10);
  const dials: Dialled[] = [];
  const counters = { requests: 0, pending: 0, connections: 0, retries: 0 };
  const dialFailed = vi.fn();
  const pool = new Http1Pool({
    connect(connected, failed) {
      const dialled: Dialled = {
        succeed() {
          const pair = fakeSocket();
          connected(pair.socket);
          return pair;
        },
        fail: () => failed({ reason: "refused", message: "refused" }),
        cancelled: false,
      };
      dials.push(dialled);
      return {
        cancel() {
          dialled.cancelled = true;
        },
      };
    },
    limits: {
      connectTimeoutMs: 1_000,
      idleTimeoutMs: 5_000,
      maxRequestsPerConnection: 0,
      maxConnectionMs: 0,
      ...limits,
    },
    wheel,
    writer,
    ...(idle && { idle }),
    breaker: new Breaker(counters, undefined),
    now: () => time.now(),
    dialFailed,
  });
  return { pool, dials, time, wheel, counters, dialFailed };
}

class Waiting implements Waiter {
  readonly got: ClientConnection[] = [];
  readonly errors: DialError[] = [];
  acquired(connection: ClientConnection): void {
    this.got.push(connection);
    connection.begin(indifferent, false);
    connection.requestDone();
  }
  unavailable(error: DialError): void {
    this.errors.push(error);
  }
}

const respond = (socket: Socket) =>
  socket.onData(Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));

describe("a pool", () => {
  it("dials for a waiter, and gives the connection out again when it is free", () => {
    const { pool, dials, counters } = setUp();
    const waiter = new Waiting();
    expect(pool.acquire(waiter)).toBeUndefined();
    const { socket } = dials[0]?.succeed() ?? fakeSocket();
    expect(waiter.got).toHaveLength(1);
    respond(socket);
    expect(pool.idleConnections).toBe(1);
    expect(pool.acquire(new Waiting())).toBe(waiter.got[0]);
    expect(dials).toHaveLength(1);
    expect(counters.connections).toBe(1);
  });

  it("serves a waiter with whichever comes first, and keeps the other", () => {
    const { pool, dials } = setUp();
    const [first, second] = [new Waiting(), new Waiting()];
    pool.acquire(first);
    const { socket } = dials[0]?.succeed() ?? fakeSocket();
    pool.acquire(second);
    expect(dials).toHaveLength(2);
    respond(socket);
    expect(second.got).toEqual(first.got);
    dials[1]?.succeed();
    expect(pool.idleConnections).toBe(1);
  });

  it("uses the newest idle connection first", () => {
    const { pool, dials } = setUp();
    const waiters = [new Waiting(), new Waiting()];
    for (const waiter of waiters) pool.acquire(waiter);
    const sockets = dials.map((each) => each.succeed().socket);
    for (const socket of sockets) respond(socket);
    expect(pool.acquire(new Waiting())).toBe(waiters[1]?.got[0]);
  });

  it("never gives out a connection that the endpoint has closed", () => {
    const { pool, dials, counters } = setUp();
    pool.acquire(new Waiting());
    const { socket } = dials[0]?.succeed() ?? fakeSocket();
    respond(socket);
    socket.onEnd();
    expect(pool.acquire(new Waiting())).toBeUndefined();
    expect(dials).toHaveLength(2);
    // The one on its way.
    expect(counters.connections).toBe(1);
  });

  it("tells a waiter that no connection can be made, in time or at all", () => {
    const { pool, dials, time, dialFailed } = setUp();
    const [refused, late] = [new Waiting(), new Waiting()];
    pool.acquire(refused);
    dials[0]?.fail();
    expect(refused.errors).toMatchObject([{ reason: "refused" }]);
    pool.acquire(late);
    time.advance(1_100);
    expect(late.errors).toMatchObject([{ reason: "timeout" }]);
    expect(dials[1]?.cancelled).toBe(true);
    expect(dialFailed).toHaveBeenCalledTimes(2);
  });

  it("keeps a connection that arrives when its waiter has gone", () => {
    const { pool, dials } = setUp();
    const waiter = new Waiting();
    pool.acquire(waiter);
    pool.forget(waiter);
    dials[0]?.succeed();
    expect(waiter.got).toEqual([]);
    expect(pool.idleConnections).toBe(1);
  });

  it("dials anew for a waiter that wants a fresh connection", () => {
    const { pool, dials } = setUp();
    pool.acquire(new Waiting());
    respond(dials[0]?.succeed().socket ?? fakeSocket().socket);
    expect(pool.acquire(new Waiting(), true)).toBeUndefined();
    expect(dials).toHaveLength(2);
  });

  it("closes what has been idle for too long, and leaves no timer behind", () => {
    const { pool, dials, time, wheel, counters } = setUp();
    pool.acquire(new Waiting());
    pool.acquire(new Waiting());
    const [old, young] = dials.map((each) => each.succeed());
    if (old === undefined || young === undefined) throw new Error("expected two dials");
    respond(old.socket);
    time.advance(3_000);
    respond(young.socket);
    time.advance(2_500);
    expect(old.raw.ending).toBe("end");
    expect(young.raw.ending).toBe("no");
    time.advance(3_000);
    expect(young.raw.ending).toBe("end");
    expect(pool.idleConnections).toBe(0);
    expect(counters.connections).toBe(0);
    expect(wheel.size).toBe(0);
  });

  it("ends a connection after its last request", () => {
    const { pool, dials, counters } = setUp({ maxRequestsPerConnection: 1 });
    pool.acquire(new Waiting());
    const { socket, raw } = dials[0]?.succeed() ?? fakeSocket();
    respond(socket);
    expect(raw.ending).toBe("end");
    expect(counters.connections).toBe(0);
  });

  it("that is closed ends idle connections now and the others when they fall free, but serves who waits", () => {
    const { pool, dials } = setUp();
    const [busy, waiting] = [new Waiting(), new Waiting()];
    pool.acquire(busy);
    const { socket, raw } = dials[0]?.succeed() ?? fakeSocket();
    pool.acquire(waiting);
    pool.close();
    expect(raw.ending).toBe("no");
    respond(socket);
    expect(waiting.got).toHaveLength(1);
    respond(socket);
    expect(raw.ending).toBe("end");
  });

  it("counts among all that are idle until it is closed, and is not kept in mind for longer", () => {
    const idle = new IdleConnections(1, () => {});
    const { pool, dials } = setUp({}, idle);
    pool.acquire(new Waiting());
    respond((dials[0]?.succeed() ?? fakeSocket()).socket);
    expect(idle.count).toBe(1);
    pool.close();
    expect(idle.count).toBe(0);
    const asked = vi.spyOn(pool, "evict");
    const other = { evict: () => false };
    idle.added(other);
    idle.added(other);
    expect(asked).not.toHaveBeenCalled();
  });
});
