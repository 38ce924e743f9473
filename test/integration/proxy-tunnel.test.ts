import { createServer, type Server } from "node:http";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
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
import { TestProxy } from "../support/proxy.ts";
import { listen, TestServer } from "../support/server.ts";

/** A DestinationRule's `tunnel`: opaque connections through an HTTP proxy, here Node's own server. */
const ALLOWED = "far.example:7000";
let greeter: TestServer;
let forward: Server;
let proxy: TestProxy;

beforeAll(async () => {
  // It speaks first, and then says everything again.
  greeter = await TestServer.start((socket) => {
    socket.write("welcome;");
    socket.pipe(socket);
  });
  forward = createServer().on("connect", (request, client, head) => {
    client.on("error", () => {});
    if (request.url !== ALLOWED) {
      client.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    const far = connect({ port: greeter.port, host: "127.0.0.1", allowHalfOpen: true }, () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      far.write(head);
      far.pipe(client).pipe(far);
    });
    far.on("error", () => client.destroy());
  });
  // By POST: what the request's body brings goes there, and what comes is the response's.
  forward.on("request", (request, response) => {
    if (request.method !== "POST" || request.url !== "/" || request.headers.host !== ALLOWED) {
      response.writeHead(403).end();
      return;
    }
    const far = connect({ port: greeter.port, host: "127.0.0.1", allowHalfOpen: true }, () => {
      response.writeHead(200).flushHeaders();
      request.pipe(far).pipe(response);
    });
    far.on("error", () => response.destroy());
    request.on("error", () => far.destroy());
  });
  const target = await listen(forward);
  const ports = [{ port: 90, protocol: "tcp" as const }];
  const services = ["connect", "connect-refused", "post", "post-refused"] as const;
  proxy = await TestProxy.start({
    file: {
      outbound: services.map((_, i) => ({ listen: "127.0.0.1:0", destination: `10.0.0.${i + 1}:90` })),
      admin: "127.0.0.1:0",
    },
    objects: [
      indexObject(
        "demo",
        services.map((name, i) => entry("demo", name, { ports, addresses: [`10.0.0.${i + 1}`] })),
      ),
      ...services.flatMap((name) => [
        serviceObject("demo", name, {
          common: view({
            clusters: [
              subset("", {
                tunnel: {
                  method: name.startsWith("post") ? "POST" : "CONNECT",
                  authority: name.endsWith("refused") ? "other.example:7000" : ALLOWED,
                },
              }),
            ],
          }),
        }),
        endpointsObject("demo", name, [endpoint("127.0.0.1", { ports: [{ port: 90, target }] })]),
      ]),
      workloadObject("demo", "client"),
    ],
  });
});
afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]();
  await greeter?.[Symbol.asyncDispose]();
  forward?.close();
});

describe.each([
  { method: "CONNECT", listener: "outbound", refused: "outbound1" },
  { method: "POST", listener: "outbound2", refused: "outbound3" },
])("opaque connections through an HTTP proxy by $method", ({ listener, refused }) => {
  it("go both ways, a server that speaks first and half-close included", async () => {
    using client = await TestClient.open(proxy.port(listener));
    await client.until((text) => text === "welcome;");
    client.send("hello");
    await client.until((text) => text === "welcome;hello");
    client.socket.end();
    expect(await client.closed()).toBe("end");
  });

  it("bring what was sent before the end, and after the other side's, whole", async () => {
    const body = "0123456789abcdef".repeat(64 * 1024);
    using client = await TestClient.open(proxy.port(listener));
    client.send(body);
    client.socket.end();
    await client.until((text) => text.length === "welcome;".length + body.length);
    expect(await client.closed()).toBe("end");
    expect(client.received === `welcome;${body}`).toBe(true);
  });

  it("end when the HTTP proxy refuses them, and the metrics say why", async () => {
    const before = await refusals();
    using client = await TestClient.open(proxy.port(refused));
    client.send("hello");
    expect(await client.closed()).toBe("reset");
    expect(await refusals()).toBeGreaterThan(before);
  });
});

const refusals = () => proxy.metric("weft_dial_failures_total", { reason: "tunnel" });
