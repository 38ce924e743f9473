/** WebSockets over HTTP/2 (RFC 8441): a client's extended CONNECT becomes HTTP/1.1's upgrade between the proxies and behind them. */
import { once } from "node:events";
import type { ClientHttp2Stream, OutgoingHttpHeaders } from "node:http2";
import type { Socket } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { destination, forward, view, workloadObject } from "../../proxy/config/testdata.ts";
import { Http2Client } from "../support/http2.ts";
import { eventually } from "../support/poll.ts";
import { TestProxy } from "../support/proxy.ts";
import { ProxyPair } from "../support/proxy-pair.ts";
import { application, ok, type Respond, TestServer } from "../support/server.ts";
import { CALLS_WEB, inFrontOf, webAt, webObjects } from "../support/web.ts";

const address = "127.0.24.1";
const SWITCHED =
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
  "Sec-WebSocket-Accept: any\r\nSec-WebSocket-Protocol: chat\r\n\r\n";
const MEBIBYTE = 1024 * 1024;
const requests: string[] = [];
let answer: Respond = () => ok("hello");
let app: TestServer;
let pair: ProxyPair;

beforeAll(async () => {
  app = await TestServer.start(
    application((request, socket) => answer(request, socket), requests),
    address,
  );
  pair = await ProxyPair.start({ address, application: app.port, protocol: "http" });
});
afterAll(async () => {
  await pair?.[Symbol.asyncDispose]();
  await app?.[Symbol.asyncDispose]();
});
afterEach(() => {
  requests.length = 0;
});

/** Takes the WebSocket, and sends back what comes; half-closed, it says so. */
const echoing = (_request: string, socket: Socket): string => {
  socket.removeAllListeners("data");
  socket.removeAllListeners("end");
  socket.on("data", (data) => {
    if (!socket.write(data)) socket.pause();
  });
  socket.on("drain", () => socket.resume());
  socket.on("end", () => socket.end("bye"));
  return `${SWITCHED}first `;
};

async function extended(client: Http2Client, headers: OutgoingHttpHeaders = {}): Promise<ClientHttp2Stream> {
  const { session } = client;
  if (session.remoteSettings?.enableConnectProtocol !== true) await once(session, "remoteSettings");
  return client.begin({
    ":method": "CONNECT",
    ":protocol": "websocket",
    ":scheme": "http",
    ":path": "/chat?room=1",
    "sec-websocket-version": "13",
    ...headers,
  });
}

async function headOf(stream: ClientHttp2Stream): Promise<Record<string, unknown>> {
  const [head] = await once(stream, "response");
  return head;
}

/** What the stream says until it ends. */
async function heard(stream: ClientHttp2Stream): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

