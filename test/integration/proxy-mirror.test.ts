import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  destination,
  endpoint,
  endpointsObject,
  entry,
  forward,
  indexObject,
  serviceObject,
  view,
  workloadObject,
} from "../../proxy/config/testdata.ts";
import { exchange, statusOf, TestClient } from "../support/client.ts";
import { answered, Http2App, Http2Client } from "../support/http2.ts";
import { eventually } from "../support/poll.ts";
import { TestProxy } from "../support/proxy.ts";
import { application, NOBODYS_PORT, ok, TestServer } from "../support/server.ts";
import { CALLS_WEB } from "../support/web.ts";

/** A real proxy that copies requests to applications that answer, that never read, and that are not there. */
const requests: string[] = [];
const copies: string[] = [];
let shadowAnswer: string | undefined;
const servers: TestServer[] = [];
/** More than two kernels hold on a connection's way. */
const LARGE = 32 * 1024 * 1024;
let proxy: TestProxy;
let outbound: number;

const mirror = (name: string, percent = 100) => {
  const { host, key, subset } = destination("demo", name);
  return { host, key, subset, percent };
};
const on = (path: string) => [
  { uri: { kind: "prefix" as const, value: path }, headers: [], withoutHeaders: [], queryParams: [] },
];

async function serve(connection: Parameters<typeof TestServer.start>[0]): Promise<number> {
  const server = await TestServer.start(connection);
  servers.push(server);
  return server.port;
}

beforeAll(async () => {
  const web = await serve(application(() => ok("hello"), requests));
  const shadow = await serve(application(() => shadowAnswer, copies));
  const deaf = await serve((socket) => socket.pause());
  // Counts what it gets, and answers when it has all of it.
  const sink = await serve((socket) => {
    let missing = LARGE;
    let begun = false;
    socket.on("data", (bytes) => {
      // The head may come by itself.
      const head = begun ? 0 : bytes.indexOf("\r\n\r\n") + 4;
      begun = true;
      missing -= bytes.length - head;
      if (missing === 0) socket.write(ok("got it all"));
    });
  });
  const ports = { web, shadow, deaf, sink, gone: NOBODYS_PORT };
  const names = Object.keys(ports);
  const to = forward(destination("demo", "web"));
  proxy = await TestProxy.start({
    file: CALLS_WEB,
    objects: [
      indexObject(
        "demo",
        names.map((name, at) => entry("demo", name, { addresses: [`10.0.0.${at + 1}`] })),
      ),
      serviceObject("demo", "web", {
        common: view({
          http: [
            { ...to, matches: on("/copy"), mirrors: [mirror("shadow")] },
            {
              ...to,
              matches: on("/edited"),
              mirrors: [mirror("shadow")],
              rewrite: { authority: "pay.example:8080" },
            },
            { ...forward(destination("demo", "sink")), matches: on("/deaf"), mirrors: [mirror("deaf")] },
            { ...to, matches: on("/gone"), mirrors: [mirror("gone"), mirror("nobody"), mirror("shadow")] },
            { ...to, matches: on("/limited"), mirrors: [mirror("shadow")], timeoutMs: 2_000 },
            { ...to, matches: on("/half"), mirrors: [mirror("shadow", 50)] },
          ],
        }),
      }),
      ...names.slice(1).map((name) => serviceObject("demo", name)),
      ...Object.entries(ports).map(([name, target]) =>
        endpointsObject("demo", name, [endpoint("127.0.0.1", { ports: [{ port: 80, target }] })]),
      ),
      workloadObject("demo", "client"),
    ],
  });
  outbound = proxy.port("outbound");
});
afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]();
  for (const server of servers) await server[Symbol.asyncDispose]();
});
beforeEach(() => {
  requests.length = 0;
  copies.length = 0;
  shadowAnswer = ok("ignored");
});

const ask = (path: string, rest = "\r\n", method = "GET") =>
  exchange(outbound, `${method} ${path} HTTP/1.1\r\nHost: web\r\n${rest}`);
const ended = (outcome: string) => proxy.metric("weft_mirrored_requests_total", { outcome });

