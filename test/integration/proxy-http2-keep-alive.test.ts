/** `http2KeepAlive`: connections to an endpoint that has fallen silent are found dead by PINGs. */
import { connect } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { subset, view } from "../../proxy/config/testdata.ts";
import { Http2App, Http2Client } from "../support/http2.ts";
import { eventually } from "../support/poll.ts";
import { TestProxy } from "../support/proxy.ts";
import { TestServer } from "../support/server.ts";
import { CALLS_WEB, webAt, webObjects } from "../support/web.ts";

let app: Http2App;
/** Stands between proxy and application. What it is told to lose no longer arrives, and nobody is told. */
let network: TestServer;
let losing = false;
let opened = 0;
let closed = 0;

beforeEach(async () => {
  losing = false;
  opened = 0;
  closed = 0;
  app = await Http2App.start((stream) => stream.respond({ ":status": 200 }, { endStream: true }));
  network = await TestServer.start((socket) => {
    opened++;
    const lost = () => losing && socket === network.sockets[0];
    const onward = connect(app.port, "127.0.0.1").on("error", () => {});
    socket.on("data", (data) => lost() || onward.write(data));
    onward.on("data", (data) => lost() || socket.write(data));
    socket.on("close", () => {
      closed++;
      onward.destroy();
    });
  });
});
afterEach(async () => {
  await network[Symbol.asyncDispose]();
  await app[Symbol.asyncDispose]();
});

function proxyTo(port: number, http2KeepAlive: object): Promise<TestProxy> {
  const policy = subset("", { connectionPool: { connectTimeoutMs: 10_000, ...http2KeepAlive } });
  const fields = {
    ports: [{ port: 80, protocol: "http2" as const }],
    service: { common: view({ clusters: [policy] }) },
  };
  return TestProxy.start({ file: CALLS_WEB, objects: webObjects([webAt(port)], fields) });
}

/** Longer than a machine stands still, which answers no PING then. */
const TIMEOUT_MS = 1_500;
const KEEP_ALIVE = { http2KeepAlive: { intervalMs: 100, timeoutMs: TIMEOUT_MS } };

it("a connection whose endpoint answers stays, idle or not", async () => {
  await using proxy = await proxyTo(network.port, KEEP_ALIVE);
  using client = new Http2Client(proxy.port("outbound"));
  let pings = 0;
  expect((await client.ask({ ":path": "/" })).status).toBe(200);
  for (const session of app.sessions) session.on("ping", () => pings++);
  // Beyond the end of a connection that answers none.
  const over = performance.now() + 2 * TIMEOUT_MS;
  await eventually(() => pings >= 3 && performance.now() > over);
  expect((await client.ask({ ":path": "/" })).status).toBe(200);
  expect([opened, closed]).toEqual([1, 0]);
});

it("an idle connection that leads nowhere is closed before a request meets it", async () => {
  await using proxy = await proxyTo(network.port, KEEP_ALIVE);
  using client = new Http2Client(proxy.port("outbound"));
  expect((await client.ask({ ":path": "/" })).status).toBe(200);
  losing = true;
  await eventually(() => closed === 1);
  expect((await client.ask({ ":path": "/" })).status).toBe(200);
  expect(opened).toBe(2);
});

it("a request on a connection that leads nowhere goes on another, or fails as by a reset", async () => {
  await using proxy = await proxyTo(network.port, KEEP_ALIVE);
  using client = new Http2Client(proxy.port("outbound"));
  expect((await client.ask({ ":path": "/" })).status).toBe(200);
  losing = true;
  const [read, written] = await Promise.all([
    client.ask({ ":path": "/" }),
    client.ask({ ":path": "/", ":method": "POST" }, "once"),
  ]);
  expect([read.status, written.status]).toEqual([200, 503]);
});
