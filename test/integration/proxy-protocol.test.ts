/** The PROXY protocol in front of requests: a connection to the endpoint tells of one client's, and serves nobody else. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer as createHttp1, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttp2 } from "node:http2";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createServer as createTls, type Server as TlsServer } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createLeafWithKey, createRoot, readSigningKey } from "../../control/ca/certificates.ts";
import type { ClusterPolicy, Protocol } from "../../crds/service-config.ts";
import { subset, view } from "../../proxy/config/testdata.ts";
import { statusOf, TestClient } from "../support/client.ts";
import { answered, Http2Client } from "../support/http2.ts";
import { eventually } from "../support/poll.ts";
import { TestProxy } from "../support/proxy.ts";
import { NOBODYS_PORT, TestServer } from "../support/server.ts";
import { CALLS_WEB, webAt, webObjects } from "../support/web.ts";

const GET = "GET /x HTTP/1.1\r\nHost: web\r\n\r\n";
const DESTINATION = "10.0.0.1 80";
let app: TestServer;
/** What the application does. */
let speaks: Protocol = "http";
/** What each connection to the application began with, and how many requests came on it. */
const headers: { header: string; requests: number }[] = [];
const told = new WeakMap<object, (typeof headers)[number]>();

const V1 = /^PROXY TCP4 (\S+) (\S+) (\d+) (\d+)\r\n/;

function serve(request: IncomingMessage, response: ServerResponse): void {
  const row = told.get(request.socket);
  if (row !== undefined) row.requests++;
  response.end(row?.header ?? "nobody");
}

beforeAll(async () => {
  const http1 = createHttp1(serve);
  http1.keepAliveTimeout = 0;
  const http2 = createHttp2();
  http2.on("session", (session) => {
    session.on("stream", (stream) => {
      const row = told.get(session.socket) ?? headers.at(-1);
      if (row !== undefined) row.requests++;
      stream.respond({ ":status": 200 });
      stream.end(row?.header);
    });
  });
  app = await TestServer.start((socket: Socket) => {
    socket.once("data", (first: Buffer) => {
      const { header, rest } = introduction(first);
      const row = { header, requests: 0 };
      headers.push(row);
      told.set(socket, row);
      socket.pause();
      (speaks === "http2" ? http2 : http1).emit("connection", socket);
      if (rest.length > 0) socket.unshift(rest);
      socket.resume();
    });
  });
});
afterAll(async () => {
  await app?.[Symbol.asyncDispose]();
});

/** `SOURCE PORT DESTINATION PORT`, of either version, and what came behind it. */
function introduction(bytes: Buffer): { header: string; rest: Buffer } {
  const text = V1.exec(bytes.toString("latin1"));
  if (text !== null) {
    const [all, from, to, fromPort, toPort] = text;
    return { header: `V1 ${from} ${fromPort} ${to} ${toPort}`, rest: bytes.subarray(all.length) };
  }
  if (bytes.readUInt32BE(0) !== 0x0d0a0d0a) return { header: "none", rest: bytes };
  const address = (at: number) => [...bytes.subarray(at, at + 4)].join(".");
  const header = `V2 ${address(16)} ${bytes.readUInt16BE(24)} ${address(20)} ${bytes.readUInt16BE(26)}`;
  return { header, rest: bytes.subarray(28) };
}

async function start(version: "V1" | "V2", protocol: Protocol, endpoint = {}): Promise<TestProxy> {
  headers.length = 0;
  speaks = protocol;
  const clusters = [subset("", { proxyProtocol: version })];
  return TestProxy.start({
    file: CALLS_WEB,
    objects: webObjects([webAt(app.port, endpoint)], {
      ports: [{ port: 80, protocol }],
      service: { common: view({ clusters }) },
    }),
  });
}

async function ask(client: TestClient): Promise<string> {
  const before = client.received.length;
  client.send(GET);
  await client.until((text) => /\r\n\r\n(?:V[12] .*|none)$/.test(text.slice(before)));
  return client.received.slice(before).split("\r\n\r\n")[1] ?? "";
}

