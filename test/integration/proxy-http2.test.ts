import { once } from "node:events";
import { createServer as createHttp1, request as requestHttp1, type Server } from "node:http";
import type { ServerHttp2Stream } from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Protocol } from "../../crds/service-config.ts";
import { type CompiledJson, subset, view } from "../../proxy/config/testdata.ts";
import { answered, Http2App, Http2Client } from "../support/http2.ts";
import { eventually } from "../support/poll.ts";
import { TestProxy } from "../support/proxy.ts";
import { ProxyPair } from "../support/proxy-pair.ts";
import { listen } from "../support/server.ts";
import { CALLS_WEB, webAt, webObjects } from "../support/web.ts";

let app2: Http2App;
let app1: Server;
let port1: number;
let auto: ProxyPair;
let toHttp1: ProxyPair;
let toHttp2: ProxyPair;

/** What each path of the application does. */
const paths: Readonly<Record<string, (stream: ServerHttp2Stream) => void>> = {
  "/echo": (stream) => {
    stream.respond({ ":status": 200, "x-answer": "yes" });
    stream.pipe(stream);
  },
  "/trailers": (stream) => {
    let received: unknown = {};
    stream.on("trailers", (trailers) => {
      received = trailers["x-checksum"];
    });
    stream.resume().on("end", () => {
      stream.respond({ ":status": 200 }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "x-received": String(received) }));
      stream.end("body");
    });
  },
  "/hints": (stream) => {
    stream.additionalHeaders({ ":status": 103, link: "</style.css>" });
    stream.respond({ ":status": 200 }, { endStream: true });
  },
  "/reset": (stream) => {
    stream.respond({ ":status": 200 });
    stream.write("some");
    setTimeout(() => stream.destroy(new Error("given up")), 20);
  },
  "/reset-early": (stream) => {
    resetEarly++;
    stream.destroy(new Error("given up"));
  },
  "/refuse": (stream) => {
    stream.respond({ ":status": 413 }, { endStream: true });
  },
  "/hang": () => {
    hanging++;
  },
  "/grpc": (stream) => {
    stream.resume();
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "5", "grpc-message": "none" }));
    stream.end();
  },
};
const cancelled: number[] = [];
let resetEarly = 0;
let hanging = 0;

function serve(stream: ServerHttp2Stream, headers: Record<string, unknown>): void {
  stream.on("close", () => {
    if (stream.rstCode !== 0) cancelled.push(stream.rstCode);
  });
  const path = String(headers[":path"]);
  const act = paths[path];
  if (act !== undefined) act(stream);
  else {
    stream.respond({ ":status": 200, "content-type": "application/json" });
    stream.end(JSON.stringify(headers));
  }
}

beforeAll(async () => {
  // Every address of the loopback is theirs: each pair of proxies has one of its own.
  app2 = await Http2App.start(serve, "0.0.0.0");
  app1 = createHttp1((request, response) => {
    const parts: Buffer[] = [];
    request
      .on("data", (part: Buffer) => void parts.push(part))
      .on("end", () => {
        const { method, url, headers, trailers, httpVersion } = request;
        const { length } = Buffer.concat(parts);
        response.setHeader("trailer", "x-sum");
        response.write(JSON.stringify({ method, url, headers, trailers, httpVersion, length }));
        response.addTrailers({ "x-sum": "3" });
        response.end();
      });
  });
  port1 = await listen(app1, "0.0.0.0");
  const pair = (address: string, application: number, protocol: Protocol) =>
    ProxyPair.start({ address, application, protocol });
  auto = await pair("127.0.7.1", app2.port, "auto");
  toHttp1 = await pair("127.0.7.2", port1, "http");
  toHttp2 = await pair("127.0.7.3", app2.port, "http2");
});
afterAll(async () => {
  for (const each of [auto, toHttp1, toHttp2, app2]) await each?.[Symbol.asyncDispose]();
  app1?.closeAllConnections();
  app1?.close();
});

/** A proxy without mutual TLS in front of applications; `objects` changes its configuration. */
function alone(
  ports: readonly number[],
  protocol: Protocol,
  fields: { readonly pool?: object; readonly objects?: CompiledJson[] } = {},
): Promise<TestProxy> {
  const policy = subset("", { connectionPool: { connectTimeoutMs: 10_000, ...fields.pool } });
  return TestProxy.start({
    file: CALLS_WEB,
    objects: webObjects(
      ports.map((port) => webAt(port)),
      {
        ports: [{ port: 80, protocol }],
        service: { common: view({ clusters: [policy] }) },
        client: { telemetry: { accessLog: true } },
      },
    ),
  });
}

