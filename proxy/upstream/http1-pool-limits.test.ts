import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { Breaker, type InFlight } from "../breaker/breaker.ts";
import type { ConnectionPool } from "../config/view.ts";
import { indifferent } from "../http/streams.fake.ts";
import type { ClientConnection } from "../http1/client-connection.ts";
import { HeadWriter } from "../http1/head-writer.ts";
import type { DialError } from "../net/listen.ts";
import { FakeTime, fakeSocket } from "../net/socket.fake.ts";
import type { Socket } from "../net/socket.ts";
import { TimerWheel } from "../net/timer-wheel.ts";
import { Http1Pool } from "./http1-pool.ts";
import type { PoolLimits } from "./pool.ts";
import { OVERFLOW, REMOVED, type Waiter } from "./waiter.ts";

/** Several endpoints of one cluster in memory, with one breaker. */
class Cluster {
  readonly time = new FakeTime();
  readonly wheel = new TimerWheel(this.time, 10);
  readonly counts: InFlight = { requests: 0, pending: 0, connections: 0, retries: 0 };
  readonly breaker: Breaker;
  readonly dials: Dialling[] = [];
  readonly open = new Set<Socket>();
  readonly pools: Http1Pool[];

  constructor(endpoints: number, fields: Partial<ConnectionPool>, limits: Partial<PoolLimits> = {}) {
    this.breaker = new Breaker(this.counts, { connectTimeoutMs: 1_000, ...fields });
    this.pools = Array.from({ length: endpoints }, (_, at) => this.#pool(at, limits));
  }

  #pool(at: number, limits: Partial<PoolLimits>): Http1Pool {
    return new Http1Pool({
      connect: (connected, failed) => {
        const dialling: Dialling = {
          at,
          connected: () => {
            this.#remove(dialling);
            const { socket } = fakeSocket();
            this.open.add(socket);
            connected(socket);
          },
          failed: () => {
            this.#remove(dialling);
            failed({ reason: "refused", message: "refused" });
          },
        };
        this.dials.push(dialling);
        return { cancel: () => this.#remove(dialling) };
      },
      limits: {
        connectTimeoutMs: 1_000,
        idleTimeoutMs: 5_000,
        maxRequestsPerConnection: 0,
        maxConnectionMs: 0,
        ...limits,
      },
      wheel: this.wheel,
      writer: new HeadWriter(),
      breaker: this.breaker,
      now: () => this.time.now(),
      dialFailed() {},
    });
  }

  #remove(dialling: Dialling): void {
    this.dials.splice(this.dials.indexOf(dialling), 1);
  }

  pool(at: number): Http1Pool {
    return this.pools[at % this.pools.length] as Http1Pool;
  }
}

interface Dialling {
  readonly at: number;
  readonly connected: () => void;
  readonly failed: () => void;
}