describe("a WebSocket of a client that speaks HTTP/2", () => {
  it.each([
    ["through both proxies", () => pair.port],
    ["through the server's alone", () => pair.inboundPort],
  ])("is HTTP/1.1's to the application, both ways with half-close (%s)", async (_name, port) => {
    answer = echoing;
    using client = new Http2Client(port());
    const stream = await extended(client, { "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==" });
    stream.write("early ");
    const head = await headOf(stream);
    expect(head).toMatchObject({ ":status": 200, "sec-websocket-protocol": "chat" });
    for (const name of ["sec-websocket-accept", "upgrade", "connection"])
      expect(head).not.toHaveProperty(name);
    const [request = ""] = requests;
    expect(request).toMatch(/^GET \/chat\?room=1 HTTP\/1\.1\r\nhost: web\r\n/);
    expect(request).toMatch(/\r\nupgrade: websocket\r\n/);
    expect(request).toMatch(/\r\nconnection: upgrade\r\n/);
    expect(request).toMatch(/\r\nsec-websocket-version: 13\r\n/);
    expect(request).not.toMatch(/content-length|transfer-encoding|AAAAAAAAAAAAAAAAAAAAAA==/i);
    const key = /\r\nsec-websocket-key: (\S+)\r\n/.exec(request)?.[1] ?? "";
    expect(Buffer.from(key, "base64")).toHaveLength(16);
    stream.end("late");
    expect(String(await heard(stream))).toBe("first early latebye");
    expect(stream.rstCode).toBe(0);
  });

  it("shares its connection with other requests, more than a window's bytes go through, and no key comes twice", async () => {
    answer = (request, socket) =>
      request.includes("upgrade: websocket") ? echoing(request, socket) : ok("hi");
    using client = new Http2Client(pair.port);
    const streams = await Promise.all([extended(client), extended(client), extended(client)]);
    const payload = Buffer.alloc(MEBIBYTE, "0123456789abcdef");
    const echoes = streams.map((stream) => heard(stream));
    for (const stream of streams) stream.end(payload);
    const plain = client.begin({ ":path": "/plain" }, true);
    expect(await headOf(plain)).toMatchObject({ ":status": 200 });
    plain.resume();
    for (const echo of await Promise.all(echoes)) {
      expect(echo.equals(Buffer.concat([Buffer.from("first "), payload, Buffer.from("bye")]))).toBe(true);
    }
    const keys = requests.flatMap((request) => /\r\nsec-websocket-key: (\S+)/.exec(request)?.[1] ?? []);
    expect(new Set(keys).size).toBe(3);
    await eventually(
      async () => (await pair.server.metric("weft_connections_open", { side: "inbound" })) <= 1,
    );
  });

  it("that ends with a reset on one side is reset on the other", async () => {
    let server: Socket | undefined;
    answer = (request, socket) => {
      server = socket;
      socket.on("error", () => {});
      return echoing(request, socket);
    };
    using client = new Http2Client(pair.port);
    const given = await extended(client);
    await headOf(given);
    const closed = new Promise((resolve) => server?.once("close", resolve));
    given.close(8);
    await closed;

    const lost = await extended(client);
    await headOf(lost);
    server?.resetAndDestroy();
    await once(lost, "close");
    expect(lost.rstCode).toBe(8);
  });

  it("that is refused is an ordinary answer, and the connection goes on", async () => {
    answer = () => "HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno";
    using client = new Http2Client(pair.port);
    const refused = await extended(client);
    expect(await headOf(refused)).toMatchObject({ ":status": 403 });
    expect(String(await heard(refused))).toBe("no");
    answer = () => ok("hello");
    const plain = client.begin({ ":path": "/" }, true);
    expect(await headOf(plain)).toMatchObject({ ":status": 200 });
    plain.resume();
  });

  it.each([
    ["a 200", () => ok("hello")],
    ["a 101 to something else", () => SWITCHED.replace("Upgrade: websocket", "Upgrade: h2c")],
  ])(
    "is none where the application answers with %s: the client would take it for one",
    async (_name, said) => {
      answer = said;
      using client = new Http2Client(pair.inboundPort);
      const stream = await extended(client);
      expect(await headOf(stream)).toMatchObject({ ":status": 502 });
      stream.resume();
    },
  );
});

describe("a WebSocket over HTTP/2 is judged as the GET that it becomes", () => {
  it("by routes: an answer of the proxy's own that says 200 opens nothing", async () => {
    const service = {
      common: view({
        http: [
          {
            ...forward(destination("demo", "web")),
            action: { kind: "directResponse", status: 200, body: "no tunnel" },
          },
        ],
      }),
    };
    await using proxy = await TestProxy.start({
      file: CALLS_WEB,
      objects: webObjects([webAt(app.port)], { ports: [{ port: 80, protocol: "http" }], service }),
    });
    using client = new Http2Client(proxy.port("outbound"));
    const stream = await extended(client);
    expect(await headOf(stream)).toMatchObject({ ":status": 502 });
    expect(String(await heard(stream))).toBe("no tunnel");
    expect(requests).toEqual([]);
  });

  it("by policies", async () => {
    const deny = {
      name: "no-chat",
      namespace: "demo",
      action: "DENY" as const,
      rules: [{ from: [], to: [{ paths: ["/chat"], methods: ["GET"] }], when: [] }],
    };
    const service = "web.demo.svc.cluster.local";
    await using proxy = await TestProxy.start({
      file: inFrontOf(app.port, address),
      objects: [
        workloadObject("demo", "web", {
          ports: [{ port: app.port, protocol: "http", mtls: "PERMISSIVE", service }],
          authorization: [deny],
        }),
      ],
    });
    answer = echoing;
    using client = new Http2Client(proxy.port("inbound"));
    const stream = await extended(client);
    expect(await headOf(stream)).toMatchObject({ ":status": 403 });
    expect(requests).toEqual([]);
    const other = await extended(client, { ":path": "/other" });
    expect(await headOf(other)).toMatchObject({ ":status": 200 });
    other.close();
  });
});

describe("an extended CONNECT", () => {
  it("to another protocol is answered with 501", async () => {
    using client = new Http2Client(pair.port);
    const stream = await extended(client, { ":protocol": "connect-udp" });
    expect(await headOf(stream)).toMatchObject({ ":status": 501 });
    expect(await pair.client.metric("weft_http_parse_errors_total", { reason: "protocol" })).toBe(1);
  });
});