/** A request of HTTP/1.1 with a chunked body. */
async function askHttp1(port: number, path: string, body = "", trailers: Record<string, string> = {}) {
  const request = requestHttp1({ port, host: "127.0.0.1", path, method: body === "" ? "GET" : "POST" });
  request.setHeader("host", "web");
  if (body !== "") {
    request.setHeader("transfer-encoding", "chunked");
    request.write(body);
    request.addTrailers(trailers);
  }
  request.end();
  request.on("error", () => {});
  const [response] = (await once(request, "response")) as [import("node:http").IncomingMessage];
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  return {
    status: response.statusCode,
    headers: response.headers,
    body: String(Buffer.concat(parts)),
    trailers: response.trailers,
  };
}

describe("a request of HTTP/2", () => {
  it("goes through both proxies as HTTP/2, and the application learns who calls", async () => {
    using client = new Http2Client(auto.port);
    const { status, body } = await client.ask({ ":path": "/who?x=y", "x-own": "1", cookie: "a=1; b=2" });
    const headers = JSON.parse(body.toString()) as Record<string, string>;
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      ":path": "/who?x=y",
      ":authority": "web",
      "x-own": "1",
      cookie: "a=1; b=2",
    });
    expect(headers["x-forwarded-client-cert"]).toContain("URI=spiffe://cluster.local/ns/demo/sa/client");
    expect(headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers["x-weft-peer"]).toBeUndefined();
    expect(
      await auto.server.metric("istio_requests_total", { source_workload: "client", response_code: "200" }),
    ).toBeGreaterThan(0);
  });

  it("carries bodies both ways, whatever their size", async () => {
    using client = new Http2Client(auto.port);
    for (const size of [0, 1, 16_384, 65_535, 3_000_000]) {
      const body = Buffer.alloc(size, "abc");
      const answer = await client.ask({ ":method": "POST", ":path": "/echo" }, body);
      expect(answer.body.equals(body)).toBe(true);
      expect(answer.headers["x-answer"]).toBe("yes");
    }
  });

  it("carries trailers both ways, and hints before the response", async () => {
    using client = new Http2Client(auto.port);
    const answer = await client.ask({ ":method": "POST", ":path": "/trailers" }, "x", { "x-checksum": "7" });
    expect(answer).toMatchObject({ status: 200, trailers: { "x-received": "7" }, reset: 0 });
    expect((await client.ask({ ":path": "/hints" })).informational).toEqual([103]);
  });

  it("streams both ways at the same time", async () => {
    using client = new Http2Client(auto.port);
    const stream = client.begin({ ":method": "POST", ":path": "/echo" });
    const received: string[] = [];
    stream.on("data", (part: Buffer) => void received.push(part.toString()));
    for (const word of ["one", "two", "three"]) {
      stream.write(word);
      await eventually(() => received.join("").endsWith(word));
    }
    stream.end();
    await once(stream, "close");
    expect(received.join("")).toBe("onetwothree");
  });

  it("is one of a thousand at once on a connection, and each gets its own answer", async () => {
    using client = new Http2Client(auto.port);
    const answers = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) =>
        client.ask({ ":method": "POST", ":path": "/echo" }, `body ${index}`),
      ),
    );
    expect(answers.map(({ body }) => body.toString())).toEqual(
      Array.from({ length: 1_000 }, (_, index) => `body ${index}`),
    );
  });

  it("that its client cancels is cancelled at the application", async () => {
    using client = new Http2Client(auto.port);
    cancelled.length = 0;
    hanging = 0;
    const streams = Array.from({ length: 10 }, () => client.begin({ ":path": "/hang" }, true));
    await eventually(() => hanging === 10);
    for (const stream of streams) stream.close(8);
    await eventually(() => cancelled.length === 10);
    expect(cancelled.every((code) => code === 8)).toBe(true);
    expect((await client.ask({ ":path": "/who" })).status).toBe(200);
  });

  it("that the application resets is reset at the client, with its reason", async () => {
    using client = new Http2Client(auto.port);
    const answer = await client.ask({ ":path": "/reset" });
    expect(answer).toMatchObject({ status: 200, reset: 2 });
    expect((await client.ask({ ":path": "/reset-early" })).status).toBe(503);
    expect((await client.ask({ ":path": "/who" })).status).toBe(200);
  });

  it("that the application resets before it answers was seen by it, and is not sent again", async () => {
    using client = new Http2Client(auto.port);
    await client.ask({ ":path": "/who" });
    resetEarly = 0;
    expect((await client.ask({ ":path": "/reset-early" })).status).toBe(503);
    expect(resetEarly).toBe(1);
  });

  it("that is answered before its body is whole ends there, and the connection goes on", async () => {
    using client = new Http2Client(auto.port);
    const stream = client.begin({ ":method": "POST", ":path": "/refuse" });
    stream.write(Buffer.alloc(10_000));
    expect(await answered(stream)).toMatchObject({ status: 413, reset: 0 });
    expect((await client.ask({ ":path": "/who" })).status).toBe(200);
  });

  it("is balanced by itself, not with its connection", async () => {
    const hits = [0, 0];
    const start = (which: number) =>
      Http2App.start((stream) => {
        hits[which] = (hits[which] ?? 0) + 1;
        stream.respond({ ":status": 200 }, { endStream: true });
      });
    await using first = await start(0);
    await using second = await start(1);
    await using proxy = await alone([first.port, second.port], "http2");
    using client = new Http2Client(proxy.port("outbound"));
    await Promise.all(Array.from({ length: 40 }, () => client.ask({ ":path": "/" })));
    expect(hits).toEqual([20, 20]);
    await eventually(() => proxy.output.split("\n").length > 40);
    expect(proxy.output).toContain('"GET / HTTP/2" 200');
  });

  it("to an application of HTTP/1.1 gets what HTTP/1.1 has", async () => {
    using client = new Http2Client(toHttp1.port);
    const posted = await client.ask({ ":method": "POST", ":path": "/a?b" }, "12345", { "x-checksum": "7" });
    const seen = JSON.parse(posted.body.toString()) as Record<string, Record<string, string>>;
    expect(seen).toMatchObject({ method: "POST", url: "/a?b", length: 5, httpVersion: "1.1" });
    expect(seen.headers).toMatchObject({ host: "web", "transfer-encoding": "chunked" });
    expect(seen.trailers).toEqual({ "x-checksum": "7" });
    expect(posted).toMatchObject({ status: 200, trailers: { "x-sum": "3" }, reset: 0 });
    expect(posted.headers["transfer-encoding"]).toBeUndefined();
    const got = JSON.parse(String((await client.ask({ ":path": "/" })).body)) as typeof seen;
    expect(got.headers?.["transfer-encoding"]).toBeUndefined();
  });
});