describe.each(["V1", "V2"] as const)("the PROXY protocol's %s", (version) => {
  it("tells of the client whose requests a connection serves, and of no other's", async () => {
    await using proxy = await start(version, "http");
    using one = await TestClient.open(proxy.port("outbound"), "127.0.0.1", "127.0.0.7");
    using other = await TestClient.open(proxy.port("outbound"), "127.0.0.1", "127.0.0.8");
    const introduced = (client: TestClient, from: string) =>
      `${version} ${from} ${client.socket.localPort} ${DESTINATION}`;
    for (let round = 0; round < 3; round++) {
      expect(await ask(one)).toBe(introduced(one, "127.0.0.7"));
      expect(await ask(other)).toBe(introduced(other, "127.0.0.8"));
    }
    expect(headers.map(({ requests }) => requests)).toEqual([3, 3]);
  });

  it("is said once for all requests of a client's connection of HTTP/2", async () => {
    await using proxy = await start(version, "http2");
    using client = new Http2Client(proxy.port("outbound"));
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => answered(client.begin({ ":path": "/x" }, true))),
    );
    const port = client.session.socket.localPort;
    for (const { body } of answers) expect(String(body)).toBe(`${version} 127.0.0.1 ${port} ${DESTINATION}`);
    expect(headers).toHaveLength(1);
  });
});

describe("the PROXY protocol", () => {
  it("keeps a bounded number of connections for clients that have left", async () => {
    await using proxy = await start("V1", "http");
    const before = app.sockets.length;
    for (let batch = 0; batch < 11; batch++) {
      const leaves = async (_: unknown, each: number) => {
        using client = await TestClient.open(
          proxy.port("outbound"),
          "127.0.0.1",
          `127.1.${batch}.${each + 1}`,
        );
        await ask(client);
      };
      await Promise.all(Array.from({ length: 100 }, leaves));
    }
    expect(headers).toHaveLength(1_100);
    await eventually(() => app.sockets.slice(before).filter(({ destroyed }) => !destroyed).length === 1_024);
  });

  it("is not sent to a peer's proxy, which would not understand it", async () => {
    await using proxy = await start("V1", "http", { mtls: true, identity: "spiffe://x/ns/a/sa/b" });
    using client = await TestClient.open(proxy.port("outbound"));
    client.send(GET);
    await client.until((text) => text.includes("\n\r\n"));
    expect(statusOf(client.received)).toBe(503);
    expect(headers).toEqual([]);
  });
});

