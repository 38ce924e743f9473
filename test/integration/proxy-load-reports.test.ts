import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import type { LoadBalancer } from "../../crds/service-config.ts";
import { binaryOf, jsonOf, type Metrics, textOf } from "../../proxy/balance/orca/report.fixture.ts";
import { subset, view } from "../../proxy/config/testdata.ts";
import { TestClient } from "../support/client.ts";
import { Http2App, Http2Client } from "../support/http2.ts";
import { TestProxy } from "../support/proxy.ts";
import { application, ok, TestServer } from "../support/server.ts";
import { CALLS_WEB, webAt, webObjects } from "../support/web.ts";

/** A real proxy in front of endpoints that say in their responses how loaded they are. */

/** Long enough for what is asked before the first update to be over by then, on a busy machine, too. */
const updateMs = 1_500;
const byLoad: LoadBalancer = {
  simple: "ROUND_ROBIN",
  backendUtilization: {
    metricNames: [],
    errorUtilizationPenalty: 1,
    expirationMs: 60_000,
    stabilizationMs: 0,
    updateMs,
  },
};

/** Serves a request in so many to which another with a report of 1 serves one. */
const weighing = (weight: number): Metrics => ({ rps_fractional: weight * 50, cpu_utilization: 0.5 });

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

async function proxyTo(
  ports: readonly number[],
  protocol: "http" | "grpc",
  loadBalancer = byLoad,
): Promise<number> {
  const proxy = await TestProxy.start({
    file: CALLS_WEB,
    objects: webObjects(
      ports.map((port) => webAt(port)),
      {
        ports: [{ port: 80, protocol }],
        service: { common: view({ clusters: [subset("", { loadBalancer })] }) },
      },
    ),
  });
  opened.push(proxy);
  return proxy.port("outbound");
}

/** Endpoints a, b, … of HTTP/1.1, each with a header that it adds to its responses. */
async function endpoints(...headers: string[]): Promise<number[]> {
  const servers = headers.map((header, i) =>
    TestServer.start(application(() => ok("abcdef"[i] ?? "", header === "" ? "" : `${header}\r\n`))),
  );
  const started = await Promise.all(servers);
  opened.push(...started);
  return started.map(({ port }) => port);
}

/** Who answers so many requests, one after another. */
async function ask(port: number, count: number): Promise<{ counts: Record<string, number>; last: string }> {
  using client = await TestClient.open(port);
  let read = "";
  let last = "";
  const counts: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    client.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n");
    const all = await client.responses(i + 1);
    last = all.slice(read.length);
    read = all;
    const name = last.slice(-1);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return { counts, last };
}

describe("load reports", () => {
  it("in heads give each endpoint its share, in whichever form, and go on to the client", async () => {
    const port = await proxyTo(
      await endpoints(
        `endpoint-load-metrics: ${textOf(weighing(1))}`,
        `Endpoint-Load-Metrics: ${jsonOf(weighing(2))}`,
        `endpoint-load-metrics-bin: ${binaryOf(weighing(3), false)}`,
        // Nothing that is a report: it has the median.
        "endpoint-load-metrics: TEXT rps=1",
      ),
      "http",
    );
    const first = await ask(port, 8);
    expect(first.counts).toEqual({ a: 2, b: 2, c: 2, d: 2 });
    expect(first.last.toLowerCase()).toContain("\r\nendpoint-load-metrics");
    await sleep(updateMs + 100);
    const { counts } = await ask(port, 80);
    for (const [name, share] of Object.entries({ a: 10, b: 20, c: 30, d: 20 }))
      expect(Math.abs((counts[name] ?? 0) - share)).toBeLessThanOrEqual(2);
  });

  it("in trailers of gRPC do so, too", async () => {
    const apps = await Promise.all(
      [1, 3].map((weight, i) =>
        Http2App.start((stream) => {
          stream.resume();
          stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
          const report = binaryOf(weighing(weight), i === 0);
          stream.on("wantTrailers", () =>
            stream.sendTrailers({ "grpc-status": "0", "endpoint-load-metrics-bin": report }),
          );
          stream.end("ab"[i]);
        }),
      ),
    );
    opened.push(...apps);
    using client = new Http2Client(
      await proxyTo(
        apps.map((app) => app.port),
        "grpc",
      ),
    );
    const call = {
      ":method": "POST",
      ":path": "/shop.Pay/Ask",
      "content-type": "application/grpc",
      te: "trailers",
    };
    const askAll = async (count: number) => {
      const answers = [];
      for (let i = 0; i < count; i++) answers.push(await client.ask(call, ""));
      return answers;
    };
    const [answer] = await askAll(4);
    expect(answer?.trailers["endpoint-load-metrics-bin"]).toBeDefined();
    await sleep(updateMs + 100);
    const bodies = (await askAll(40)).map(({ body }) => body.toString());
    expect(Math.abs(bodies.filter((body) => body === "b").length - 30)).toBeLessThanOrEqual(2);
  });

  it("change nothing where the policy is another", async () => {
    const reports = [1, 3].map((weight) => `endpoint-load-metrics: ${textOf(weighing(weight))}`);
    const port = await proxyTo(await endpoints(...reports), "http", { simple: "ROUND_ROBIN" });
    await ask(port, 4);
    await sleep(updateMs + 100);
    expect((await ask(port, 40)).counts).toEqual({ a: 20, b: 20 });
  });
});
