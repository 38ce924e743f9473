import { describe, expect, it } from "vitest";
import { IdlePeers, mostIdlePeers, type Peer } from "./idle-peers.ts";

function start(most: number) {
  const open = new Set<object>();
  const ended: string[] = [];
  let told = 0;
  const peers = new IdlePeers(
    { add: (each) => void open.add(each), delete: (each) => void open.delete(each) },
    most,
    () => {
      told++;
    },
  );
  const connect = (name: string, idle: boolean) => {
    const peer: Peer & { idle: boolean } = {
      idle,
      drain(now) {
        if (!now) throw new Error("expected an idle one to end at once");
        ended.push(name);
        peers.delete(peer);
      },
      destroy() {},
    };
    peers.add(peer);
    return peer;
  };
  return { open, ended, connect, peers, told: () => told };
}

describe("idle peers", () => {
  it("are left alone while there is room", () => {
    const { connect, ended, open } = start(3);
    for (const name of ["a", "b", "c"]) connect(name, true);
    expect(ended).toEqual([]);
    expect(open.size).toBe(3);
  });

  it("end, the oldest first, when there are more", () => {
    const { connect, ended, open, told } = start(3);
    for (const name of ["a", "b", "c", "d", "e"]) connect(name, true);
    expect(ended).toEqual(["a", "b"]);
    expect(told()).toBe(2);
    expect(open.size).toBe(3);
  });

  it("end before any that is busy, and never the newest, which has yet to ask", () => {
    const { connect, ended, open } = start(2);
    const busy = connect("busy", false);
    connect("idle", true);
    connect("new", true);
    connect("newer", true);
    expect(ended).toEqual(["idle", "new"]);
    expect(open.has(busy)).toBe(true);
  });

  it("are found behind more busy ones than are looked at for one connection", () => {
    const { connect, ended } = start(100);
    for (let i = 0; i < 100; i++) connect(`busy ${i}`, false);
    connect("idle", true);
    const newcomers = [0, 1, 2, 3, 4].map((i) => connect(`new ${i}`, false));
    expect(newcomers).toHaveLength(5);
    expect(ended).toEqual(["idle"]);
  });

  it("are never a reason to end one that is busy", () => {
    const { connect, ended, open } = start(2);
    for (let i = 0; i < 50; i++) connect(`busy ${i}`, false);
    expect(ended).toEqual([]);
    expect(open.size).toBe(50);
  });

  it("do not count once they are gone", () => {
    const { connect, ended, peers } = start(2);
    const first = connect("a", true);
    connect("b", true);
    peers.delete(first);
    connect("c", true);
    expect(ended).toEqual([]);
  });

  it("are as many as half of the memory has room for; without a limit there is no bound", () => {
    expect(mostIdlePeers(128 * 2 ** 20)).toBe(3276);
    expect(mostIdlePeers(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
  });
});
