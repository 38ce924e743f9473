import { randomInt } from "node:crypto";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { HttpRoute, RetryPolicy } from "../../crds/service-config.ts";
import {
  destination,
  endpoint,
  endpointsObject,
  entry,
  forward,
  indexObject,
  serviceObject,
  subset,
  view,
  workloadObject,
} from "../../proxy/config/testdata.ts";
import { exchange, statusOf, TestClient } from "../support/client.ts";
import { eventually } from "../support/poll.ts";
import { TestProxy } from "../support/proxy.ts";
import { application, NOBODYS_PORT, ok, TestServer } from "../support/server.ts";
import { CALLS_WEB, webAt, webObjects } from "../support/web.ts";
import { TestAuthority } from "../support/workload-identity.ts";

/** Each condition of `retryOn`, a try's own timeout, back-off and budget, seen by applications behind a real proxy. */

/** A try as an application saw it; `first` is that of the first application. */
interface Try {
  readonly request: string;
  readonly first: boolean;
  readonly at: number;
}

const tries: Try[] = [];
/** What the n-th try of a test meets; replaced by each. */
let answer: (turn: number, socket: Socket, request: string) => string | undefined = () => ok("fine");

const policy = (retryOn: string[], fields: Partial<RetryPolicy> = {}): RetryPolicy => ({
  attempts: 2,
  retryOn,
  retriableStatusCodes: [],
  backoffMs: 1,
  retryRemoteLocalities: false,
  ignorePreviousHosts: true,
  ...fields,
});

/** A route for each path. */
const route = (
  path: string,
  retries: RetryPolicy,
  { service = "web", timeoutMs }: { service?: string; timeoutMs?: number } = {},
): HttpRoute => ({
  ...forward(destination("demo", service)),
  matches: [{ uri: { kind: "exact", value: `/${path}` }, headers: [], withoutHeaders: [], queryParams: [] }],
  retries,
  ...(timeoutMs !== undefined && { timeoutMs }),
});

const conditions = [
  "5xx",
  "gateway-error",
  "reset",
  "reset-before-request",
  "connect-failure",
  "envoy-ratelimited",
  "retriable-4xx",
  "refused-stream",
  "retriable-headers",
  "http3-post-connect-failure",
  "cancelled",
  "deadline-exceeded",
  "internal",
  "resource-exhausted",
  "unavailable",
];

/** A try's own timeout: no answer that is sent at once takes so long, on a busy machine either. */
const TRY_MS = 1_000;

const http = [
  ...conditions.map((each) => route(each, policy([each]))),
  route("418", policy(["418"])),
  route("101", policy(["101"])),
  route("codes", policy(["retriable-status-codes"], { retriableStatusCodes: [201] })),
  route("none", policy(["5xx"], { attempts: 0 })),
  route("try-timeout", policy(["5xx"], { perTryTimeoutMs: TRY_MS })),
  route("try-timeout-once", policy(["connect-failure"], { perTryTimeoutMs: TRY_MS })),
  route("short", policy(["5xx"], { perTryTimeoutMs: 1.5 * TRY_MS, attempts: 5 }), { timeoutMs: TRY_MS }),
  route("back-off", policy(["5xx"], { attempts: 4, backoffMs: 200 })),
];

const budget = (service: string, fields: object) =>
  view({
    http: [route("5xx", policy(["5xx"], { attempts: 5 }), { service })],
    clusters: [subset("", { connectionPool: { connectTimeoutMs: 10_000, ...fields } })],
  });

let first: TestServer;
let second: TestServer;
let proxy: TestProxy;
let port: number;

