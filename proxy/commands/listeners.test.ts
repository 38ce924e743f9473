import { describe, expect, it } from "vitest";
import type { Accepted, Listener, ListenOptions } from "../net/listen.ts";
import { type Accept, ListenError, Listeners, type Wanted } from "./listeners.ts";

/** A machine's ports: what is open, and who takes the connections. */
function machine() {
  const open = new Map<string, Accept>();
  let chosen = 40_000;
  const listen = ({ host, port }: ListenOptions, accept: Accept): Listener => {
    const own = port === 0 ? ++chosen : port;
    const key = `${host}:${own}`;
    if (open.has(key)) throw Object.assign(new Error("Failed to listen"), { code: "EADDRINUSE" });
    open.set(key, accept);
    return { port: own, stop: () => void open.delete(key) };
  };
  const connect = (port: number) => open.get(`127.0.0.1:${port}`)?.({ localPort: port } as Accepted);
  return { open, listen, connect };
}

const taken: string[] = [];
const acceptFor = (role: string): Accept =>
  function accept({ destination }) {
    taken.push(`${role} ${destination?.address ?? "-"}`);
  };
const outbound = acceptFor("outbound");
const inbound = acceptFor("inbound");
const wanted = (name: string, port: number, accept: Accept, to?: string, sharedPort?: number): Wanted => ({
  name,
  host: "127.0.0.1",
  port,
  accept,
  destination: to === undefined ? undefined : { address: to, port: 80 },
  sharedPort,
});

describe("listeners", () => {
  it("keep their socket when destination, use or name become others", () => {
    const { open, listen, connect } = machine();
    const listeners = new Listeners(listen);
    listeners.prepare([wanted("outbound", 1, outbound, "a"), wanted("outbound1", 2, outbound)]).commit();
    const sockets = [...open.values()];
    listeners.prepare([wanted("outbound", 2, outbound, "b"), wanted("inbound", 1, inbound)]).commit();
    expect([...open.values()]).toEqual(sockets);
    taken.length = 0;
    connect(1);
    connect(2);
    expect(taken).toEqual(["inbound -", "outbound b"]);
    expect(listeners.ports).toEqual({ outbound: 2, inbound: 1 });
  });

  it("whose ports the system has chosen are known by their destination, then by their use", () => {
    const { listen } = machine();
    const listeners = new Listeners(listen);
    listeners.prepare([wanted("outbound", 0, outbound, "a"), wanted("outbound1", 0, outbound, "b")]).commit();
    const { outbound: a, outbound1: b } = listeners.ports;
    listeners.prepare([wanted("outbound", 0, outbound, "b"), wanted("outbound1", 0, outbound, "c")]).commit();
    expect(listeners.ports).toEqual({ outbound: b, outbound1: a });
    listeners.prepare([wanted("inbound", 0, inbound)]).commit();
    expect([a, b]).not.toContain(listeners.ports.inbound);
  });

  it("take the port that others have got, and keep it when they are asked to choose", () => {
    const { listen } = machine();
    const listeners = new Listeners(listen);
    listeners.prepare([wanted("outbound", 0, outbound, "a", 40_500)]).commit();
    expect(listeners.ports).toEqual({ outbound: 40_500 });
    listeners.prepare([wanted("outbound", 0, outbound, "b")]).commit();
    expect(listeners.ports).toEqual({ outbound: 40_500 });
  });

  it("are as they were when one cannot be opened, which names it and what to do", () => {
    const { open, listen, connect } = machine();
    listen({ host: "127.0.0.1", port: 3 }, outbound);
    const listeners = new Listeners(listen);
    listeners.prepare([wanted("outbound", 1, outbound, "a")]).commit();
    const change = [
      wanted("outbound", 1, outbound, "b"),
      wanted("outbound1", 2, outbound),
      wanted("admin", 3, inbound),
    ];
    expect(() => listeners.prepare(change)).toThrow(ListenError);
    expect(() => listeners.prepare(change)).toThrow(
      /^admin: cannot listen on 127\.0\.0\.1:3: the address is in use; end what listens there/,
    );
    expect([...open.keys()]).toEqual(["127.0.0.1:3", "127.0.0.1:1"]);
    taken.length = 0;
    connect(1);
    expect(taken).toEqual(["outbound a"]);
  });

  it("are as they were when a change that was prepared is given up", () => {
    const { open, listen } = machine();
    const listeners = new Listeners(listen);
    listeners.prepare([wanted("outbound", 1, outbound)]).commit();
    listeners.prepare([wanted("outbound", 2, outbound)]).abandon();
    expect([...open.keys()]).toEqual(["127.0.0.1:1"]);
    expect(listeners.ports).toEqual({ outbound: 1 });
  });

  it("end by name", () => {
    const { open, listen } = machine();
    const listeners = new Listeners(listen);
    listeners.prepare([wanted("outbound", 1, outbound), wanted("inbound", 2, inbound)]).commit();
    listeners.stop((name) => name.startsWith("inbound"));
    expect([...open.keys()]).toEqual(["127.0.0.1:1"]);
  });
});