/** A request that remembers what became of it. */
class Request implements Waiter {
  readonly errors: string[] = [];
  connection: ClientConnection | undefined;
  acquired(connection: ClientConnection): void {
    this.connection = connection;
    connection.begin(indifferent, false);
    connection.requestDone();
  }
  unavailable(error: DialError): void {
    this.errors.push(error.reason);
  }
  respond(): void {
    const { connection } = this;
    this.connection = undefined;
    connection?.socket.onData(Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  }
  get state(): "served" | "failed" | "waiting" {
    return this.errors.length > 0 ? "failed" : this.connection === undefined ? "waiting" : "served";
  }
}

function ask(cluster: Cluster, at = 0, fresh = false): Request {
  const request = new Request();
  const connection = cluster.pool(at).acquire(request, fresh);
  if (connection !== undefined) request.acquired(connection);
  return request;
}
const states = (requests: readonly Request[]) => requests.map((each) => each.state);

describe("a pool whose connections are limited", () => {
  it("makes requests wait, serves them in their order, and opens no more", () => {
    const cluster = new Cluster(1, { maxConnections: 1 });
    const requests = [ask(cluster), ask(cluster), ask(cluster)];
    expect(cluster.dials).toHaveLength(1);
    cluster.dials[0]?.connected();
    expect(states(requests)).toEqual(["served", "waiting", "waiting"]);
    requests[0]?.respond();
    expect(states(requests)).toEqual(["waiting", "served", "waiting"]);
    requests[1]?.respond();
    expect(requests[2]?.state).toBe("served");
    expect(cluster.dials).toHaveLength(0);
  });

  it("refuses the request that would be one too many to wait", () => {
    const cluster = new Cluster(1, { maxConnections: 1, http1MaxPendingRequests: 1 });
    const first = ask(cluster);
    cluster.dials[0]?.connected();
    const requests = [first, ask(cluster), ask(cluster)];
    expect(states(requests)).toEqual(["served", "waiting", "failed"]);
    expect(requests[2]?.errors).toEqual([OVERFLOW.reason]);
    requests[0]?.respond();
    expect(requests[1]?.state).toBe("served");
    expect(cluster.counts.pending).toBe(0);
  });

  it("closes a connection that is idle on one endpoint for a request to another", () => {
    const cluster = new Cluster(2, { maxConnections: 1 });
    const first = ask(cluster, 0);
    cluster.dials[0]?.connected();
    first.respond();
    expect(cluster.pool(0).idleConnections).toBe(1);
    const second = ask(cluster, 1);
    expect(cluster.pool(0).idleConnections).toBe(0);
    cluster.dials[0]?.connected();
    expect(second.state).toBe("served");
    expect(cluster.counts.connections).toBe(1);
  });

  it("closes what is idle beyond a limit that was lowered, before it serves anyone", () => {
    const cluster = new Cluster(1, {});
    const burst = Array.from({ length: 6 }, () => ask(cluster));
    for (const each of [...cluster.dials]) each.connected();
    for (const each of burst) each.respond();
    cluster.breaker.apply({ connectTimeoutMs: 1_000, maxConnections: 4 });
    const requests = Array.from({ length: 6 }, () => ask(cluster));
    expect(states(requests)).toEqual(["served", "served", "served", "served", "waiting", "waiting"]);
    expect(cluster.counts.connections).toBe(4);
  });

  it("gives its connection up when it falls free and another endpoint's requests wait", () => {
    const cluster = new Cluster(2, { maxConnections: 1 });
    const first = ask(cluster, 0);
    cluster.dials[0]?.connected();
    const second = ask(cluster, 1);
    expect(cluster.dials).toHaveLength(0);
    first.respond();
    cluster.dials[0]?.connected();
    expect(second.state).toBe("served");
  });

  it("fails only the request that a connection was for, and tries for the next", () => {
    const cluster = new Cluster(1, { maxConnections: 1 });
    const requests = [ask(cluster), ask(cluster), ask(cluster)];
    cluster.dials[0]?.failed();
    expect(states(requests)).toEqual(["failed", "waiting", "waiting"]);
    cluster.dials[0]?.connected();
    expect(states(requests)).toEqual(["failed", "served", "waiting"]);
  });

  it("fails with a connection that takes too long all who have waited as long", () => {
    const cluster = new Cluster(1, { maxConnections: 1 });
    const old = [ask(cluster), ask(cluster)];
    cluster.time.advance(500);
    const young = ask(cluster);
    cluster.time.advance(600);
    expect(states([...old, young])).toEqual(["failed", "failed", "waiting"]);
    expect(cluster.dials).toHaveLength(1);
  });

  it("takes no place away from others when a request gives up", () => {
    const cluster = new Cluster(2, { maxConnections: 1 });
    const first = ask(cluster, 0);
    cluster.dials[0]?.connected();
    const leaver = ask(cluster, 1);
    const waiter = ask(cluster, 0);
    cluster.pool(1).forget(leaver);
    first.respond();
    expect(waiter.state).toBe("served");
    expect(cluster.dials).toHaveLength(0);
  });
});

describe("a pool", () => {
  it("fails nobody with a connection that nobody needs any more", () => {
    const cluster = new Cluster(1, {});
    const first = ask(cluster);
    cluster.dials[0]?.connected();
    const second = ask(cluster);
    const third = ask(cluster);
    first.respond();
    // The second has the first one's connection; two are on their way to one who waits.
    cluster.dials[0]?.failed();
    expect(states([second, third])).toEqual(["served", "waiting"]);
    cluster.dials[0]?.connected();
    expect(third.state).toBe("served");
  });

  it("sends those who wait elsewhere when its endpoint is removed, and keeps no dial", async () => {
    const cluster = new Cluster(1, {});
    const requests = [ask(cluster), ask(cluster)];
    cluster.pool(0).evacuate();
    await Promise.resolve();
    expect(requests.map((each) => each.errors)).toEqual([[REMOVED.reason], [REMOVED.reason]]);
    expect(cluster.dials).toHaveLength(0);
    expect(cluster.counts).toEqual({ requests: 0, pending: 0, connections: 0, retries: 0 });
    expect(cluster.wheel.size).toBe(0);
  });

  it("is kept by nobody once its endpoint is removed", () => {
    const cluster = new Cluster(2, { maxConnections: 1 });
    const gone = cluster.pool(0);
    const last = ask(cluster, 0);
    cluster.dials[0]?.connected();
    last.respond();
    gone.evacuate();
    const asked = vi.spyOn(gone, "evict");
    ask(cluster, 1);
    ask(cluster, 1);
    expect(asked).not.toHaveBeenCalled();
  });

  it("lets a connection serve no request after its longest life, and closes it when it is idle then", () => {
    const cluster = new Cluster(1, {}, { maxConnectionMs: 2_000 });
    const [first, second] = [ask(cluster), ask(cluster)];
    for (const each of [...cluster.dials]) each.connected();
    first.respond();
    cluster.time.advance(2_100);
    expect(cluster.pool(0).idleConnections).toBe(0);
    expect(cluster.counts.connections).toBe(1);
    second.respond();
    expect(cluster.counts.connections).toBe(0);
    expect(cluster.wheel.size).toBe(0);
  });

  it("lets the connections that a smaller load does not need grow idle and close", () => {
    const cluster = new Cluster(1, {}, { idleTimeoutMs: 1_000 });
    const burst = Array.from({ length: 10 }, () => ask(cluster));
    for (const each of [...cluster.dials]) each.connected();
    for (const each of burst) each.respond();
    for (let round = 0; round < 30; round++) {
      const pair = [ask(cluster), ask(cluster)];
      cluster.time.advance(50);
      for (const each of pair) each.respond();
    }
    expect(cluster.counts.connections).toBe(2);
    expect(cluster.pool(0).idleConnections).toBe(2);
  });
});

describe("whatever happens", () => {
  const event = fc.oneof(
    fc.record({ kind: fc.constant("ask" as const), at: fc.nat(2), fresh: fc.boolean() }),
    fc.record({ kind: fc.constant("ask" as const), at: fc.nat(2), fresh: fc.constant(false) }),
    fc.record({ kind: fc.constantFrom("connect" as const, "refuse" as const), which: fc.nat(9) }),
    fc.record({ kind: fc.constantFrom("respond" as const, "break" as const), which: fc.nat(20) }),
    fc.record({ kind: fc.constantFrom("abort" as const, "forget" as const), which: fc.nat(20) }),
    fc.record({ kind: fc.constant("close idle" as const), which: fc.nat(9) }),
    fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(3_000) }),
    fc.record({ kind: fc.constant("limit" as const), to: fc.integer({ min: 1, max: 4 }) }),
  );
  const limits = fc.record({
    maxConnections: fc.integer({ min: 1, max: 4 }),
    http1MaxPendingRequests: fc.integer({ min: 1, max: 6 }),
  });
  const lifetimes = fc.record({ maxRequestsPerConnection: fc.nat(3), maxConnectionMs: fc.nat(4_000) });

