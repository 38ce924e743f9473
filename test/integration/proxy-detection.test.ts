import type { Socket } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { workloadObject } from "../../proxy/config/testdata.ts";
import { TestClient } from "../support/client.ts";
import { eventually } from "../support/poll.ts";
import { TestProxy } from "../support/proxy.ts";
import { application, ok, TestServer } from "../support/server.ts";

/** Ports that do not say what they speak, from both sides of the proxy. */
const BANNER = "220 ready\r\n";
const GET = "GET / HTTP/1.1\r\nHost: web\r\n\r\n";
let banner: TestServer;
let http: TestServer;
let proxy: TestProxy;

beforeAll(async () => {
  banner = await TestServer.start((socket) => {
    socket.write(BANNER);
    socket.on("data", (bytes: Buffer) => socket.write(`you said ${bytes.toString()}`));
    socket.on("end", () => socket.end("bye\r\n"));
  });
  const answer = application((request) =>
    ok(request.includes("x-request-id") ? "through the proxy" : "opaque"),
  );
  http = await TestServer.start(answer);
  const listen = (port: number) => ({ listen: "127.0.0.1:0", destination: `127.0.0.1:${port}` });
  proxy = await TestProxy.start({
    file: {
      outbound: [listen(banner.port), listen(http.port), listen(1)],
      inbound: [listen(banner.port), listen(http.port), listen(1)],
      admin: "127.0.0.1:0",
    },
    objects: [
      workloadObject("demo", "web", {
        ports: [banner.port, http.port, 1].map((port) => ({ port, protocol: "auto", mtls: "PERMISSIVE" })),
      }),
    ],
  });
});
afterAll(async () => {
  for (const each of [proxy, banner, http]) await each?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  for (const server of [banner, http]) server.sockets.length = 0;
});

const openOf = (server: TestServer) => server.sockets.filter((socket: Socket) => !socket.destroyed).length;

describe.each(["outbound", "inbound"])("on the way %s, a port that does not say what it speaks", (side) => {
  it("lets a server speak first, with hardly a wait the first time and none the next", async () => {
    const waits: number[] = [];
    for (let round = 0; round < 5; round++) {
      const began = performance.now();
      using client = await TestClient.open(proxy.port(side));
      expect(await client.until((text) => text.length > 0)).toBe(BANNER);
      waits.push(performance.now() - began);
      client.send("hello");
      await client.until((text) => text.endsWith("hello"));
      client.socket.end();
      await client.closed();
      expect(client.received).toBe(`${BANNER}you said hellobye\r\n`);
    }
    // The wait of detection was five seconds once.
    expect(Math.min(...waits.slice(1))).toBeLessThan(1_000);
    expect(banner.sockets).toHaveLength(5);
  });

  it("serves HTTP to a client that takes its time, and drops the connection opened meanwhile", async () => {
    const before = http.sockets.length;
    using client = await TestClient.open(proxy.port(`${side}1`));
    await eventually(() => http.sockets.length > before);
    client.send(GET);
    expect(await client.responses(1)).toContain("through the proxy");
    await eventually(() => openOf(http) === 1);
    // From now on it is known that clients begin there: a silent one costs the server no connection.
    using another = await TestClient.open(proxy.port(`${side}1`));
    another.send(GET);
    await another.responses(1);
    expect(http.sockets.length - before).toBeLessThanOrEqual(3);
  });

  it("serves a client whose first line comes in pieces", async () => {
    using client = await TestClient.open(proxy.port(`${side}1`));
    for (const each of GET) client.send(each);
    expect(await client.responses(1)).toContain("through the proxy");
  });

  it("hands on the end of a client that only listens", async () => {
    using client = await TestClient.open(proxy.port(side));
    client.socket.end();
    await client.closed();
    expect(client.received).toBe(`${BANNER}bye\r\n`);
  });

  it("answers HTTP with an HTTP error when nobody takes the connection", async () => {
    using client = await TestClient.open(proxy.port(`${side}2`));
    client.send(GET);
    expect(await client.responses(1)).toMatch(/^HTTP\/1\.1 503 /);
  });
});

describe("between two connections", () => {
  it("nothing stays open", async () => {
    await eventually(() => openOf(banner) === 0);
    await eventually(async () => (await proxy.metric("weft_connections_open", { side: "outbound" })) === 0);
    await eventually(async () => (await proxy.metric("weft_connections_open", { side: "inbound" })) === 0);
  });
});
