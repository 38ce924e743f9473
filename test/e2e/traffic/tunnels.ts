/** What DestinationRules have said before a connection's own bytes: the PROXY protocol's header, a CONNECT or POST to an HTTP proxy. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { app, apply, eventually, kubectl } from "../../support/e2e.ts";
import { podOf } from "./network.ts";
import { clearMesh, client, host, istio, ns, outside, outsidePorts } from "./scene.ts";

const { echo, entry } = outsidePorts;
const proxy = "240.240.0.4";
/** Where it takes CONNECT, and where POST. */
const [byConnect, byPost] = [9085, 9086];
const proxyPorts = { whole: [3128, byConnect], named: [3129, byConnect], posted: [3130, byPost] } as const;

/** What comes back of a connection until the text. */
async function received(to: string, until: string, ...args: string[]): Promise<string> {
  const outcomes = await app<{ received: string }[]>(
    ns,
    client,
    ...["connect", "--to", to, "--until", until, "--timeout", "3s", ...args],
  );
  return outcomes[0]?.received ?? "";
}
const echoed = (port: number) => received(`${outside}:${port}`, "hello", "--send", "hello");

export function tunnelTests(): void {
  beforeAll(async () => {
    await clearMesh();
    const [server, far] = await Promise.all([podOf("app=vault"), podOf(`app=${host},version=v2`)]);
    const byName = { targetHost: `${outside}.${ns}.svc.cluster.local`, targetPort: echo };
    const toEcho = { host: outside, subset: "second", port: { number: echo } };
    await apply(
      istio("DestinationRule", outside, {
        host: outside,
        trafficPolicy: { proxyProtocol: { version: "V1" } },
        subsets: [{ name: "second", trafficPolicy: { proxyProtocol: { version: "V2" } } }],
      }),
      istio("VirtualService", outside, {
        hosts: [outside],
        tcp: [{ match: [{ port: entry }], route: [{ destination: toEcho }] }],
      }),
      istio("ServiceEntry", "proxy", {
        hosts: ["proxy.example"],
        addresses: [proxy],
        ports: Object.entries(proxyPorts).map(([name, [number, targetPort]]) => ({
          number,
          targetPort,
          name: `tcp-${name}`,
          protocol: "TCP",
        })),
        resolution: "STATIC",
        endpoints: [{ address: server.address }],
      }),
      istio("DestinationRule", "proxy", {
        host: "proxy.example",
        trafficPolicy: { tunnel: { protocol: "CONNECT", targetHost: far.address, targetPort: 9081 } },
        subsets: [
          { name: "named", trafficPolicy: { tunnel: byName } },
          { name: "posted", trafficPolicy: { tunnel: { protocol: "POST", ...byName } } },
        ],
      }),
      istio("VirtualService", "proxy", {
        hosts: ["proxy.example"],
        tcp: [
          ...(["named", "posted"] as const).map((subset) => ({
            match: [{ port: proxyPorts[subset][0] }],
            route: [{ destination: { host: "proxy.example", subset } }],
          })),
          { route: [{ destination: { host: "proxy.example" } }] },
        ],
      }),
    );
    await eventually(
      "a tunnel",
      async () => (await received(`${proxy}:3129`, "hello", "--send", "hello")) === "hello",
    );
    await eventually("a header", async () => (await echoed(entry)).length > "hello".length);
  });
  afterAll(() => kubectl(["delete", "serviceentries", "--all", "-n", ns, "--wait=false"]));

  it("proxyProtocol V1 tells the server of the client in a line", async () => {
    const { address } = await podOf("app=order-service");
    expect(await echoed(echo)).toMatch(new RegExp(`^PROXY TCP4 ${address} \\S+ \\d+ ${echo}\r\nhello$`));
  });

  it("proxyProtocol V2 tells the server of the client in bytes", async () => {
    const { address } = await podOf("app=order-service");
    const bytes = Buffer.from(await echoed(entry), "latin1");
    expect(bytes.subarray(0, 12).toString("hex")).toBe("0d0a0d0a000d0a515549540a");
    // Version 2, PROXY; TCP over IPv4; 12 bytes: both addresses, both ports.
    expect([...bytes.subarray(12, 16)]).toEqual([0x21, 0x11, 0, 12]);
    expect(bytes.subarray(16, 20).join(".")).toBe(address);
    expect(bytes.readUInt16BE(26)).toBe(entry);
    expect(bytes.subarray(28).toString()).toBe("hello");
  });

  it("tunnel reaches the host and port that it names, by a CONNECT to an HTTP proxy", async () => {
    expect(await received(`${proxy}:3128`, "\n")).toBe(`220 ${host} v2 ready\r\n`);
    expect(await received(`${proxy}:3129`, "hello", "--send", "hello")).toBe("hello");
  });

  it("tunnel reaches them by a POST where it says so", async () => {
    expect(await received(`${proxy}:3130`, "hello", "--send", "hello")).toBe("hello");
  });
}
