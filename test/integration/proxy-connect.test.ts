/** CONNECT through a client's and a server's proxy: a tunnel once the server has answered 2xx, and what is refused. */
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import type { Socket } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { endpoint, workloadObject } from "../../proxy/config/testdata.ts";
import { exchange, statusOf, TestClient } from "../support/client.ts";
import { eventually } from "../support/poll.ts";
import { TestProxy } from "../support/proxy.ts";
import { application, ok, type Respond, TestServer } from "../support/server.ts";
import { CALLS_WEB, webObjects } from "../support/web.ts";
import { TestAuthority } from "../support/workload-identity.ts";

const serverAddress = "127.0.23.1";
const CONNECT = "CONNECT far.example:443 HTTP/1.1\r\nHost: far.example:443\r\n\r\n";
const ESTABLISHED = "HTTP/1.1 200 Connection established\r\n\r\n";
const GET = "GET /x HTTP/1.1\r\nHost: web\r\n\r\n";
const requests: string[] = [];
let answer: Respond = () => ok("hello");
let app: TestServer;
let server: TestProxy;
let client: TestProxy;

beforeAll(async () => {
  const authority = await TestAuthority.create();
  app = await TestServer.start(
    application((request, socket) => answer(request, socket), requests),
    serverAddress,
  );
  const identity = await authority.issue("web");
  server = await TestProxy.start({
    file: { mutual: `${serverAddress}:15008`, admin: "127.0.0.1:0" },
    identity,
    objects: workload(),
  });
  const web = endpoint(serverAddress, {
    ports: [{ port: 80, target: app.port }],
    mtls: true,
    identity: identity.id,
    workload: "web",
  });
  client = await TestProxy.start({
    file: CALLS_WEB,
    identity: await authority.issue("client"),
    objects: webObjects([web]),
  });
});
afterAll(async () => {
  for (const each of [client, server, app]) await each?.[Symbol.asyncDispose]();
});
afterEach(() => {
  requests.length = 0;
  answer = () => ok("hello");
});

function workload(fields: Partial<Parameters<typeof workloadObject>[2]> = {}) {
  return [
    workloadObject("demo", "web", {
      mtls: "STRICT",
      ports: [{ port: app.port, protocol: "http", mtls: "STRICT", service: "web.demo.svc.cluster.local" }],
      ...fields,
    }),
  ];
}

/** Answers a CONNECT with `head`, and sends back what comes through the tunnel behind it; half-closed, it says so. */
const tunnelled = (head: string) => (_request: string, socket: Socket) => {
  socket.removeAllListeners("data");
  socket.removeAllListeners("end");
  socket.on("data", (data) => socket.write(`echo ${String(data)}`));
  socket.on("end", () => socket.end("bye"));
  return head;
};

describe("a CONNECT that its server answers with 2xx", () => {
  it.each([
    ["HTTP/1.1", ESTABLISHED],
    ["HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\n"],
    ["204", "HTTP/1.1 204 No Content\r\n\r\n"],
  ])("becomes a tunnel both ways with half-close (%s)", async (_name, head) => {
    answer = tunnelled(`${head}first `);
    const before = await server.metric("istio_requests_total", { reporter: "destination" });
    using caller = await TestClient.open(client.port("outbound"));
    await caller.send(CONNECT).until((text) => text.endsWith("first "));
    expect(caller.received).toMatch(/^HTTP\/1\.1 20[04] [^\r]*\r\n/);
    expect(requests[0]).toMatch(/^CONNECT far\.example:443 HTTP\/1\.1\r\nHost: far\.example:443\r\n/);
    await caller.send("\0\x16raw").until((text) => text.endsWith("echo \0\x16raw"));
    caller.socket.end();
    expect(await caller.closed()).toBe("end");
    expect(caller.received.endsWith("bye")).toBe(true);
    expect(await server.metric("istio_requests_total", { reporter: "destination" })).toBe(before + 1);
    await eventually(async () => (await client.metric("weft_connections_open", { side: "outbound" })) === 0);
  });

  it("has told its server nothing that was sent before the answer, and everything after", async () => {
    let release = () => {};
    answer = (request, socket) => {
      const head = tunnelled(ESTABLISHED)(request, socket);
      release = () => socket.write(head);
      return undefined;
    };
    using caller = await TestClient.open(client.port("outbound"));
    caller.send(`${CONNECT}GET /early HTTP/1.1\r\nHost: web\r\n\r\n`);
    await eventually(() => requests.length === 1);
    release();
    await caller.until((text) => text.includes("echo GET /early"));
    expect(requests).toHaveLength(1);
  });
});