beforeAll(async () => {
  const serve = (isFirst: boolean) =>
    application((request, socket) => {
      tries.push({ request, first: isFirst, at: performance.now() });
      return answer(tries.length, socket, request);
    });
  [first, second] = [await TestServer.start(serve(true)), await TestServer.start(serve(false))];
  const at = (target: number) => endpoint("127.0.0.1", { ports: [{ port: 80, target }] });
  const services = ["web", "dead", "most", "share"];
  proxy = await TestProxy.start({
    file: {
      outbound: services.map((_, index) => ({
        listen: "127.0.0.1:0",
        destination: `10.0.0.${index + 1}:80`,
      })),
      admin: "127.0.0.1:0",
    },
    objects: [
      indexObject(
        "demo",
        services.map((name, index) => entry("demo", name, { addresses: [`10.0.0.${index + 1}`] })),
      ),
      serviceObject("demo", "web", { common: view({ http }) }),
      endpointsObject("demo", "web", [at(first.port), at(second.port)]),
      serviceObject("demo", "dead", {
        common: view({ http: conditions.map((each) => route(each, policy([each]), { service: "dead" })) }),
      }),
      endpointsObject("demo", "dead", [at(NOBODYS_PORT)]),
      serviceObject("demo", "most", { common: budget("most", { maxRetries: 1 }) }),
      endpointsObject("demo", "most", [at(first.port)]),
      serviceObject("demo", "share", {
        common: budget("share", { retryBudget: { percent: 0, minRetryConcurrency: 0 } }),
      }),
      endpointsObject("demo", "share", [at(first.port)]),
      workloadObject("demo", "client"),
    ],
  });
  port = proxy.port("outbound");
});
afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]();
  await first?.[Symbol.asyncDispose]();
  await second?.[Symbol.asyncDispose]();
});
afterEach(() => {
  answer = () => ok("fine");
  tries.length = 0;
});

const get = (path: string, headers = "") => `GET /${path} HTTP/1.1\r\nHost: web\r\n${headers}\r\n`;
const response = (status: number, headers = "") =>
  `HTTP/1.1 ${status} Some\r\ncontent-length: 0\r\n${headers}\r\n`;
const grpc = (status: number) =>
  response(200, `content-type: application/grpc\r\ngrpc-status: ${status}\r\n`);
const reset = (socket: Socket): undefined => {
  socket.resetAndDestroy();
  return undefined;
};

describe("a try that fails is repeated at another endpoint", () => {
  type Failing = (socket: Socket) => string | undefined;
  it.each<[condition: string, what: string, failing: Failing, headers?: string]>([
    ["5xx", "a 500", () => response(500)],
    ["5xx", "a reset", reset],
    ["gateway-error", "a 503", () => response(503)],
    ["gateway-error", "a reset", reset],
    ["reset", "a reset", reset],
    ["envoy-ratelimited", "a limit", () => response(429, "x-envoy-ratelimited: true\r\n")],
    ["retriable-4xx", "a 409", () => response(409)],
    [
      "retriable-headers",
      "a header",
      () => response(200, "x-again: 1\r\n"),
      "x-envoy-retriable-header-names: x-again\r\n",
    ],
    ["418", "a status", () => response(418)],
    ["codes", "a status", () => response(201)],
    ["cancelled", "grpc-status 1", () => grpc(1)],
    ["deadline-exceeded", "grpc-status 4", () => grpc(4)],
    ["resource-exhausted", "grpc-status 8", () => grpc(8)],
    ["internal", "grpc-status 13", () => grpc(13)],
    ["unavailable", "grpc-status 14", () => grpc(14)],
  ])("on %s after %s", async (path, _what, failing, headers) => {
    answer = (turn, socket) => (turn === 1 ? failing(socket) : ok("fine"));
    expect(await exchange(port, get(path, headers))).toBe(ok("fine"));
    expect(tries).toHaveLength(2);
    expect(tries[0]?.first).toBe(!tries[1]?.first);
  });

  it.each<[condition: string, failing: (socket: Socket) => string | undefined, status: number]>([
    ["gateway-error", () => response(500), 500],
    ["reset", () => response(503), 503],
    ["connect-failure", reset, 503],
    ["reset-before-request", reset, 503],
    ["refused-stream", reset, 503],
    ["http3-post-connect-failure", reset, 503],
    ["5xx", () => response(503, "x-envoy-ratelimited: true\r\n"), 503],
    ["retriable-headers", () => response(503, "x-again: 1\r\n"), 503],
    ["none", () => response(503), 503],
    ["unavailable", () => grpc(13), 200],
  ])("but not on %s after what it does not name", async (path, failing, status) => {
    answer = (_turn, socket) => failing(socket);
    // A POST, which no idle connection's end repeats either.
    const post = `POST /${path} HTTP/1.1\r\nHost: web\r\nContent-Length: 0\r\n\r\n`;
    expect(statusOf(await exchange(port, post))).toBe(status);
    expect(tries).toHaveLength(1);
  });

  it("as often as the route says, and then says so with the flag URX", async () => {
    const before = await proxy.metric("istio_requests_total", { response_flags: "URX" });
    answer = () => response(503);
    expect(statusOf(await exchange(port, get("5xx")))).toBe(503);
    expect(tries).toHaveLength(3);
    expect(await proxy.metric("istio_requests_total", { response_flags: "URX" })).toBe(before + 1);
  });

  it.each(["connect-failure", "reset-before-request", "reset", "5xx", "gateway-error"])(
    "on %s when none takes a connection",
    async (path) => {
      const before = await proxy.metric("weft_dial_failures_total", { reason: "refused" });
      expect(statusOf(await exchange(proxy.port("outbound1"), get(path)))).toBe(503);
      expect(await proxy.metric("weft_dial_failures_total", { reason: "refused" })).toBe(before + 3);
      const flags = { response_flags: "UF,URX", destination_service_name: "dead" };
      expect(await proxy.metric("istio_requests_total", flags)).toBeGreaterThan(0);
    },
  );
});

