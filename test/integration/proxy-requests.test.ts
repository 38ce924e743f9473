import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { HeaderOps, HttpRoute } from "../../crds/service-config.ts";
import { destination, forward, subset, view } from "../../proxy/config/testdata.ts";
import { exchange, statusOf, TestClient } from "../support/client.ts";
import { eventually } from "../support/poll.ts";
import { TestProxy } from "../support/proxy.ts";
import { application, ok, TestServer } from "../support/server.ts";
import { CALLS_WEB, webAt, webObjects } from "../support/web.ts";

/** What routes do to requests, on a real proxy: each route is for the paths under a name of its own. */
const cors = {
  allowOrigins: [{ kind: "exact", value: "https://shop.example" }] as const,
  allowMethods: ["GET", "PUT"],
  allowHeaders: ["x-a"],
  exposeHeaders: ["x-b"],
  maxAgeMs: 60_000,
  allowCredentials: true,
  unmatchedPreflights: "FORWARD" as const,
};
/** Longer than its route's timeout, which is long enough for an answer on a busy machine. */
const DELAY_MS = 1_500;
const toWeb = forward(destination("demo", "web"));
const ops = (fields: Partial<HeaderOps>): HeaderOps => ({
  set: {},
  add: {},
  remove: [],
  ...fields,
});
const routes: Readonly<Record<string, Partial<HttpRoute>>> = {
  "/abort": { fault: { abort: { httpStatus: 418, percent: 100 } } },
  "/grpc-abort": { fault: { abort: { grpcStatus: "UNAVAILABLE", percent: 100 } } },
  "/delay": { fault: { delay: { fixedMs: DELAY_MS, percent: 100 } }, timeoutMs: DELAY_MS - 500 },
  "/both": {
    fault: { delay: { fixedMs: 100, percent: 100 }, abort: { httpStatus: 503, percent: 100 } },
  },
  "/never": { fault: { delay: { fixedMs: 60_000, percent: 0 }, abort: { httpStatus: 500, percent: 0 } } },
  "/cors": { cors },
  "/cors-ignore": { cors: { ...cors, unmatchedPreflights: "IGNORE" } },
  "/cors-abort": { cors, fault: { abort: { httpStatus: 503, percent: 100 } } },
  "/cors-nowhere": { cors, ...forward(destination("demo", "web", { subset: "ghost" })) },
  "/cors-redirect": { cors, action: { kind: "redirect", uri: "/else", code: 302 } },
  "/direct": {
    action: { kind: "directResponse", status: 503, body: "closed für heute" },
    headers: { response: ops({ set: { "content-type": "text/x-note", "x-route": "%ROUTE_NAME%" } }) },
    name: "note",
  },
  "/headers": {
    name: "headed",
    headers: {
      request: ops({
        set: {
          "x-client": "%REQ(:method)% from %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
          "content-length": "0",
        },
        add: { "x-added": "1" },
        remove: ["x-secret", "transfer-encoding"],
      }),
      response: ops({ set: { "x-answer": "%RESPONSE_CODE% %RESP(x-app)%" }, remove: ["x-app"] }),
    },
  },
  "/authority": { headers: { request: ops({ set: { ":authority": "other.example" } }) } },
  "/measured": { statPrefix: "checkout", cors },
  "/measured-abort": { statPrefix: "aborted", fault: { abort: { httpStatus: 500, percent: 100 } } },
  "/measured-nowhere": { statPrefix: "nowhere", ...forward(destination("demo", "web", { subset: "empty" })) },
  "/regex": { rewrite: { regex: { match: "/v(\\d)/", rewrite: "/version-\\1/" }, authority: "rewritten" } },
};

const requests: string[] = [];
let app: TestServer;
let proxy: TestProxy;
let outbound: number;

beforeAll(async () => {
  app = await TestServer.start(
    application(() => ok("hello", "x-app: 7\r\naccess-control-allow-origin: *\r\n"), requests),
  );
  proxy = await TestProxy.start({
    file: CALLS_WEB,
    objects: webObjects([webAt(app.port)], {
      service: {
        common: view({
          clusters: [subset(""), subset("empty")],
          http: Object.entries(routes).map(([path, route]) => ({
            ...toWeb,
            ...route,
            matches: [
              {
                uri: { kind: "prefix", value: `${path}/` },
                headers: [],
                withoutHeaders: [],
                queryParams: [],
              },
            ],
          })),
        }),
      },
      client: { telemetry: { accessLog: true } },
    }),
  });
  outbound = proxy.port("outbound");
});
afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]();
  await app?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  requests.length = 0;
});

const ask = (path: string, headers = "", method = "GET") =>
  exchange(outbound, `${method} ${path} HTTP/1.1\r\nHost: web\r\n${headers}\r\n`);

