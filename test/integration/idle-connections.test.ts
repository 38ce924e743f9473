import type { Socket } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { mostIdleConnections } from "../../proxy/upstream/idle-connections.ts";
import { LIMITED } from "../support/bun.ts";
import { statusOf, TestClient } from "../support/client.ts";
import { eventually } from "../support/poll.ts";
import { ProxyPair } from "../support/proxy-pair.ts";
import { application, ok, TestServer } from "../support/server.ts";

/** What a burst of requests leaves in the proxy of who called: connections to the endpoint, by mutual TLS, that nobody uses. */
const address = "127.0.4.3";
const REQUESTS = 2_000;
/** Handshakes at a time. */
const AT_ONCE = 50;
const MOST = mostIdleConnections(Number(LIMITED.BUN_JSC_forceRAMSize));
const GET = "GET / HTTP/1.1\r\nHost: web\r\n\r\n";

/** Requests that are answered when all have come, so that each has a connection of its own all the way. */
const held: Socket[] = [];
let app: TestServer;
let pair: ProxyPair;

beforeAll(async () => {
  app = await TestServer.start(
    application((_request, socket) => {
      held.push(socket);
      return undefined;
    }),
    address,
  );
  pair = await ProxyPair.start({ address, application: app.port, protocol: "http" });
});
afterAll(async () => {
  for (const each of [pair, app]) await each?.[Symbol.asyncDispose]();
});

async function burst(): Promise<void> {
  held.length = 0;
  const clients: TestClient[] = [];
  for (let asked = 0; asked < REQUESTS; asked++) {
    await eventually(() => asked - held.length < AT_ONCE, 30_000);
    clients.push((await TestClient.open(pair.port)).send(GET));
  }
  await eventually(() => held.length === REQUESTS, 30_000);
  for (const socket of held) socket.write(ok("hello"));
  for (const each of clients) {
    expect(statusOf(await each.responses(1, 30_000))).toBe(200);
    each[Symbol.dispose]();
  }
}

const openAtServer = () => pair.server.metric("weft_connections_open", { side: "inbound" });
const ended = () => pair.client.metric("weft_idle_connections_ended_total");

it(`${REQUESTS} requests at a time leave as many connections as memory has room for, and serve the next as well`, async () => {
  const before = pair.client.anonymousMegabytes();
  await burst();
  const after = pair.client.anonymousMegabytes();
  console.log(
    `${after.toFixed(0)} MB, ${before.toFixed(0)} before, ${(((after - before) * 1024) / REQUESTS).toFixed(1)} KB a request`,
  );
  await eventually(async () => (await openAtServer()) === MOST, 10_000);
  expect(await ended()).toBe(REQUESTS - MOST);
  await burst();
  await eventually(async () => (await openAtServer()) === MOST, 10_000);
  expect(await ended()).toBe(2 * (REQUESTS - MOST));
}, 240_000);