describe("a switch of protocols", () => {
  it("is no answer to be had from another endpoint, whatever the route says", async () => {
    // Both have a connection at hand.
    for (let times = 0; times < 2; times++) await exchange(port, get("none"));
    tries.length = 0;
    answer = (_turn, socket) => {
      socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello",
      );
      return undefined;
    };
    using client = await TestClient.open(port);
    client.send(get("101", "Connection: upgrade\r\nUpgrade: websocket\r\n"));
    await client.until((text) => text.endsWith("hello"));
    expect(statusOf(client.received)).toBe(101);
    expect(tries).toHaveLength(1);
  });
});

describe("a try that takes too long", () => {
  it("is given up, and another endpoint asked", async () => {
    answer = (turn) => (turn === 1 ? undefined : ok("fine"));
    const began = performance.now();
    expect(await exchange(port, get("try-timeout"))).toBe(ok("fine"));
    expect(performance.now() - began).toBeGreaterThan(TRY_MS - 10);
    expect(tries).toHaveLength(2);
    await eventually(async () => (await proxy.metric("weft_retries_total", { reason: "timeout" })) === 1);
  });

  it("is answered with 504 where the route does not retry it", async () => {
    answer = () => undefined;
    const received = await exchange(port, get("try-timeout-once"));
    expect(statusOf(received)).toBe(504);
    expect(received).toContain("perTryTimeout");
    expect(tries).toHaveLength(1);
    expect(await proxy.metric("istio_requests_total", { response_flags: "UT" })).toBeGreaterThan(0);
  });

  it("has no more time than the request", async () => {
    answer = () => undefined;
    const began = performance.now();
    expect(statusOf(await exchange(port, get("short")))).toBe(504);
    expect(performance.now() - began).toBeLessThan(3 * TRY_MS);
    expect(tries).toHaveLength(1);
  });

  it("does not begin before the request is whole", async () => {
    using client = await TestClient.open(port);
    client.send("POST /try-timeout HTTP/1.1\r\nHost: web\r\nContent-Length: 6\r\n\r\nfir");
    await sleep(1.4 * TRY_MS);
    expect(tries).toEqual([]);
    client.send("st.");
    expect(statusOf(await client.responses(1))).toBe(200);
    expect(tries).toHaveLength(1);
  });

  it("has all of its time when the request is whole", async () => {
    answer = (_turn, socket) => {
      setTimeout(() => socket.write(ok("fine")), TRY_MS / 2);
      return undefined;
    };
    using client = await TestClient.open(port);
    client.send("POST /try-timeout HTTP/1.1\r\nHost: web\r\nContent-Length: 6\r\n\r\nfir");
    // Shortly before its second period is over.
    await sleep(1.9 * TRY_MS);
    client.send("st.");
    expect(statusOf(await client.responses(1))).toBe(200);
    expect(tries).toHaveLength(1);
  });

  it("may send its response for as long as that takes", async () => {
    answer = (_turn, socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsl");
      setTimeout(() => socket.write("ow"), TRY_MS + 250);
      return undefined;
    };
    expect(await exchange(port, get("try-timeout"))).toContain("slow");
    expect(tries).toHaveLength(1);
  });
});