/** The flags of the only request with this path, as the access log tells them. */
async function flagsOf(path: string): Promise<string | undefined> {
  const line = () => proxy.output.split("\n").find((each) => each.includes(` ${path} `));
  await eventually(() => line() !== undefined);
  return /" \d+ (\S+) /.exec(line() ?? "")?.[1];
}

describe("a fault", () => {
  it("answers in place of the application, and says so in the access log", async () => {
    const response = await ask("/abort/1");
    expect(statusOf(response)).toBe(418);
    expect(response.endsWith("\r\n\r\nfault filter abort")).toBe(true);
    expect(requests).toEqual([]);
    expect(await flagsOf("/abort/1")).toBe("FI");
  });

  it("takes the body of what it aborts, and keeps the connection", async () => {
    using client = await TestClient.open(outbound);
    const post = "POST /abort/2 HTTP/1.1\r\nHost: web\r\nContent-Length: 5\r\n\r\nhello";
    const text = await client.send(post).send("GET /never/1 HTTP/1.1\r\nHost: web\r\n\r\n").responses(2);
    expect(text.match(/HTTP\/1\.1 (\d+)/g)).toEqual(["HTTP/1.1 418", "HTTP/1.1 200"]);
  });

  it("answers gRPC with trailers alone, and others with the status that the route names", async () => {
    const grpc = await ask("/grpc-abort/1", "content-type: application/grpc+proto\r\n", "POST");
    expect(statusOf(grpc)).toBe(200);
    expect(grpc).toContain("\r\ncontent-type: application/grpc\r\ngrpc-status: 14\r\n");
    expect(grpc).toContain("\r\ncontent-length: 0\r\n");
    const plain = await ask("/grpc-abort/2");
    expect(statusOf(plain)).toBe(200);
    expect(plain).not.toContain("grpc-status");
  });

  it("delays by what it says, which is none of the route's timeout", async () => {
    const begun = performance.now();
    const response = await ask("/delay/1");
    expect(statusOf(response)).toBe(200);
    expect(performance.now() - begun).toBeGreaterThanOrEqual(DELAY_MS - 1);
    expect(await flagsOf("/delay/1")).toBe("DI");
  });

  it("delays, then aborts", async () => {
    const begun = performance.now();
    expect(statusOf(await ask("/both/1"))).toBe(503);
    expect(performance.now() - begun).toBeGreaterThanOrEqual(99);
    expect(await flagsOf("/both/1")).toBe("DI,FI");
  });

  it("forgets a delayed request whose client leaves", async () => {
    {
      using client = await TestClient.open(outbound);
      client.send("GET /delay/left HTTP/1.1\r\nHost: web\r\n\r\n");
      await sleep(50);
    }
    expect(await flagsOf("/delay/left")).toBe("DI,DC");
    await sleep(DELAY_MS + 50);
    expect(requests).toEqual([]);
  });

  it("of no request hits none", async () => {
    expect(statusOf(await ask("/never/2"))).toBe(200);
    expect(requests).toHaveLength(1);
  });
});

describe("a CORS policy", () => {
  const origin = "origin: https://shop.example\r\n";
  const preflight = `${origin}access-control-request-method: PUT\r\n`;

  it("answers preflights itself", async () => {
    const response = await ask("/cors/1", preflight, "OPTIONS");
    expect(statusOf(response)).toBe(200);
    for (const line of [
      "access-control-allow-origin: https://shop.example",
      "access-control-allow-credentials: true",
      "access-control-allow-methods: GET,PUT",
      "access-control-allow-headers: x-a",
      "access-control-max-age: 60",
      "content-length: 0",
    ]) {
      expect(response).toContain(`\r\n${line}\r\n`);
    }
    expect(requests).toEqual([]);
  });

  it("gives responses its headers in place of the application's", async () => {
    const response = await ask("/cors/2", origin);
    expect(response.match(/access-control-[^\r]*/g)?.sort()).toEqual([
      "access-control-allow-credentials: true",
      "access-control-allow-origin: https://shop.example",
      "access-control-expose-headers: x-b",
    ]);
  });

  it("leaves other origins to the application, or answers their preflights without a word", async () => {
    const other = preflight.replace("shop", "evil");
    expect(await ask("/cors/3", other, "OPTIONS")).toContain("access-control-allow-origin: *\r\n");
    expect(requests).toHaveLength(1);
    expect(await ask("/cors-ignore/1", other, "OPTIONS")).not.toContain("access-control");
    expect(requests).toHaveLength(1);
  });

  it("holds for the proxy's own answers, so that scripts see why; a fault comes before it", async () => {
    const allowed = "access-control-allow-origin: https://shop.example\r\n";
    expect(await ask("/cors-nowhere/1", origin)).toContain(allowed);
    expect(await ask("/cors-redirect/1", origin)).toContain(allowed);
    expect(await ask("/cors-abort/1", origin)).not.toContain("access-control");
    // What one request got is forgotten with the next.
    using client = await TestClient.open(outbound);
    const after = await client
      .send(`GET /cors-nowhere/2 HTTP/1.1\r\nHost: web\r\n${origin}\r\n`)
      .send("GET /abort/3 HTTP/1.1\r\nHost: web\r\n\r\n")
      .responses(2);
    expect(after.match(/access-control-allow-origin/g)).toHaveLength(1);
  });
});