describe("a request of HTTP/1.1", () => {
  it("to an application of HTTP/2 is sent as HTTP/2, body and trailers too", async () => {
    const answer = await askHttp1(toHttp2.port, "/trailers", "hello", { "x-checksum": "9" });
    expect(answer).toMatchObject({ status: 200, body: "body", trailers: { "x-received": "9" } });
    expect(answer.headers["transfer-encoding"]).toBe("chunked");
    const plain = await askHttp1(toHttp2.port, "/who");
    expect(JSON.parse(plain.body)).toMatchObject({ ":authority": "web", ":method": "GET" });
    expect((await askHttp1(toHttp2.port, "/echo", "x".repeat(300_000))).body).toHaveLength(300_000);
  });

  it("is upgraded where the policy says so, and not where it wants the client's version", async () => {
    await using upgraded = await alone([app2.port], "http", { pool: { h2UpgradePolicy: "UPGRADE" } });
    expect((await askHttp1(upgraded.port("outbound"), "/hints")).status).toBe(200);
    await using own = await alone([port1], "http2", { pool: { useClientProtocol: true } });
    expect(JSON.parse((await askHttp1(own.port("outbound"), "/")).body)).toMatchObject({
      httpVersion: "1.1",
    });
  });

  it("gets a broken connection for a response that HTTP/2 broke off", async () => {
    await expect(askHttp1(toHttp2.port, "/reset")).rejects.toThrow();
  });
});

describe("a body of HTTP/2", () => {
  const LARGE = 200_000_000;

  it("from a fast application to a slow client does not gather in the proxies", async () => {
    await using app = await Http2App.start((stream) => {
      stream.respond({ ":status": 200 });
      const chunk = Buffer.alloc(1_000_000);
      let left = LARGE;
      const more = () => {
        while (left > 0) {
          left -= chunk.length;
          if (!stream.write(chunk)) return void stream.once("drain", more);
        }
        stream.end();
      };
      more();
    }, "127.0.7.4");
    await using pair = await ProxyPair.start({
      address: "127.0.7.4",
      application: app.port,
      protocol: "http2",
    });
    const before = [pair.client.anonymousMegabytes(), pair.server.anonymousMegabytes()];
    using client = new Http2Client(pair.port);
    const slow = client.begin({ ":path": "/" }, true);
    slow.pause();
    await sleep(500);
    // Others on the same connection are not held back by it.
    using other = new Http2Client(pair.port);
    const beside = other.begin({ ":path": "/" }, true);
    await once(beside, "data");
    beside.close(8);
    expect(pair.client.anonymousMegabytes() - (before[0] ?? 0)).toBeLessThan(24);
    expect(pair.server.anonymousMegabytes() - (before[1] ?? 0)).toBeLessThan(24);
    let received = 0;
    slow.on("data", (part: Buffer) => {
      received += part.length;
    });
    slow.resume();
    await once(slow, "end");
    expect(received).toBe(LARGE);
  });
});

