import { once } from "node:events";
import { connect, createServer, type Server } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  destination,
  endpoint,
  endpointsObject,
  entry,
  indexObject,
  serviceObject,
  subset,
  view,
  workloadObject,
} from "../../proxy/config/testdata.ts";
import { TestClient } from "../support/client.ts";
import { eventually } from "../support/poll.ts";
import { TestProxy } from "../support/proxy.ts";
import { listen, TestServer } from "../support/server.ts";
import { TestAuthority, type TestIdentity } from "../support/workload-identity.ts";

/** What travels as opaque TCP: chosen by server name or address, and introduced when the endpoint asks for it. */
let identity: TestIdentity;
let echo: TestServer;
const servers: Server[] = [];
let proxy: TestProxy;

async function serveTls(name: string): Promise<number> {
  const server = createServer({ cert: identity.certificate, key: identity.key }, (socket) => {
    socket.on("error", () => {});
    socket.end(name);
  });
  servers.push(server);
  return await listen(server);
}

function service(name: string, target: number, port: number) {
  const ports = [{ port, protocol: port === 443 ? ("tls" as const) : ("tcp" as const) }];
  return {
    entry: (fields: object) => entry("demo", name, { ports, ...fields }),
    endpoints: endpointsObject("demo", name, [endpoint("127.0.0.1", { ports: [{ port, target }] })]),
  };
}

beforeAll(async () => {
  identity = await (await TestAuthority.create()).issue("web");
  echo = await TestServer.start((socket) => socket.pipe(socket));
  const blue = service("blue", await serveTls("blue"), 443);
  const green = service("green", await serveTls("green"), 443);
  const outside = service("outside", await serveTls("outside"), 443);
  const introduced = { v1: service("v1", echo.port, 90), v2: service("v2", echo.port, 90) };
  const listen = (at: string) => ({ listen: "127.0.0.1:0", destination: at });
  const header = (version: "V1" | "V2") => ({
    common: view({ clusters: [subset("", { proxyProtocol: version })] }),
  });
  proxy = await TestProxy.start({
    file: {
      outbound: [
        listen("10.0.0.1:443"),
        listen("203.0.113.7:443"),
        listen("10.0.0.2:90"),
        listen("10.0.0.3:90"),
        listen("203.0.113.8:9999"),
      ],
      admin: "127.0.0.1:0",
    },
    objects: [
      indexObject("demo", [
        blue.entry({ addresses: ["10.0.0.1"] }),
        green.entry({}),
        outside.entry({ hosts: ["api.outside.example", "*.cdn.example"] }),
        introduced.v1.entry({ addresses: ["10.0.0.2"] }),
        introduced.v2.entry({ addresses: ["10.0.0.3"] }),
      ]),
      serviceObject("demo", "blue", {
        common: view({
          tls: [
            {
              matches: [{ destinationSubnets: [], sniHosts: ["green.example", "*.green.example"] }],
              destinations: [destination("demo", "green")],
            },
          ],
        }),
      }),
      serviceObject("demo", "green"),
      serviceObject("demo", "outside", { host: "api.outside.example" }),
      serviceObject("demo", "v1", header("V1")),
      serviceObject("demo", "v2", header("V2")),
      ...[blue, green, outside, introduced.v1, introduced.v2].map((each) => each.endpoints),
      workloadObject("demo", "client", { egress: { outboundTrafficPolicy: "REGISTRY_ONLY" } }),
    ],
  });
});
afterAll(async () => {
  for (const each of servers) each.close();
  for (const each of [proxy, echo]) await each?.[Symbol.asyncDispose]();
});

/** What the TLS server at the end says; "" when there is none. */
async function callTls(listener: string, servername: string): Promise<string> {
  const socket = connect({
    port: proxy.port(listener),
    host: "127.0.0.1",
    servername,
    rejectUnauthorized: false,
  });
  let said = "";
  socket.on("data", (bytes: Buffer) => {
    said += bytes.toString();
  });
  socket.on("error", () => {});
  await once(socket, "close").catch(() => undefined);
  return said;
}