describe("a direct response", () => {
  it("has the route's status, body and headers, variables filled in", async () => {
    const response = await ask("/direct/1");
    expect(statusOf(response)).toBe(503);
    expect(Buffer.from(response, "latin1").toString("utf8").endsWith("\r\n\r\nclosed für heute")).toBe(true);
    expect(response).toContain("\r\ncontent-type: text/x-note\r\nx-route: note\r\n");
    expect(response).not.toContain("text/plain");
  });
});

describe("header operations", () => {
  it("fill in what is known of the request and of the response, and never touch the framing", async () => {
    const body = "3\r\nabc\r\n0\r\n\r\n";
    const response = await exchange(
      outbound,
      `POST /headers/1 HTTP/1.1\r\nHost: web\r\nx-secret: 1\r\nTransfer-Encoding: chunked\r\n\r\n${body}`,
    );
    expect(requests[0]).toContain("\r\nx-client: POST from 127.0.0.1\r\nx-added: 1\r\n");
    expect(requests[0]).toContain("\r\nTransfer-Encoding: chunked\r\n");
    expect(requests[0]).not.toMatch(/x-secret|content-length/i);
    expect(requests[0]?.endsWith(body)).toBe(true);
    expect(response).toContain("\r\nx-answer: 200 7\r\n");
    expect(response).not.toContain("x-app");
  });

  it("set the authority in its place", async () => {
    await ask("/authority/1");
    expect(requests[0]?.match(/^(host|:authority):.*/gim)).toEqual(["host: other.example"]);
  });
});

describe("a rewrite", () => {
  it("changes path and authority, and leaves the query", async () => {
    await ask("/regex/v1/x?u=/v2/");
    expect(requests[0]).toMatch(/^GET \/regex\/version-1\/x\?u=\/v2\/ HTTP\/1\.1\r\nhost: rewritten\r\n/);
  });
});

describe("the context of a trace", () => {
  const contextOf = (request = "") => request.match(/^(traceparent|tracestate|b3|x-b3-[a-z]+):.*/gim);

  it("is begun for a request that has none, unsampled, and is another for each", async () => {
    await ask("/never/3");
    await ask("/never/4");
    const [first, second] = requests.map(contextOf);
    expect(first).toEqual([expect.stringMatching(/^traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)]);
    expect(second).not.toEqual(first);
  });

  it.each([
    ["W3C's", ["traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate: a=b"]],
    ["B3 in one header", ["b3: 80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1"]],
    ["B3 in several", ["X-B3-TraceId: 80f198ee56343ba864fe8b2a57d3eff7", "X-B3-Sampled: 1"]],
  ])("is passed on as it came: %s", async (_, lines) => {
    await ask("/never/5", lines.map((line) => `${line}\r\n`).join(""));
    expect(contextOf(requests[0])).toEqual(lines);
  });
});

describe("a route with a prefix for statistics", () => {
  const count = (name: string, labels: Readonly<Record<string, string>>) =>
    proxy.metric(`envoy_vhost_route_upstream_rq${name}`, labels);

  it("has its responses counted and timed under it", async () => {
    await ask("/measured/1");
    await ask("/measured/2");
    const route = { envoy_virtual_host: "web.demo.svc.cluster.local:80", envoy_route: "checkout" };
    expect(await count("", { ...route, envoy_response_code: "200" })).toBe(2);
    expect(await count("_xx", { ...route, envoy_response_code_class: "2" })).toBe(2);
    expect(await count("_completed", route)).toBe(2);
    expect(await count("_time_count", route)).toBe(2);
  });

  it("counts what no endpoint could be found for, too", async () => {
    expect(statusOf(await ask("/measured-nowhere/1"))).toBe(503);
    expect(await count("", { envoy_route: "nowhere", envoy_response_code: "503" })).toBe(1);
  });

  it("counts neither faults nor preflights, which no destination was sought for", async () => {
    const before = await count("_completed", {});
    expect(statusOf(await ask("/measured-abort/1"))).toBe(500);
    const preflight = "Origin: https://shop.example\r\nAccess-Control-Request-Method: PUT\r\n";
    expect(statusOf(await ask("/measured/3", preflight, "OPTIONS"))).toBe(200);
    await ask("/never/9");
    expect(await count("_completed", {})).toBe(before);
  });
});