describe("between two tries", () => {
  it("more and more time passes", async () => {
    answer = (_turn, _socket, request) => (request.startsWith("GET /none ") ? ok("fine") : response(503));
    // Answered at once: what keeps this request waiting, a busy machine, keeps the tries waiting, too.
    let longestMs = 0;
    let over = false;
    const measure = async () => {
      using client = await TestClient.open(port);
      for (let count = 1; !over; count++) {
        const sent = performance.now();
        await client.send(get("none")).responses(count, 30_000);
        longestMs = Math.max(longestMs, performance.now() - sent);
      }
    };
    const measured = measure();
    const twice = ["x-call: 1\r\n", "x-call: 2\r\n"];
    const call = async (header: string) => {
      using client = await TestClient.open(port);
      await client.send(get("back-off", header)).responses(1, 30_000);
    };
    await Promise.all(twice.map(call));
    over = true;
    await measured;
    const gaps = twice.map((header) => {
      const times = tries.filter(({ request }) => request.includes(header)).map(({ at }) => at);
      expect(times).toHaveLength(5);
      return times.slice(1).map((at, index) => at - (times[index] ?? 0));
    });
    for (const each of gaps)
      for (const [index, gap] of each.entries())
        expect(gap).toBeLessThan(200 * (2 ** (index + 1) - 1) + 150 + longestMs);
    // By chance all are shorter three times in ten billion.
    expect(Math.max(...gaps.flat())).toBeGreaterThan(50);
  });

  it("passes the time that the endpoint asks for", async () => {
    answer = (turn) => (turn === 1 ? response(503, "retry-after: 1\r\n") : ok("fine"));
    expect(statusOf(await exchange(port, get("5xx")))).toBe(200);
    expect((tries[1]?.at ?? 0) - (tries[0]?.at ?? 0)).toBeGreaterThan(990);
  });

  it.each(["retry-after: 120", "grpc-retry-pushback-ms: -1"])(
    "passes no time that is too long: %s goes to the client",
    async (header) => {
      answer = () => response(503, `${header}\r\n`);
      expect(await exchange(port, get("5xx"))).toContain(header);
      expect(tries).toHaveLength(1);
    },
  );

  it("the client may leave, and nothing is left behind", async () => {
    answer = () => response(503);
    const client = await TestClient.open(port);
    client.send(get("back-off"));
    await eventually(() => tries.length > 0);
    client.socket.destroy();
    await sleep(600);
    expect(tries.length).toBeLessThan(4);
    answer = () => ok("fine");
    expect(statusOf(await exchange(port, get("back-off")))).toBe(200);
  });
});