describe("gRPC", () => {
  const headers = { ":method": "POST", ":path": "/grpc", "content-type": "application/grpc", te: "trailers" };

  it("has its status in trailers, and in the metrics of both proxies", async () => {
    using client = new Http2Client(toHttp2.port);
    const answer = await client.ask(headers, Buffer.alloc(5));
    expect(answer).toMatchObject({ status: 200, trailers: { "grpc-status": "5", "grpc-message": "none" } });
    const labels = { request_protocol: "grpc", grpc_response_status: "5", response_code: "200" };
    for (const proxy of [toHttp2.client, toHttp2.server]) {
      expect(await proxy.metric("istio_requests_total", labels)).toBe(1);
    }
  });

  it("is told in its own terms what the proxy itself has to say", async () => {
    await using none = await alone([], "grpc");
    using client = new Http2Client(none.port("outbound"));
    const answer = await client.ask(headers, Buffer.alloc(5));
    expect(answer.headers).toMatchObject({
      ":status": 200,
      "grpc-status": "14",
      "content-type": "application/grpc",
    });
    expect(answer.headers["grpc-message"]).toContain("no healthy upstream");
    expect(answer.body).toHaveLength(0);
    expect(
      await none.metric("istio_requests_total", { grpc_response_status: "14", response_flags: "UH" }),
    ).toBe(1);
  });

  it("takes no longer than its client says", async () => {
    await using proxy = await alone([app2.port], "grpc");
    using client = new Http2Client(proxy.port("outbound"));
    const started = performance.now();
    const answer = await client.ask(
      { ...headers, ":path": "/hang", "grpc-timeout": "200m" },
      Buffer.alloc(5),
    );
    expect(answer.headers["grpc-status"]).toBe("14");
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

describe("a connection of HTTP/2", () => {
  it("to an endpoint that goes away is replaced without a request lost", async () => {
    await using app = await Http2App.start(serve);
    await using proxy = await alone([app.port], "http2");
    using client = new Http2Client(proxy.port("outbound"));
    for (let round = 0; round < 5; round++) {
      const asked = Array.from({ length: 50 }, () =>
        client.ask({ ":method": "POST", ":path": "/echo" }, "x"),
      );
      for (const session of app.sessions) session.close();
      const failures = (await Promise.all(asked)).filter(({ status }) => status !== 200);
      expect(failures.map(({ body }) => body.toString())).toEqual([]);
    }
  });

  it.each([
    ["the endpoint allows fewer streams", {}, 100],
    ["the endpoint allows one stream", {}, 1],
    ["the policy allows few requests on one", { maxRequestsPerConnection: 7 }, 100],
    ["the policy allows few streams on one", { maxConcurrentStreams: 9 }, 100],
  ])("is not the only one when %s than there are requests", async (_why, pool, allowed) => {
    let most = 0;
    await using app = await Http2App.start(
      (stream) => {
        most = Math.max(most, app.sessions.size);
        setTimeout(() => stream.respond({ ":status": 200 }, { endStream: true }), 20);
      },
      "127.0.0.1",
      allowed,
    );
    await using proxy = await alone([app.port], "http2", { pool });
    using client = new Http2Client(proxy.port("outbound"));
    const answers = await Promise.all(Array.from({ length: 250 }, () => client.ask({ ":path": "/" })));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(most).toBeGreaterThan(1);
  });

  it("is told to go when the proxy ends, and what runs is finished", async () => {
    const proxy = await alone([app2.port], "http2");
    using client = new Http2Client(proxy.port("outbound"));
    const stream = client.begin({ ":method": "POST", ":path": "/echo" });
    stream.write("one");
    await once(stream, "response");
    process.kill(proxy.pid, "SIGTERM");
    await eventually(() => client.goaways.length > 0);
    stream.end("two");
    expect(await answered(stream)).toMatchObject({ reset: 0 });
    expect(await proxy.ended()).toBe(0);
    await proxy[Symbol.asyncDispose]();
  });

  it("whose proxy in the middle meets random resets leaves nothing behind", async () => {
    await using proxy = await alone([app2.port], "http2");
    for (let round = 0; round < 4; round++) {
      using client = new Http2Client(proxy.port("outbound"));
      const streams = Array.from({ length: 100 }, (_, index) => {
        const path = ["/echo", "/hang", "/reset", "/reset-early", "/refuse"][index % 5];
        const stream = client.begin({ ":method": "POST", ":path": path });
        stream.write("x");
        setTimeout(() => (index % 3 === 0 ? stream.close(8) : stream.end()), index % 40);
        return stream;
      });
      await sleep(80);
      for (const stream of streams) stream.close(8);
    }
    await eventually(async () => (await proxy.metric("weft_connections_open", { side: "outbound" })) === 0);
    expect(await proxy.metric("weft_internal_errors_total")).toBe(0);
    expect(proxy.log).not.toContain("a bug");
  });
});