  it("no limit is passed, nobody waits while there is room, and all counts return to zero", () => {
    fc.assert(
      fc.property(limits, lifetimes, fc.array(event, { maxLength: 120 }), (pool, times, events) => {
        const cluster = new Cluster(3, pool, times);
        const { counts } = cluster;
        const asked: { request: Request; at: number; gone: boolean }[] = [];
        let most = pool.maxConnections;
        const pick = <T>(list: readonly T[], which: number): T | undefined =>
          list[which % (list.length || 1)];
        const waiting = () => asked.filter(({ request, gone }) => !gone && request.state === "waiting");
        const served = () => asked.filter(({ request, gone }) => !gone && request.connection !== undefined);
        for (const each of events) {
          const before = counts.connections;
          switch (each.kind) {
            case "ask":
              asked.push({ request: ask(cluster, each.at, each.fresh), at: each.at, gone: false });
              break;
            case "connect":
              pick(cluster.dials, each.which)?.connected();
              break;
            case "refuse":
              pick(cluster.dials, each.which)?.failed();
              break;
            case "respond":
            case "break":
            case "abort": {
              const one = pick(served(), each.which);
              if (one === undefined) break;
              one.gone = true;
              const { connection } = one.request;
              if (each.kind === "respond") one.request.respond();
              else if (each.kind === "abort") connection?.abort();
              else connection?.socket.onClose(undefined);
              break;
            }
            case "forget": {
              const one = pick(waiting(), each.which);
              if (one === undefined) break;
              one.gone = true;
              cluster.pool(one.at).forget(one.request);
              break;
            }
            case "close idle":
              pick([...cluster.open], each.which)?.onEnd();
              break;
            case "wait":
              cluster.time.advance(each.ms);
              break;
            case "limit":
              most = each.to;
              cluster.breaker.apply({ ...pool, connectTimeoutMs: 1_000, maxConnections: most });
          }
          expect(counts.connections).toBeLessThanOrEqual(Math.max(most, before));
          expect(counts.pending).toBeLessThanOrEqual(pool.http1MaxPendingRequests);
          expect(counts.pending).toBe(waiting().length);
          if (waiting().length > cluster.dials.length)
            expect(counts.connections).toBeGreaterThanOrEqual(most);
        }
        // Everyone who still waits is served or told so, in their time.
        for (let round = 0; waiting().length > 0 && round < 500; round++) {
          cluster.dials[0]?.connected();
          for (const one of served()) {
            one.gone = true;
            one.request.respond();
          }
        }
        expect(waiting()).toEqual([]);
        for (const one of served()) one.request.respond();
        for (const each of cluster.pools) each.close();
        cluster.time.advance(10_000);
        expect(counts).toEqual({ requests: 0, pending: 0, connections: 0, retries: 0 });
        expect(cluster.wheel.size).toBe(0);
      }),
      { numRuns: 500 },
    );
  });
});