describe("a request's body", () => {
  const post = (length: number) => `POST /5xx HTTP/1.1\r\nHost: web\r\nContent-Length: ${length}\r\n\r\n`;

  it("goes out again whole, though it was still on its way when the try failed", async () => {
    const seen: string[] = [];
    let connections = 0;
    const fails = await TestServer.start((socket) => {
      const turn = ++connections;
      let got = "";
      socket.setEncoding("latin1").on("data", (text: string) => {
        got += text;
        // The first says no as soon as it has seen some of it.
        if (turn === 1) socket.end(response(503));
        else if (got.endsWith("end")) {
          seen.push(got.slice(got.indexOf("\r\n\r\n") + 4));
          socket.write(ok("fine"));
        }
      });
    });
    await using alone = await plainProxy(fails.port);
    using client = await TestClient.open(alone.port("outbound"));
    const body = `${"x".repeat(30_000)}end`;
    client.send(post(body.length) + body.slice(0, 10_000));
    await sleep(20);
    client.send(body.slice(10_000, 20_000));
    await eventually(() => connections === 2);
    client.send(body.slice(20_000));
    expect(statusOf(await client.responses(1))).toBe(200);
    expect(seen).toEqual([body]);
    await fails[Symbol.asyncDispose]();
  });

  it("that is too long to be kept is not sent again", async () => {
    answer = () => response(503);
    const body = "x".repeat(70_000);
    expect(statusOf(await exchange(port, post(body.length) + body))).toBe(503);
    expect(tries).toHaveLength(1);
  });
});

describe("the budget", () => {
  it.each([
    ["maxRetries", "outbound2"],
    ["retryBudget", "outbound3"],
  ])("of %s forbids more retries at a time", async (_field, listener) => {
    const before = await proxy.metric("weft_overflows_total", { side: "outbound", limit: "retries" });
    answer = () => response(503);
    const all = Array.from({ length: 6 }, () => exchange(proxy.port(listener), get("5xx")));
    for (const received of await Promise.all(all)) expect(statusOf(received)).toBe(503);
    const after = await proxy.metric("weft_overflows_total", { side: "outbound", limit: "retries" });
    expect(after).toBeGreaterThan(before);
    if (listener === "outbound3") expect(tries).toHaveLength(6);
  });

  it("keeps those whom a failing service fails from burying it, though nobody asked for one", async () => {
    answer = (_turn, socket) => {
      setTimeout(() => socket.write(response(503)), 10);
      return undefined;
    };
    const requests = 1_500;
    let sent = 0;
    const ask = async () => {
      using client = await TestClient.open(port);
      for (let count = 1; sent < requests; count++) {
        sent++;
        expect(statusOf(await client.send(get("5xx")).responses(count))).toBe(503);
      }
    };
    await Promise.all(Array.from({ length: 60 }, ask));
    expect(sent).toBe(requests);
    // Unlimited, it would be three times as many.
    expect(tries.length).toBeGreaterThan(requests * 1.02);
    expect(tries.length).toBeLessThan(requests * 1.3);
    expect(await proxy.metric("weft_overflows_total", { limit: "retries" })).toBeGreaterThan(0);
  });
});

describe("an endpoint that leaves the mesh while requests wait for a connection to it", () => {
  it("is left at once for those that the service has now", async () => {
    // Takes connections and says nothing: as long as a handshake may take, the requests would wait.
    const address = `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(2, 255)}`;
    const silent = await TestServer.start(() => {}, address, 15_008);
    const authority = await TestAuthority.create();

    const identity = "spiffe://cluster.local/ns/demo/sa/web";
    const vanished = endpoint(address, { mtls: true, identity });
    await using alone = await TestProxy.start({
      file: CALLS_WEB,
      identity: await authority.issue("client"),
      objects: webObjects([vanished]),
    });
    const began = performance.now();
    const waiting = Array.from({ length: 5 }, () => exchange(alone.port("outbound"), get("")));
    await eventually(() => silent.sockets.length === 5);
    await alone.configure(webObjects([webAt(first.port)]));
    for (const received of await Promise.all(waiting)) expect(statusOf(received)).toBe(200);
    expect(performance.now() - began).toBeLessThan(4_000);
    expect(await alone.metric("weft_retries_total", { reason: "removed" })).toBe(5);
    await silent[Symbol.asyncDispose]();
  });
});

/** A proxy in front of one application, which retries on 5xx. */
function plainProxy(target: number): Promise<TestProxy> {
  return TestProxy.start({
    file: CALLS_WEB,
    objects: webObjects([webAt(target)], { service: { common: view({ http }) } }),
  });
}
