import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, request, type Server } from "node:http";
import { connect } from "node:net";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ProxyPair } from "../support/proxy-pair.ts";
import { listen, TestServer } from "../support/server.ts";

/** The proxy gives the memory of a read back as soon as it is handed on: what arrives must be what was sent, byte by byte. */
const CONTENT = randomBytes(24 << 20);
const DIGEST = digest([CONTENT]);
const AT_ONCE = 4;
const httpAddress = "127.0.10.1";
const tcpAddress = "127.0.10.2";
let app: Server;
let echo: TestServer;
let http: ProxyPair;
let tcp: ProxyPair;

function digest(parts: readonly Buffer[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

function* pieces(bytes: number): Generator<Buffer> {
  for (let at = 0; at < CONTENT.length; at += bytes) yield CONTENT.subarray(at, at + bytes);
}
const content = (bytes: number) => Readable.from(pieces(bytes), { objectMode: false });

/** Reads to the end, standing still now and then when `slowly`. */
async function read(source: Readable, slowly: boolean): Promise<string> {
  const hash = createHash("sha256");
  let parts = 0;
  source.on("data", (part: Buffer) => {
    hash.update(part);
    if (!slowly || ++parts % 16 > 0) return;
    source.pause();
    setTimeout(() => source.resume(), 5);
  });
  await once(source, "end");
  return hash.digest("hex");
}

beforeAll(async () => {
  app = createServer((asked, response) => {
    if (asked.url === "/length") response.setHeader("content-length", CONTENT.length);
    if (asked.url === "/close") {
      response.useChunkedEncodingByDefault = false;
      response.setHeader("connection", "close");
    }
    if (asked.method === "POST") void read(asked, false).then((found) => response.end(found));
    else content(200_000).pipe(response);
  });
  echo = await TestServer.start((socket) => void socket.pipe(socket), "0.0.0.0");
  const port = await listen(app, "0.0.0.0");
  http = await ProxyPair.start({ address: httpAddress, application: port, protocol: "http" });
  tcp = await ProxyPair.start({ address: tcpAddress, application: echo.port, protocol: "tcp" });
});
afterAll(async () => {
  for (const each of [http, tcp, echo]) await each?.[Symbol.asyncDispose]();
  app?.closeAllConnections();
  app?.close();
});

async function download(port: number, path: string, slowly: boolean): Promise<string> {
  const asked = request({ port, host: "127.0.0.1", path, headers: { host: "web" } });
  asked.end();
  const [response] = (await once(asked, "response")) as [Readable];
  return await read(response, slowly);
}

async function upload(port: number): Promise<string> {
  const headers = { host: "web", "content-length": CONTENT.length };
  const asked = request({ port, host: "127.0.0.1", method: "POST", headers });
  content(100_000).pipe(asked);
  const [response] = (await once(asked, "response")) as [Readable];
  return (await response.toArray()).join("");
}

async function echoed(port: number, slowly: boolean): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  content(300_000).pipe(socket);
  return await read(socket, slowly);
}

/** As each of several clients at once sees it, every other one of them slow. */
async function together(transfer: (slowly: boolean) => Promise<string>): Promise<string[]> {
  return await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => transfer(i % 2 === 1)));
}

describe("content passes as it is", () => {
  it.each([
    ["a response with a length", (slowly) => download(http.inboundPort, "/length", slowly)],
    ["a response in chunks", (slowly) => download(http.inboundPort, "/chunks", slowly)],
    ["a response that ends with its connection", (slowly) => download(http.inboundPort, "/close", slowly)],
    ["a response by mutual TLS", (slowly) => download(http.port, "/length", slowly)],
    ["a response in chunks by mutual TLS", (slowly) => download(http.port, "/chunks", slowly)],
    ["a request", () => upload(http.inboundPort)],
    ["a request by mutual TLS", () => upload(http.port)],
    ["opaque bytes both ways", (slowly) => echoed(tcp.inboundPort, slowly)],
    ["opaque bytes both ways by mutual TLS", (slowly) => echoed(tcp.port, slowly)],
  ] satisfies [string, (slowly: boolean) => Promise<string>][])("%s", async (_name, transfer) => {
    expect(await together(transfer)).toEqual(Array.from({ length: AT_ONCE }, () => DIGEST));
  });
});
