import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
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
import { eventually } from "../support/poll.ts";
import { TestProxy } from "../support/proxy.ts";
import { application, NOBODYS_PORT, ok, type Respond, TestServer } from "../support/server.ts";
import { proxyFor } from "../support/web.ts";

/** Real proxies in plaintext: exact bytes in, exact bytes out. */
const GET = "GET /x HTTP/1.1\r\nHost: web\r\n\r\n";

/** What an application got and what it answers; replaced by each test. */
let answer: Respond = () => ok("hello");
const requests: string[] = [];
let app: TestServer;
let proxy: TestProxy;
let outbound: number;

const index = indexObject("demo", [
  entry("demo", "web", { addresses: ["10.0.0.1"] }),
  entry("demo", "two", { addresses: ["10.0.0.2"] }),
  entry("demo", "none", { addresses: ["10.0.0.3"] }),
]);
const at = (address: string, port: number) => endpoint(address, { ports: [{ port: 80, target: port }] });

beforeAll(async () => {
  app = await TestServer.start(application((request, socket) => answer(request, socket), requests));
  proxy = await TestProxy.start({
    file: {
      outbound: [
        { listen: "127.0.0.1:0", destination: "10.0.0.1:80" },
        { listen: "127.0.0.1:0", destination: "10.0.0.2:80" },
        { listen: "127.0.0.1:0", destination: "10.0.0.3:80" },
      ],
      admin: "127.0.0.1:0",
    },
    objects: [
      index,
      serviceObject("demo", "web", {
        common: view({
          http: [
            {
              ...forward(destination("demo", "web")),
              matches: [
                { uri: { kind: "prefix", value: "/slow" }, headers: [], withoutHeaders: [], queryParams: [] },
              ],
              timeoutMs: 100,
            },
            {
              ...forward(destination("demo", "web", { subset: "ghost" })),
              matches: [
                {
                  uri: { kind: "prefix", value: "/ghost" },
                  headers: [],
                  withoutHeaders: [],
                  queryParams: [],
                },
              ],
            },
            {
              ...forward(destination("demo", "web")),
              matches: [
                {
                  headers: [],
                  withoutHeaders: [{ kind: "present", value: "", name: "x-nowhere" }],
                  queryParams: [],
                },
              ],
            },
          ],
        }),
      }),
      endpointsObject("demo", "web", [at("127.0.0.1", app.port)]),
      serviceObject("demo", "two"),
      endpointsObject("demo", "two", [at("127.0.0.1", app.port), at("127.0.0.1", NOBODYS_PORT)]),
      serviceObject("demo", "none"),
      endpointsObject("demo", "none", []),
      workloadObject("demo", "client"),
    ],
  });
  outbound = proxy.port("outbound");
});
afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]();
  await app?.[Symbol.asyncDispose]();
});
afterEach(() => {
  answer = () => ok("hello");
  requests.length = 0;
});

