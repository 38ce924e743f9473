import { once } from "node:events";
import { createServer, request as requestHttp1, type Server } from "node:http";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Http2App, Http2Client } from "../support/http2.ts";
import type { TestProxy } from "../support/proxy.ts";
import { ProxyPair } from "../support/proxy-pair.ts";
import { listen } from "../support/server.ts";

/** Backpressure from end to end: what a proxy holds while much passes, with somebody slow at one end. Anonymous memory, in MB. */
const GIGABYTE = 1 << 30;
const CHUNK = Buffer.alloc(64 * 1024, "x");
const LIMIT = 64;
/** A reader is slow for so long, then as fast as it can. */
const SLOW_MS = 3_000;
const address1 = "127.0.9.1";
const address2 = "127.0.9.2";
let app1: Server;
let app2: Http2App;
let pair1: ProxyPair;
let pair2: ProxyPair;

function* chunks(bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= CHUNK.length) yield CHUNK;
}
const gigabyte = () => Readable.from(chunks(GIGABYTE), { objectMode: false });

/** Reads to the end, slowly at first; resolves with the count of bytes. */
async function readSlowly(source: Readable): Promise<number> {
  const slowUntil = performance.now() + SLOW_MS;
  let received = 0;
  source.on("data", (bytes: Buffer) => {
    received += bytes.length;
    if (performance.now() > slowUntil) return;
    source.pause();
    setTimeout(() => source.resume(), 20);
  });
  await once(source, "end");
  return received;
}

beforeAll(async () => {
  app1 = createServer((request, response) => {
    if (request.method === "GET") {
      response.setHeader("content-length", GIGABYTE);
      gigabyte().pipe(response);
    } else void readSlowly(request).then((received) => response.end(String(received)));
  });
  app2 = await Http2App.start((stream, headers) => {
    stream.respond({ ":status": 200 });
    if (headers[":method"] === "GET") gigabyte().pipe(stream);
    else void readSlowly(stream).then((received) => stream.end(String(received)));
  }, "0.0.0.0");
  const port = await listen(app1, "0.0.0.0");
  pair1 = await ProxyPair.start({ address: address1, application: port, protocol: "http" });
  pair2 = await ProxyPair.start({ address: address2, application: app2.port, protocol: "http2" });
});
afterAll(async () => {
  for (const each of [pair1, pair2, app2]) await each?.[Symbol.asyncDispose]();
  app1?.closeAllConnections();
  app1?.close();
});

/** The most that any of the proxies held until `done`. */
async function most(proxies: readonly TestProxy[], done: Promise<unknown>): Promise<number> {
  let peak = 0;
  let over = false;
  const end = () => {
    over = true;
  };
  done.then(end, end);
  while (!over) {
    for (const each of proxies) peak = Math.max(peak, each.anonymousMegabytes());
    await sleep(50);
  }
  await done;
  if (process.env.WEFT_PRINT !== undefined) console.log(`${peak.toFixed(1)} MB at most`);
  return peak;
}

async function downloadHttp1(port: number): Promise<number> {
  const request = requestHttp1({ port, host: "127.0.0.1", headers: { host: "web" } });
  request.end();
  const [response] = (await once(request, "response")) as [Readable];
  return await readSlowly(response);
}

async function uploadHttp1(port: number): Promise<number> {
  const headers = { host: "web", "content-length": GIGABYTE };
  const request = requestHttp1({ port, host: "127.0.0.1", method: "POST", headers });
  gigabyte().pipe(request);
  const [response] = (await once(request, "response")) as [Readable];
  return Number((await response.toArray()).join(""));
}

async function downloadHttp2(port: number): Promise<number> {
  using client = new Http2Client(port);
  return await readSlowly(client.begin({ ":path": "/" }, true));
}

async function uploadHttp2(port: number): Promise<number> {
  using client = new Http2Client(port);
  const stream = client.begin({ ":path": "/", ":method": "POST" });
  gigabyte().pipe(stream);
  return Number((await stream.toArray()).join(""));
}

describe("a gigabyte", () => {
  it.each([
    ["HTTP/1.1, to a slow client", () => downloadHttp1(pair1.inboundPort), () => [pair1.server]],
    ["HTTP/1.1 by mutual TLS, to a slow client", () => downloadHttp1(pair1.port), () => both(pair1)],
    ["HTTP/1.1 by mutual TLS, to a slow server", () => uploadHttp1(pair1.port), () => both(pair1)],
    ["HTTP/2, to a slow client", () => downloadHttp2(pair2.inboundPort), () => [pair2.server]],
    ["HTTP/2 by mutual TLS, to a slow client", () => downloadHttp2(pair2.port), () => both(pair2)],
    ["HTTP/2 by mutual TLS, to a slow server", () => uploadHttp2(pair2.port), () => both(pair2)],
  ] satisfies [string, () => Promise<number>, () => TestProxy[]][])(
    `passes in less than ${LIMIT} MB: %s`,
    async (_name, transfer, proxies) => {
      const passed = transfer();
      const peak = await most(proxies(), passed);
      expect(await passed).toBe(GIGABYTE);
      expect(peak).toBeLessThan(LIMIT);
    },
    180_000,
  );
});

const both = (pair: ProxyPair) => [pair.client, pair.server];