describe("the PROXY protocol in front of TLS", () => {
  const name = "pay.example";
  const LARGE = 8 * 1024 * 1024;
  let tls: TlsServer;
  let secured: TestServer;
  /** The server goes away in place of a handshake. */
  let leaves = false;
  let roots: string;
  let proxy: TestProxy | undefined;

  beforeAll(async () => {
    const valid = { notBefore: Date.now() - 3_600_000, notAfter: Date.now() + 3_600_000 };
    const root = await createRoot("Outside Root", valid);
    roots = join(await mkdtemp(join(tmpdir(), "weft-roots-")), "roots.pem");
    await writeFile(roots, root.certificate);
    const { certificate: cert, key } = await createLeafWithKey(
      await readSigningKey(root),
      { dns: [name] },
      valid,
    );
    const http1 = createHttp1((request, response) => {
      let size = 0;
      request.on("data", (part: Buffer) => {
        size += part.length;
      });
      request.on("end", () => {
        response.setHeader("x-received", size);
        response.end(request.url === "/large" ? Buffer.alloc(LARGE, "x") : headers.at(-1)?.header);
      });
    });
    tls = createTls({ cert, key, allowHalfOpen: true, ALPNProtocols: ["http/1.1"] }, (socket) => {
      socket.on("error", () => {});
      if (socket.alpnProtocol === "http/1.1") http1.emit("connection", socket);
      else {
        // Opaque: an echo that says so when the client has said all.
        socket.on("data", (part) => void socket.write(part));
        socket.on("end", () => socket.end(" bye"));
      }
    });
    tls.on("tlsClientError", () => {});
    secured = await TestServer.start((socket: Socket) => {
      socket.once("data", (first: Buffer) => {
        const { header, rest } = introduction(first);
        headers.push({ header, requests: 0 });
        if (leaves) {
          socket.destroy();
          return;
        }
        socket.pause();
        if (rest.length > 0) socket.unshift(rest);
        tls.emit("connection", socket);
      });
    });
  });
  afterAll(async () => {
    await secured?.[Symbol.asyncDispose]();
    await rm(dirname(roots), { recursive: true });
  });
  afterEach(async () => {
    await proxy?.[Symbol.asyncDispose]();
  });

  async function startSecured(
    protocol: Protocol,
    fields: Partial<ClusterPolicy["tls"]> = {},
    at = secured.port,
  ): Promise<number> {
    headers.length = 0;
    const settings = {
      mode: "SIMPLE" as const,
      subjectAltNames: [],
      sni: name,
      caCertificates: roots,
      ...fields,
    };
    proxy = await TestProxy.start({
      file: CALLS_WEB,
      objects: webObjects([webAt(at)], {
        ports: [{ port: 80, protocol }],
        service: { common: view({ clusters: [subset("", { proxyProtocol: "V2", tls: settings })] }) },
      }),
    });
    return proxy.port("outbound");
  }

  it("is said before the handshake, for requests", async () => {
    using client = await TestClient.open(await startSecured("http"));
    for (let round = 0; round < 3; round++) {
      expect(await ask(client)).toBe(`V2 127.0.0.1 ${client.socket.localPort} ${DESTINATION}`);
    }
    expect(headers).toHaveLength(1);
  });

  it("leaves the connection as good as any: large bodies both ways, with a slow reader", async () => {
    using client = await TestClient.open(await startSecured("http"));
    client.send(`POST /large HTTP/1.1\r\nHost: web\r\nContent-Length: ${LARGE}\r\n\r\n${"y".repeat(LARGE)}`);
    await client.until((text) => text.includes("\r\n\r\n"));
    client.socket.pause();
    await new Promise((resolve) => setImmediate(resolve));
    client.socket.resume();
    await client.responses(1);
    const [head = "", body = ""] = client.received.split("\r\n\r\n");
    expect(head).toContain(`x-received: ${LARGE}`);
    expect(body).toBe("x".repeat(LARGE));
  });

  it("is said before the handshake of an opaque connection, with half-close behind it", async () => {
    using client = await TestClient.open(await startSecured("tcp"));
    const { localPort } = client.socket;
    client.send("hello");
    await client.until((text) => text === "hello");
    client.socket.end();
    expect(await client.closed()).toBe("end");
    expect(client.received).toBe("hello bye");
    expect(headers.map(({ header }) => header)).toEqual([`V2 127.0.0.1 ${localPort} ${DESTINATION}`]);
  });

  it("does not spare the server from being judged", async () => {
    using client = await TestClient.open(await startSecured("http", { sni: "other.example" }));
    client.send(GET);
    await client.until((text) => text.includes("expected other.example, found DNS:pay.example"));
    expect(statusOf(client.received)).toBe(503);
  });

  it("is followed by no request where the server leaves in the handshake", async () => {
    leaves = true;
    using client = await TestClient.open(await startSecured("http"));
    client.send(GET);
    await client.until((text) => text.includes("handshake"));
    leaves = false;
    expect(statusOf(client.received)).toBe(503);
    expect(headers.length).toBeGreaterThan(0);
  });

  it("reaches nobody where nobody listens", async () => {
    using client = await TestClient.open(await startSecured("http", {}, NOBODYS_PORT));
    client.send(GET);
    await client.until((text) => text.includes("ECONNREFUSED"));
    expect(statusOf(client.received)).toBe(503);
  });
});
