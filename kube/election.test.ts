import { describe, expect, it } from "vitest";
import { createFakeClient, type FakeClient } from "./client.fake.ts";
import { createFakeClock, type FakeClock } from "./clock.fake.ts";
import { createElection } from "./election.ts";
import { ConnectionError } from "./errors.ts";
import { leases } from "./resources.ts";

const away = () =>
  new ConnectionError("PUT lease", Object.assign(new Error("refused"), { code: "ECONNREFUSED" }));

function stand(client: FakeClient, clock: FakeClock, identity: string) {
  const log: string[] = [];
  const stop = new AbortController();
  const election = createElection({
    client,
    namespace: "ns",
    name: "lock",
    identity,
    clock,
    random: () => 0,
    onStarted(signal) {
      log.push("started");
      signal.addEventListener("abort", () => log.push("fenced"));
    },
    onStopped: () => log.push("stopped"),
  });
  return { election, log, stop, done: election.run(stop.signal) };
}
const specOf = (client: FakeClient) =>
  client.peek(leases, "ns", "lock")?.spec as Record<string, unknown> | undefined;

describe("an election", () => {
  it("is won by whoever finds no lease, and kept by renewing every two seconds", async () => {
    const [client, clock] = [createFakeClient(), createFakeClock()];
    const a = stand(client, clock, "a");
    await clock.advance(0);
    expect(a.election.isLeader()).toBe(true);
    expect(specOf(client)).toMatchObject({
      holderIdentity: "a",
      leaseDurationSeconds: 15,
      renewTime: "2026-01-01T00:00:00.000000Z",
      leaseTransitions: 0,
    });
    await clock.advance(60_000);
    expect(a.election.isLeader()).toBe(true);
    expect(specOf(client)).toMatchObject({ renewTime: "2026-01-01T00:01:00.000000Z", leaseTransitions: 0 });
    a.stop.abort();
    await a.done;
  });

  it("is taken over at once after the holder stopped, and only then", async () => {
    const [client, clock] = [createFakeClient(), createFakeClock()];
    const a = stand(client, clock, "a");
    await clock.advance(0);
    const b = stand(client, clock, "b");
    await clock.advance(60_000);
    expect(b.log).toEqual([]);
    expect(b.election.leader()).toBe("a");
    a.stop.abort();
    await a.done;
    expect(a.log).toEqual(["started", "fenced", "stopped"]);
    // A lease given back names nobody, so nothing is waited out.
    await clock.advance(2_000);
    expect(b.log).toEqual(["started"]);
    expect(specOf(client)).toMatchObject({ holderIdentity: "b", leaseTransitions: 1 });
    b.stop.abort();
    await b.done;
  });

  it("waits out the lease of a holder that died, by its own clock and not by the times written", async () => {
    const [client, clock] = [createFakeClient(), createFakeClock()];
    client.put(leases, {
      metadata: { namespace: "ns", name: "lock" },
      spec: { holderIdentity: "dead", leaseDurationSeconds: 15, renewTime: "1999-01-01T00:00:00.000000Z" },
    } as never);
    const b = stand(client, clock, "b");
    await clock.advance(14_000);
    expect(b.election.isLeader()).toBe(false);
    await clock.advance(3_000);
    expect(b.election.isLeader()).toBe(true);
    b.stop.abort();
    await b.done;
  });

  it("fences the leader that cannot renew before anyone else can win", async () => {
    const [client, clock] = [createFakeClient(), createFakeClock()];
    const a = stand(client, clock, "a");
    await clock.advance(0);
    for (let n = 0; n < 20; n++) client.failNext(/get .*lock/, away());
    await clock.advance(9_000);
    expect(a.log).toEqual(["started"]);
    await clock.advance(2_000);
    expect(a.log).toEqual(["started", "fenced", "stopped"]);
    expect(specOf(client)).toMatchObject({ holderIdentity: "a" });
    // It stands again, and its own lease is its own.
    await clock.advance(60_000);
    expect(a.log.slice(0, 4)).toEqual(["started", "fenced", "stopped", "started"]);
    a.stop.abort();
    await a.done;
  });

  it("fences the leader whose renewal hangs", async () => {
    const [client, clock] = [createFakeClient(), createFakeClock()];
    let hang = false;
    const { get } = client;
    client.get = (resource, target) =>
      hang
        ? new Promise((_resolve, reject) => target.signal?.addEventListener("abort", () => reject(away())))
        : get(resource, target);
    const a = stand(client, clock, "a");
    await clock.advance(0);
    hang = true;
    await clock.advance(10_000);
    expect(a.log).toEqual(["started", "fenced", "stopped"]);
    a.stop.abort();
    await a.done;
  });

  it("steps down when another holds the lease", async () => {
    const [client, clock] = [createFakeClient(), createFakeClock()];
    const a = stand(client, clock, "a");
    await clock.advance(0);
    client.put(leases, {
      metadata: { namespace: "ns", name: "lock" },
      spec: { holderIdentity: "usurper", leaseDurationSeconds: 15 },
    } as never);
    await clock.advance(2_000);
    expect(a.log).toEqual(["started", "fenced", "stopped"]);
    a.stop.abort();
    await a.done;
    expect(specOf(client)).toMatchObject({ holderIdentity: "usurper" });
  });

  it("has one winner when two find the lease free at the same time", async () => {
    const [client, clock] = [createFakeClient(), createFakeClock()];
    const both = [stand(client, clock, "a"), stand(client, clock, "b")];
    await clock.advance(1_000);
    expect(both.filter(({ election }) => election.isLeader())).toHaveLength(1);
    for (const { stop, done } of both) {
      stop.abort();
      await done;
    }
  });

  it("refuses times with which two could lead at once", () => {
    const options = {
      client: createFakeClient(),
      namespace: "n",
      name: "x",
      identity: "a",
      clock: createFakeClock(),
    };
    expect(() =>
      createElection({ ...options, leaseDurationMs: 5, renewDeadlineMs: 10, onStarted() {}, onStopped() {} }),
    ).toThrow("leaseDurationMs (5) must exceed renewDeadlineMs (10)");
  });
});