describe("a request", () => {
  it("reaches the application as it was sent, but for what a hop must add and remove", async () => {
    const text =
      "POST /a?b=c HTTP/1.1\r\nHoSt: web\r\nX-Case:  kept \r\nConnection: keep-alive\r\nx-weft-peer: forged\r\nContent-Length: 4\r\n\r\nbody";
    expect(statusOf(await exchange(outbound, text))).toBe(200);
    expect(requests[0]).toMatch(
      /^POST \/a\?b=c HTTP\/1\.1\r\nHoSt: web\r\nX-Case: {2}kept \r\nContent-Length: 4\r\nx-request-id: [0-9a-f-]{36}\r\ntraceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-00\r\nx-forwarded-proto: http\r\n\r\nbody$/,
    );
  });

  it("keeps its chunks, extensions and trailers", async () => {
    const body = "3;x=y\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n";
    await exchange(outbound, `POST / HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\n\r\n${body}`);
    expect(requests[0]?.endsWith(`\r\n\r\n${body}`)).toBe(true);
  });

  it("arrives whole however its bytes are cut", async () => {
    using client = await TestClient.open(outbound);
    client.socket.setNoDelay(true);
    for (const byte of `POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 5\r\n\r\nhello`) {
      client.send(byte);
      await new Promise(setImmediate);
    }
    expect(statusOf(await client.responses(1))).toBe(200);
    expect(requests[0]?.endsWith("\r\n\r\nhello")).toBe(true);
  });

  it("that is pipelined waits its turn, and answers come in order", async () => {
    let count = 0;
    answer = () => ok(`answer ${++count}`);
    using client = await TestClient.open(outbound);
    client.send(`${GET}POST /y HTTP/1.1\r\nHost: web\r\nContent-Length: 2\r\n\r\nhi${GET}`);
    const received = await client.responses(3);
    expect(received.match(/answer \d/g)).toEqual(["answer 1", "answer 2", "answer 3"]);
  });

  it("with Expect: 100-continue gets the application's interim response before its body", async () => {
    const server = await TestServer.start((socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 100 Continue\r\n\r\n");
        socket.once("data", (body) => socket.write(ok(String(body))));
      });
    });
    await using alone = await proxyFor(server.port);
    using client = await TestClient.open(alone.port("outbound"));
    client.send("POST / HTTP/1.1\r\nHost: web\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    expect(await client.until((text) => text.includes("\r\n\r\n"))).toMatch(/^HTTP\/1\.1 100 /);
    expect(await client.send("body").until((text) => text.endsWith("body"))).toContain("HTTP/1.1 200 OK");
    await server[Symbol.asyncDispose]();
  });

  it("whose sender was never told to send its body is the last of its connection", async () => {
    answer = () => undefined;
    const server = await TestServer.start((socket) => {
      socket.once("data", () => socket.write("HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n"));
    });
    await using alone = await proxyFor(server.port);
    using client = await TestClient.open(alone.port("outbound"));
    client.send("POST / HTTP/1.1\r\nHost: web\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    expect(await client.responses(1)).toContain("connection: close\r\n");
    // What comes now may be that body or a request: it is neither.
    client.send(GET);
    await client.closed();
    expect(client.received.match(/HTTP\/1\.1/g)).toHaveLength(1);
    await server[Symbol.asyncDispose]();
  });

  it.each([
    [400, "bare_lf", "GET / HTTP/1.1\nHost: web\n\n"],
    [
      400,
      "length_and_encoding",
      "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    [
      400,
      "several_content_lengths",
      "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    ],
    [
      400,
      "space_before_colon",
      "POST / HTTP/1.1\r\nHost: web\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    ],
    [400, "obs_fold", "GET / HTTP/1.1\r\nHost: web\r\nX: a\r\n b\r\n\r\n"],
    [400, "header_value", "GET / HTTP/1.1\r\nHost: web\r\nX: a\0b\r\n\r\n"],
    [400, "chunk_size", "POST / HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"],
    [501, "transfer_encoding", "POST / HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: gzip\r\n\r\n"],
    [431, "head_too_large", `GET / HTTP/1.1\r\nHost: web\r\nX: ${"x".repeat(61 * 1024)}\r\n\r\n`],
    [426, "http10", "GET / HTTP/1.0\r\nHost: web\r\n\r\n"],
  ])("that is malformed gets %i, is counted as %s, and the connection ends", async (status, reason, text) => {
    const before = await proxy.metric("weft_http_parse_errors_total", { reason });
    using client = await TestClient.open(outbound);
    client.send(text);
    await client.closed();
    expect(statusOf(client.received)).toBe(status);
    expect(requests).toEqual([]);
    expect(await proxy.metric("weft_http_parse_errors_total", { reason })).toBe(before + 1);
  });

  it("behind a malformed body is not taken for one", async () => {
    using client = await TestClient.open(outbound);
    client.send(`POST / HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\n\r\n1\r\naZ${GET}`);
    await client.closed();
    expect(statusOf(client.received)).toBe(400);
    expect(requests).toEqual([]);
  });
});

describe("a response", () => {
  it("that ends with its connection is chunked for the client, whose connection goes on", async () => {
    answer = (_request, socket) => {
      socket.end("HTTP/1.0 200 OK\r\nX: y\r\n\r\nuntil the end");
      return undefined;
    };
    using client = await TestClient.open(outbound);
    const first = await client.send(GET).responses(1);
    expect(first).toBe(
      "HTTP/1.1 200 OK\r\nX: y\r\ntransfer-encoding: chunked\r\n\r\nd\r\nuntil the end\r\n0\r\n\r\n",
    );
    answer = () => ok("again");
    expect(await client.send(GET).responses(2)).toContain("again");
  });

  it.each([
    ["HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"],
    ["GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n"],
    ["GET", "HTTP/1.1 204 No Content\r\n\r\n"],
  ])("to %s without a body leaves the connection for the next: %j", async (method, response) => {
    answer = () => response;
    using client = await TestClient.open(outbound);
    await client.send(`${method} / HTTP/1.1\r\nHost: web\r\n\r\n`).until((text) => text.includes("\r\n\r\n"));
    expect(client.received).toBe(response);
    answer = () => ok("next");
    expect(await client.send(GET).until((text) => text.endsWith("next"))).toBe(response + ok("next"));
  });

  it.each([
    ["HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"],
    ["HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\nabc"],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
    ["not http at all\r\n\r\n"],
  ])("that is malformed becomes 502: %j", async (response) => {
    answer = () => response;
    const received = await exchange(outbound, GET);
    expect(statusOf(received)).toBe(502);
    expect(
      await proxy.metric("istio_requests_total", { response_code: "502", response_flags: "UPE" }),
    ).toBeGreaterThan(0);
  });

  it("that breaks off in the middle breaks the client's connection off", async () => {
    answer = (_request, socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
      setTimeout(() => socket.resetAndDestroy(), 20);
      return undefined;
    };
    using client = await TestClient.open(outbound);
    client.send(GET);
    expect(await client.closed()).toBe("reset");
    expect(client.received).toContain("half");
  });

  it("never waits for the rest of the request's body", async () => {
    const server = await TestServer.start((socket) => {
      socket.once("data", () => socket.write("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"));
    });
    await using alone = await proxyFor(server.port);
    using client = await TestClient.open(alone.port("outbound"));
    client.send("POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 1000000\r\n\r\nsome");
    expect(statusOf(await client.responses(1))).toBe(413);
    await server[Symbol.asyncDispose]();
  });

  it("to an upgrade joins the two connections", async () => {
    answer = (request, socket) => {
      expect(request).toContain("Upgrade: websocket\r\n");
      expect(request).toContain("connection: upgrade\r\n");
      socket.removeAllListeners("data");
      socket.on("data", (data) => socket.write(`echo ${String(data)}`));
      return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfirst ";
    };
    using client = await TestClient.open(outbound);
    client.send("GET /ws HTTP/1.1\r\nHost: web\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    await client.until((text) => text.endsWith("first "));
    expect(client.received).toMatch(/^HTTP\/1\.1 101 /);
    await client.send("\0raw\n").until((text) => text.endsWith("echo \0raw\n"));
    client.socket.end();
    expect(await client.closed()).toBe("end");
  });
});

describe("an endpoint", () => {
  it("that closed an idle connection costs no request", async () => {
    using client = await TestClient.open(outbound);
    await client.send(GET).responses(1);
    for (let round = 2; round < 12; round++) {
      // Closed while the next request is on its way.
      for (const socket of app.sockets) socket.end();
      expect(statusOf(await client.send(GET).responses(round))).toBe(200);
    }
    expect(client.received.match(/ 200 OK/g)).toHaveLength(11);
  });

  it("that takes no connections is left for another", async () => {
    for (let round = 0; round < 8; round++) {
      expect(statusOf(await exchange(proxy.port("outbound1"), GET))).toBe(200);
    }
    expect(await proxy.metric("weft_dial_failures_total", { reason: "refused" })).toBeGreaterThan(0);
  });

  it("that dies after it has read a POST is not asked twice", async () => {
    answer = (_request, socket) => {
      socket.destroy();
      return undefined;
    };
    const received = await exchange(outbound, "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 2\r\n\r\nhi");
    expect(statusOf(received)).toBe(503);
    expect(requests).toHaveLength(1);
    expect(
      await proxy.metric("istio_requests_total", { response_code: "503", response_flags: "UC" }),
    ).toBeGreaterThan(0);
  });
});

describe("a request that cannot be served", () => {
  it.each([
    ["UH", 503, () => proxy.port("outbound2"), "/", "no healthy upstream"],
    ["NC", 503, () => outbound, "/ghost", "subset ghost"],
    ["UT", 504, () => outbound, "/slow", "timeout"],
  ])("is answered with the flag %s", async (flags, status, port, path, text) => {
    answer = (request) => (request.includes("/slow") ? undefined : ok(""));
    const received = await exchange(port(), `GET ${path} HTTP/1.1\r\nHost: web\r\n\r\n`);
    expect(statusOf(received)).toBe(status);
    expect(received).toContain(text);
    expect(
      await proxy.metric("istio_requests_total", { response_flags: flags, response_code: String(status) }),
    ).toBeGreaterThan(0);
  });

  it("because no rule matches is answered with 404 and the flag NR", async () => {
    const received = await exchange(outbound, "GET / HTTP/1.1\r\nHost: web\r\nX-Nowhere: 1\r\n\r\n");
    expect(statusOf(received)).toBe(404);
    expect(await proxy.metric("istio_requests_total", { response_flags: "NR" })).toBe(1);
  });

  it("because its client left is counted with the flag DC", async () => {
    answer = () => undefined;
    const client = await TestClient.open(outbound);
    client.send(GET);
    await eventually(() => requests.length > 0);
    client.socket.destroy();
    await eventually(
      async () => (await proxy.metric("istio_requests_total", { response_flags: "DC" })) === 1,
    );
  });
});

describe("a body", () => {
  const megabytes = 200;

  it("from a fast application to a slow client does not gather in the proxy", async () => {
    const chunk = Buffer.alloc(1 << 20, "x");
    const server = await TestServer.start((socket) => {
      socket.once("data", () => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${megabytes << 20}\r\n\r\n`);
        let left = megabytes;
        const pump = () => {
          while (left-- > 0) if (!socket.write(chunk)) return;
        };
        socket.on("drain", pump);
        pump();
      });
    });
    await using alone = await proxyFor(server.port);
    const client = await TestClient.open(alone.port("outbound"));
    client.socket.removeAllListeners("data");
    let received = 0;
    let peak = 0;
    client.socket.setEncoding();
    client.socket.pause();
    client.send(GET);
    client.socket.on("data", (data: Buffer | string) => {
      received += Buffer.byteLength(data);
    });
    // Nothing is read at first: what the proxy took by then must be bounded.
    await eventually(async () => alone.anonymousMegabytes() > 0 && server.sockets.length > 0);
    for (let look = 0; look < 20; look++) {
      peak = Math.max(peak, alone.anonymousMegabytes());
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    client.socket.resume();
    await eventually(
      () => received > megabytes << 20,
      20_000,
      () => `received ${received}`,
    );
    peak = Math.max(peak, alone.anonymousMegabytes());
    expect(peak).toBeLessThan(64);
    client.socket.destroy();
    await server[Symbol.asyncDispose]();
  });

  it("from a fast client to a slow application does not gather in the proxy either", async () => {
    const server = await TestServer.start((socket) => {
      socket.pause();
      setTimeout(() => socket.resume(), 300);
      let received = 0;
      socket.on("data", (data) => {
        received += data.length;
        if (received > megabytes << 20) socket.write(ok(String(received)));
      });
    });
    await using alone = await proxyFor(server.port);
    using client = await TestClient.open(alone.port("outbound"));
    client.send(`POST / HTTP/1.1\r\nHost: web\r\nContent-Length: ${megabytes << 20}\r\n\r\n`);
    const chunk = Buffer.alloc(1 << 20, "x");
    let left = megabytes;
    let peak = 0;
    const pump = () => {
      while (left-- > 0) if (!client.socket.write(chunk)) return;
    };
    client.socket.on("drain", pump);
    pump();
    let looked = Promise.resolve();
    const looking = setInterval(() => {
      looked = looked.then(async () => {
        peak = Math.max(peak, alone.anonymousMegabytes());
      });
    }, 20);
    expect(statusOf(await client.responses(1, 20_000))).toBe(200);
    clearInterval(looking);
    await looked; // a look that is under way must not find the proxy gone
    expect(peak).toBeGreaterThan(0);
    expect(peak).toBeLessThan(64);
    await server[Symbol.asyncDispose]();
  });
});