describe("a CONNECT over HTTP/2", () => {
  it("becomes a tunnel on its stream, beside other requests and refusals", async () => {
    answer = (request, socket) => {
      if (request.startsWith("GET")) return ok("hello");
      if (request.includes("near"))
        return "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 2\r\n\r\nno";
      return tunnelled(`${ESTABLISHED}first `)(request, socket);
    };
    const session = connectHttp2(`http://127.0.0.1:${client.port("outbound")}`);
    const begin = async (headers: Record<string, string>) => {
      const stream = session.request(headers, { endStream: headers[":method"] === undefined });
      const [head] = await once(stream, "response");
      return { stream, status: head[":status"] };
    };
    const far = await begin({ ":method": "CONNECT", ":authority": "far.example:443" });
    expect(far.status).toBe(200);
    expect(requests[0]).toMatch(/^CONNECT far\.example:443 HTTP\/1\.1\r\nhost: far\.example:443\r\n/);
    expect(requests[0]).not.toMatch(/transfer-encoding|content-length/);
    const near = await begin({ ":method": "CONNECT", ":authority": "near.example:443" });
    expect(near.status).toBe(407);
    const plain = await begin({ ":path": "/x", ":authority": "web" });
    expect(plain.status).toBe(200);
    far.stream.end("\0raw");
    const parts: Buffer[] = [];
    for await (const part of far.stream) parts.push(part as Buffer);
    expect(String(Buffer.concat(parts))).toBe("first echo \0rawbye");
    session.destroy();
  });
});

describe("a CONNECT that its server refuses", () => {
  it("is an ordinary answer, and what came behind it is no request", async () => {
    answer = () => "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 2\r\n\r\nno";
    using caller = await TestClient.open(client.port("outbound"));
    caller.send(CONNECT + GET);
    expect(await caller.closed()).toBe("end");
    expect(statusOf(caller.received)).toBe(407);
    expect(caller.received).toContain("connection: close\r\n");
    expect(requests).toHaveLength(1);
  });

  it.each(["content-length: 0\r\n\r\n", "transfer-encoding: chunked\r\n\r\n0\r\n\r\n"])(
    "by answering as to any request (%j) is no tunnel to further requests",
    async (framing) => {
      answer = () => `HTTP/1.1 200 OK\r\n${framing}`;
      using caller = await TestClient.open(client.port("outbound"));
      caller.send(`${CONNECT}GET /admin HTTP/1.1\r\nHost: web\r\n\r\n`);
      expect(await caller.closed()).toBe("end");
      expect(statusOf(caller.received)).toBe(502);
      expect(requests).toHaveLength(1);
    },
  );
});

describe("a CONNECT that the proxy refuses", () => {
  it.each([
    ["target", "CONNECT /x HTTP/1.1\r\nHost: web\r\n\r\n"],
    ["target", "CONNECT far.example HTTP/1.1\r\nHost: far.example\r\n\r\n"],
    ["connect_body", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 2\r\n\r\nhi"],
    ["connect_body", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["connect_host", "CONNECT a:1 HTTP/1.1\r\nHost: web\r\n\r\n"],
  ])("says why: %s", async (reason, request) => {
    const counted = () => client.metric("weft_http_parse_errors_total", { reason });
    const before = await counted();
    const received = await exchange(client.port("outbound"), request);
    expect(statusOf(received)).toBe(400);
    expect(received).toContain(`\r\n\r\n${reason}: `);
    expect(requests).toEqual([]);
    expect(await counted()).toBe(before + 1);
  });

  it("is one to a port whose requests policies judge", async () => {
    const changes = await server.metric("weft_config_changes_total");
    await server.configure(
      workload({
        authorization: [
          {
            name: "no-admin",
            namespace: "demo",
            action: "DENY",
            rules: [{ from: [], to: [{ paths: ["/admin*"] }], when: [] }],
          },
        ],
      }),
    );
    await eventually(async () => (await server.metric("weft_config_changes_total")) > changes);
    answer = tunnelled(ESTABLISHED);
    const received = await exchange(client.port("outbound"), CONNECT);
    expect(statusOf(received)).toBe(403);
    expect(received).toContain("declare the port as tcp");
    expect(requests).toEqual([]);
    answer = () => ok("hello");
    expect(statusOf(await exchange(client.port("outbound"), GET))).toBe(200);
  });
});