describe("a mirrored request", () => {
  it("is copied with its body, under its own authority, and answered by its own application alone", async () => {
    const rest = "x-a: 1\r\nContent-Length: 5\r\n\r\nhello";
    const response = await ask("/copy/1", rest, "POST");
    expect(response.endsWith("\r\n\r\nhello")).toBe(true);
    await eventually(() => copies.length === 1);
    const withoutHost = (text = "") => text.replace(/host: [^\r]*\r\n/i, "");
    expect(withoutHost(copies[0])).toBe(withoutHost(requests[0]));
    expect(copies[0]).toContain("\r\nhost: web-shadow\r\n");
    expect(requests[0]).toContain("\r\nHost: web\r\n");
  });

  it("is copied as the route changed it", async () => {
    await ask("/edited/1");
    await eventually(() => copies.length === 1);
    expect(requests[0]).toContain("\r\nhost: pay.example:8080\r\n");
    expect(copies[0]).toContain("\r\nhost: pay.example-shadow:8080\r\n");
  });

  it("is copied chunk by chunk while it streams", async () => {
    using client = await TestClient.open(outbound);
    client.send("POST /copy/2 HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    await new Promise((resolve) => setTimeout(resolve, 50));
    client.send("2\r\nde\r\n0\r\nx-sum: 1\r\n\r\n");
    expect(statusOf(await client.responses(1))).toBe(200);
    await eventually(() => copies.length === 1);
    expect(copies[0]?.endsWith("\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nx-sum: 1\r\n\r\n")).toBe(true);
  });

  it("is copied on a connection that is used again", async () => {
    const before = await ended("answered");
    for (let count = 1; count <= 5; count++) {
      await ask(`/copy/again-${count}`);
      await eventually(async () => (await ended("answered")) === before + count);
    }
    expect(copies.map((copy) => copy.split(" ")[1])).toEqual([1, 2, 3, 4, 5].map((n) => `/copy/again-${n}`));
  });

  it("is not disturbed by copies that nobody takes", async () => {
    const failures = await ended("failed");
    expect(statusOf(await ask("/gone/1"))).toBe(200);
    await eventually(async () => (await ended("failed")) === failures + 1);
    await eventually(() => copies.length === 1);
  });

  it("is not held up by an endpoint that does not read its copy, which is given up", async () => {
    const slow = await ended("slow");
    const response = await ask("/deaf/1", `Content-Length: ${LARGE}\r\n\r\n${"x".repeat(LARGE)}`, "POST");
    expect(response.endsWith("got it all")).toBe(true);
    expect(await ended("slow")).toBe(slow + 1);
  });

  it("gives its copy as much time as its route has", async () => {
    shadowAnswer = undefined;
    const timeouts = await ended("timeout");
    expect(statusOf(await ask("/limited/1"))).toBe(200);
    await eventually(async () => (await ended("timeout")) === timeouts + 1);
  });

  it("is copied as often as it is to be", async () => {
    using client = await TestClient.open(outbound);
    const count = 400;
    for (let sent = 0; sent < count; sent++) client.send("GET /half/1 HTTP/1.1\r\nHost: web\r\n\r\n");
    await client.responses(count, 20_000);
    expect(requests).toHaveLength(count);
    // Binomial(400, 1/2): standard deviation 10; seven of them.
    await eventually(() => copies.length > count / 2 - 70);
    expect(copies.length).toBeLessThan(count / 2 + 70);
  });
});

describe("a mirrored request of HTTP/2", () => {
  const http2 = { ports: [{ port: 80, protocol: "http2" as const }] };
  const taken: { authority: string; body: string; trailers: unknown }[] = [];
  let apps: Http2App[] = [];
  let both: TestProxy;

  beforeAll(async () => {
    const web = await Http2App.start((stream) => {
      stream.respond({ ":status": 200 });
      stream.pipe(stream);
    });
    const shadow = await Http2App.start((stream, headers) => {
      const parts: Buffer[] = [];
      let trailers: unknown;
      stream.on("trailers", (received) => {
        trailers = received["x-sum"];
      });
      stream.on("data", (part: Buffer) => void parts.push(part));
      stream.on("end", () => {
        taken.push({
          authority: String(headers[":authority"]),
          body: String(Buffer.concat(parts)),
          trailers,
        });
        stream.respond({ ":status": 500 }, { endStream: true });
      });
    });
    apps = [web, shadow];
    const shadow1 = servers[1]?.port ?? 0;
    const at = (target: number) => [endpoint("127.0.0.1", { ports: [{ port: 80, target }] })];
    both = await TestProxy.start({
      file: CALLS_WEB,
      objects: [
        indexObject("demo", [
          entry("demo", "web", { addresses: ["10.0.0.1"], ...http2 }),
          entry("demo", "shadow2", http2),
          entry("demo", "shadow1"),
        ]),
        serviceObject("demo", "web", {
          common: view({
            http: [
              { ...forward(destination("demo", "web")), mirrors: [mirror("shadow2"), mirror("shadow1")] },
            ],
          }),
        }),
        serviceObject("demo", "shadow2"),
        serviceObject("demo", "shadow1"),
        endpointsObject("demo", "web", at(web.port)),
        endpointsObject("demo", "shadow2", at(shadow.port)),
        endpointsObject("demo", "shadow1", at(shadow1)),
        workloadObject("demo", "client"),
      ],
    });
  });
  afterAll(async () => {
    await both?.[Symbol.asyncDispose]();
    for (const app of apps) await app[Symbol.asyncDispose]();
  });

  it("is copied with body and trailers, in whichever version its mirrors speak", async () => {
    using client = new Http2Client(both.port("outbound"));
    const stream = client.session.request(
      { ":method": "POST", ":path": "/copy/h2", ":authority": "web" },
      { waitForTrailers: true },
    );
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "7" }));
    const answer = answered(stream);
    stream.write("hello ");
    await new Promise((resolve) => setTimeout(resolve, 50));
    stream.end("world");
    const { status, body } = await answer;
    expect([status, body.toString()]).toEqual([200, "hello world"]);
    await eventually(() => taken.length === 1 && copies.length === 1);
    expect(taken).toEqual([{ authority: "web-shadow", body: "hello world", trailers: "7" }]);
    expect(copies[0]).toContain("\r\nhost: web-shadow\r\n");
    // In however many chunks.
    const [, chunks = ""] = copies[0]?.split(/\r\n\r\n(.*)/s) ?? [];
    expect(chunks.replaceAll(/[0-9a-f]+\r\n([a-z ]+)\r\n/g, "$1")).toBe("hello world0\r\nx-sum: 7\r\n\r\n");
    await eventually(
      async () => (await both.metric("weft_mirrored_requests_total", { outcome: "answered" })) === 2,
    );
  });
});
