/** gRPC, WebSockets, opaque TCP and TLS through two sidecars, and what VirtualServices and DestinationRules do to them. */
import { beforeAll, expect, it } from "vitest";
import { app, apply, ask, eventually } from "../../support/e2e.ts";
import { subsets } from "../../support/mesh.ts";
import { clearMesh, client, host, inTurns, istio, ns, url, wire } from "./scene.ts";

const to = (name: string, version: string) => [{ destination: { host: name, subset: version } }];

const routes = istio("VirtualService", wire, {
  hosts: [wire, "v1.wire.example", "v2.wire.example"],
  http: [
    { match: [{ uri: { exact: "/greeter.Greeter/Newest" } }], route: to(wire, "v2") },
    {
      match: [{ uri: { exact: "/greeter.Greeter/Broken" } }],
      fault: { abort: { percentage: { value: 100 }, grpcStatus: "UNAVAILABLE" } },
      route: to(wire, "v1"),
    },
    { route: [{ destination: { host: wire } }] },
  ],
  tcp: [{ match: [{ port: 9081 }], route: to(wire, "v2") }],
  tls: ["v1", "v2"].map((version) => ({
    match: [{ port: 9083, sniHosts: [`${version}.wire.example`] }],
    route: to(wire, version),
  })),
});
const rule = subsets(ns, wire) as { spec: object };
const portLevelSettings = [{ port: { number: 9080 }, connectionPool: { tcp: { maxConnections: 1 } } }];
const oneConnection = {
  ...rule,
  spec: { ...rule.spec, trafficPolicy: { loadBalancer: inTurns, portLevelSettings } },
};

interface Calls {
  readonly byVersion: Readonly<Record<string, number>>;
  readonly byStatus: Readonly<Record<string, number>>;
}
const greet = (...args: string[]) =>
  app<Calls>(ns, client, "grpc", "--url", `http://${wire}:9082`, "--count", "40", ...args);

interface Connection {
  readonly received: string;
  readonly end?: string;
}
const connect = (port: number, ...args: string[]) =>
  app<Connection[]>(ns, client, "connect", "--to", `${wire}:${port}`, ...args);

export function protocolTests(): void {
  beforeAll(async () => {
    await clearMesh();
    await apply(oneConnection, routes);
    await eventually("the routes in force", async () => {
      const { byVersion } = await greet("--path", "/greeter.Greeter/Newest");
      return byVersion.v2 === 40;
    });
  });

  it("gRPC is balanced call by call, though the client has one connection", async () => {
    const { byVersion, byStatus } = await greet();
    expect(byStatus).toEqual({ "0": 40 });
    expect(byVersion).toEqual({ v1: 20, v2: 20 });
  });

  it("gRPC is routed by its method", async () => {
    expect((await greet("--path", "/greeter.Greeter/Newest")).byVersion).toEqual({ v2: 40 });
  });

  it("gRPC meets faults with a status of its own", async () => {
    // 14 is UNAVAILABLE.
    expect((await greet("--path", "/greeter.Greeter/Broken")).byStatus).toEqual({ "14": 40 });
  });

  it("a WebSocket is opened, and frames go both ways", async () => {
    const opened = await app<object>(ns, client, "websocket", "--url", `${url}/chat`);
    expect(opened).toEqual({ status: 101, echoed: true });
  });

  it("TCP is routed by its port, also where the server speaks first", async () => {
    for (let i = 0; i < 4; i++) {
      expect((await connect(9081))[0]?.received).toContain(`${host} v2 ready`);
    }
  });

  it("a TCP connection beyond the pool's limit is reset, and one within it lives on", async () => {
    const hello = ["--send", "hello", "--until", "hello", "--connections", "2"];
    const [first, second] = await connect(9080, ...hello);
    expect(first).toEqual({ received: "hello" });
    expect(second?.received).toBe("");
    expect(second?.end).not.toBe("timeout");
  });

  it.each(["v1", "v2"])(
    "TLS that the application speaks is routed by its server name, to %s",
    async (version) => {
      const request = "GET / HTTP/1.1\r\nHost: wire\r\n\r\n";
      const name = ["--servername", `${version}.wire.example`];
      for (let i = 0; i < 3; i++) {
        const [answer] = await connect(9083, ...name, "--send", request, "--until", "}}");
        expect(answer?.received).toContain(`"version":"${version}"`);
      }
    },
  );

  it("a VirtualService delegates to another", async () => {
    await apply(
      subsets(ns),
      istio("VirtualService", "payment-parts", {
        http: [
          { match: [{ uri: { prefix: "/parts/new" } }], route: to(host, "v2") },
          { route: to(host, "v1") },
        ],
      }),
      istio("VirtualService", host, {
        hosts: [host],
        http: [
          { match: [{ uri: { prefix: "/parts" } }], delegate: { name: "payment-parts", namespace: ns } },
          { directResponse: { status: 418 } },
        ],
      }),
    );
    const version = async (path: string) =>
      (JSON.parse((await ask(ns, client, `${url}${path}`)).body) as { version: string }).version;
    await eventually("the root's own route", async () => (await ask(ns, client, url)).status === 418);
    await eventually("the other's routes", async () => (await version("/parts/new")) === "v2");
    expect(await version("/parts/old")).toBe("v1");
  });
}