describe("a TLS connection, which is passed through,", () => {
  it.each([
    ["outbound", "green.example", "green"],
    ["outbound", "a.green.example", "green"],
    ["outbound", "GREEN.example", "green"],
    ["outbound", "blue.example", "blue"],
    ["outbound1", "api.outside.example", "outside"],
    ["outbound1", "a.cdn.example", "outside"],
    ["outbound1", "nobody.example", ""],
  ])("to %s for %s ends at %j", async (listener, name, server) => {
    expect(await callTls(listener, name)).toBe(server);
  });
});

describe("a TLS connection to one endpoint of a headless service", () => {
  it("ends where that takes none: another endpoint is another server", async () => {
    await using other = await TestServer.start((socket) => socket.end("another"), "127.0.0.2");
    const { port } = other;
    // No other server of this file listens there, whatever port the system has chosen.
    const silent = "127.0.0.3";
    const ports = [{ port, protocol: "tls" as const }];
    const at = (address: string) => endpoint(address, { ports: [{ port, target: port }] });
    await using headless = await TestProxy.start({
      file: { outbound: [{ listen: "127.0.0.1:0", destination: `${silent}:${port}` }], admin: "127.0.0.1:0" },
      objects: [
        indexObject("demo", [entry("demo", "db", { headless: true, ports })]),
        serviceObject("demo", "db"),
        endpointsObject("demo", "db", [at(silent), at("127.0.0.2")]),
        workloadObject("demo", "client"),
      ],
    });
    using client = await TestClient.open(headless.port("outbound"));
    const socket = connect({ socket: client.socket, servername: "db.demo.svc.cluster.local" });
    socket.on("error", () => {});
    await once(socket, "close").catch(() => undefined);
    expect(other.sockets).toHaveLength(0);
    expect(await headless.metric("weft_dial_failures_total", { side: "outbound" })).toBe(1);
  });
});

describe("an endpoint that asks for the PROXY protocol", () => {
  it("is told in a line of version 1 whose connection it is, before anything else", async () => {
    using client = await TestClient.open(proxy.port("outbound2"));
    const { localPort } = client.socket;
    client.send("hello");
    const line = `PROXY TCP4 127.0.0.1 10.0.0.2 ${localPort} 90\r\n`;
    expect(await client.until((text) => text.endsWith("hello"))).toBe(`${line}hello`);
  });

  it("is told so in version 2", async () => {
    using client = await TestClient.open(proxy.port("outbound3"));
    client.send("hello");
    const text = await client.until((each) => each.endsWith("hello"));
    expect(Buffer.from(text, "latin1").toString("hex").slice(0, 56)).toBe(
      "0d0a0d0a000d0a515549540a2111000c7f0000010a000003".padEnd(48, "").slice(0, 48) +
        Buffer.from([
          (client.socket.localPort ?? 0) >> 8,
          (client.socket.localPort ?? 0) & 0xff,
          0,
          90,
        ]).toString("hex"),
    );
  });
});

describe("a destination that no service claims", () => {
  it("is refused where the registry alone may be called, and reached where anyone may", async () => {
    using refused = await TestClient.open(proxy.port("outbound4"));
    refused.send("hello\r\n");
    expect(await refused.closed()).toBe("reset");
    await using open = await TestProxy.start({
      file: {
        outbound: [{ listen: "127.0.0.1:0", destination: `127.0.0.1:${echo.port}` }],
        admin: "127.0.0.1:0",
      },
      objects: [workloadObject("demo", "client")],
    });
    using client = await TestClient.open(open.port("outbound"));
    client.send("hello\r\n");
    await client.until((text) => text === "hello\r\n");
    client.socket.end();
    expect(await client.closed()).toBe("end");
    await eventually(async () => (await open.metric("istio_tcp_connections_closed_total")) === 1);
  });
});
