/** Connection pools and retry budgets of DestinationRules, each on a path of one service. */
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { app, ask, call, eventually } from "../../support/e2e.ts";
import { metric } from "./metric.ts";
import { connectionsOf, losing, podOf } from "./network.ts";
import {
  applyWays,
  clearMesh,
  client,
  host,
  inTurns,
  ns,
  outside,
  outsidePorts,
  said,
  url,
  type Way,
} from "./scene.ts";

const http = (settings: object, more: object = {}): Way => ({
  policy: { connectionPool: { http: settings } },
  ...more,
});
const retrying = (policy: object): Way => ({
  policy: { loadBalancer: inTurns, ...policy },
  route: { retries: { attempts: 4, retryOn: "5xx", backoff: "50ms" } },
});
const retries = (most: number) => retrying({ connectionPool: { http: { maxRetries: most } } });
/** Three retries, whatever comes of them. */
const failing = (more: object): Way => ({
  policy: { connectionPool: { http: { maxRetries: 100 } } },
  route: { retries: { attempts: 3, retryOn: "5xx", ...more } },
});
const tenth = { percent: 10, minRetryConcurrency: 0 };

const tcpKeepalive = { time: "1s", interval: "1s", probes: 2 };
const { http1, http2, echo } = outsidePorts;
/** What a port of HTTP/1.1 alone and one of HTTP/2 alone answer to a client that speaks HTTP/1.1. */
const versions: readonly [policy: string, settings: object, http1: string, http2: string][] = [
  ["DEFAULT", { h2UpgradePolicy: "DEFAULT" }, "HTTP/1.1", "none"],
  ["DO_NOT_UPGRADE", { h2UpgradePolicy: "DO_NOT_UPGRADE" }, "HTTP/1.1", "none"],
  ["UPGRADE", { h2UpgradePolicy: "UPGRADE" }, "none", "HTTP/2.0"],
  ["useClientProtocol", { useClientProtocol: true }, "HTTP/1.1", "none"],
];
const nameOf = (policy: string, port: number) => `${policy.toLowerCase().replaceAll("_", "-")}-${port}`;
const upgraded = (settings: object) => http({ h2UpgradePolicy: "UPGRADE", ...settings }, { port: http2 });

export function poolTests(): void {
  beforeAll(async () => {
    await clearMesh();
    await applyWays(host, {
      requests: http({ http2MaxRequests: 4 }),
      pending: {
        policy: { connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 2 } } },
      },
      two: http({ maxRequestsPerConnection: 2 }),
      "many-retries": retries(100),
      "one-retry": retries(1),
      "few-milliseconds": failing({}),
      "a-while": failing({ backoff: "500ms" }),
      "budget-now": retrying({ retryBudget: tenth }),
      "budget-of-a-minute": retrying({ retryBudget: { ...tenth, budgetInterval: "60s" } }),
    });
    const ports = [http1, http2];
    await applyWays(
      outside,
      {
        ...Object.fromEntries(
          versions.flatMap(([policy, settings]) =>
            ports.map((port) => [nameOf(policy, port), http(settings, { port })]),
          ),
        ),
        patient: http({ idleTimeout: "1h" }, { port: http1 }),
        idle: http({ idleTimeout: "500ms" }, { port: http1 }),
        streams: upgraded({ maxConcurrentStreams: 1 }),
        "many-streams": upgraded({}),
        pings: upgraded({ http2KeepAlive: { interval: "400ms", timeout: "20s" } }),
        "no-pings": upgraded({}),
        watched: upgraded({ http2KeepAlive: { interval: "500ms", timeout: "2s" } }),
        connect: { port: http1, policy: { connectionPool: { tcp: { connectTimeout: "300ms" } } } },
      },
      {
        trafficPolicy: {
          portLevelSettings: [{ port: { number: echo }, connectionPool: { tcp: { tcpKeepalive } } }],
        },
      },
    );
  });

  const at = (path: string) => `http://${outside}:${http1}${path}`;
  const peer = async (path: string) => said(await ask(ns, client, at(path))).peer;

  it("http2MaxRequests refuses at once what is too much at a time", async () => {
    const { byStatus } = await call(ns, client, `${url}/requests/delay/2000`, { count: 16, concurrency: 16 });
    expect(byStatus).toEqual({ "200": 4, "503": 12 });
  });

  it("http1MaxPendingRequests bounds who waits for one of the maxConnections", async () => {
    const { byStatus } = await call(ns, client, `${url}/pending/delay/1500`, { count: 16, concurrency: 16 });
    // Two wait, and one is served, unless that is one of the two whose connection is only being opened.
    expect([2, 3]).toContain(byStatus["200"]);
    expect(byStatus["503"]).toBe(16 - (byStatus["200"] ?? 0));
  });

  it("maxRequestsPerConnection gives each connection as many requests as it may have", async () => {
    const inbound = { side: "inbound" };
    const connections = async () =>
      (await metric("payment-v1", "weft_connections_total", inbound)) +
      (await metric("payment-v2", "weft_connections_total", inbound));
    const before = await connections();
    expect((await call(ns, client, `${url}/two/`, { count: 40 })).ok).toBe(40);
    // One more may be of the policies that were in force before.
    expect((await connections()) - before).toBeGreaterThanOrEqual(20);
  });

  describe("retries", () => {
    const flaky = (way: string, concurrency: number, count = 32) =>
      call(ns, client, `${url}/${way}/flaky`, { count, concurrency });

    it("under way are no more than maxRetries", async () => {
      expect((await flaky("many-retries", 16)).byStatus).toEqual({ "200": 32 });
      // So many that several are retried, one after another: a single retry may take v1's turn from a request.
      const { byStatus } = await flaky("one-retry", 16, 320);
      expect(byStatus["200"]).toBeGreaterThan(160);
      expect(byStatus["503"]).toBeGreaterThan(0);
    });

    it("come after a random part of the backoff, times one, three and seven", async () => {
      const latest = async (way: string) =>
        (await call(ns, client, `${url}/${way}/status/503`, { count: 20, concurrency: 20 })).latency_ms.max;
      // The longest takes 275 ms.
      expect(await latest("few-milliseconds")).toBeLessThan(2_000);
      // That all twenty are so early by chance happens once in ten thousand million times.
      expect(await latest("a-while")).toBeGreaterThan(2_000);
    });

    it("of the last budgetInterval count beside those under way", async () => {
      expect((await flaky("budget-now", 1)).byStatus).toEqual({ "200": 32 });
      const { byStatus } = await flaky("budget-of-a-minute", 1);
      expect(byStatus["200"]).toBeGreaterThan(16);
      expect(byStatus["503"]).toBeGreaterThan(8);
    });
  });

  describe("the version of HTTP", () => {
    const answer = async (policy: string, port: number) => {
      const found = await ask(ns, client, at(`/${nameOf(policy, port)}/`));
      return found.status === 200 ? said(found).protocol : "none";
    };

    it.each(versions)("is as %s says", async (policy, _, one, two) => {
      expect(await Promise.all([answer(policy, http1), answer(policy, http2)])).toEqual([one, two]);
    });

    it("is the client's own with useClientProtocol", async () => {
      const statuses = async (policy: string) => {
        const path = `/${nameOf(policy, http2)}/greeter.Greeter/Greet`;
        const args = ["--url", at(""), "--path", path, "--count", "4"];
        return (await app<{ byStatus: object }>(ns, client, "grpc", ...args)).byStatus;
      };
      expect(await statuses("useClientProtocol")).toEqual({ "0": 4 });
      expect(await statuses("DO_NOT_UPGRADE")).not.toHaveProperty("0");
    });
  });

  describe("a connection", () => {
    it("that is idle for idleTimeout is closed", async () => {
      const [kept, idle] = await Promise.all([peer("/patient/"), peer("/idle/")]);
      await sleep(2_000);
      expect(await peer("/patient/")).toBe(kept);
      expect(await peer("/idle/")).not.toBe(idle);
    });

    const open = async () => (await connectionsOf(await podOf("app=vault"), "( sport = :9082 )")).length;

    it("of HTTP/2 has no more streams at a time than maxConcurrentStreams", async () => {
      const opened = async (way: string) => {
        const before = await open();
        const { ok } = await call(ns, client, at(`/${way}/delay/2000`), { count: 8, concurrency: 8 });
        expect(ok).toBe(8);
        return (await open()) - before;
      };
      expect(await opened("streams")).toBe(8);
      expect(await opened("many-streams")).toBe(1);
    });

    it("of HTTP/2 on which nothing comes for http2KeepAlive's interval is asked by a ping", async () => {
      const first = await Promise.all(["/pings/", "/no-pings/"].map(peer));
      await sleep(3_000);
      const [asked, left] = await Promise.all(
        ["/pings/", "/no-pings/"].map(async (path) => said(await ask(ns, client, at(path)))),
      );
      expect([asked?.peer, left?.peer]).toEqual(first);
      expect(asked?.pings).toBeGreaterThan(1);
      expect(left?.pings).toBe(0);
    });
  });

  it("notices a peer that is silent: when it connects, by TCP's probes, by HTTP/2's pings", async () => {
    const [from, to] = await Promise.all([podOf("app=order-service"), podOf("app=vault")]);
    const [kept, hello] = [`${outside}:${echo}`, ["--send", "hello", "--until", "never", "--timeout", "20s"]];
    const probed = timed(
      app<{ received: string; end?: string }[]>(ns, client, "connect", "--to", kept, ...hello),
    );
    const pinged = timed(call(ns, client, at("/watched/delay/20000"), { timeoutMs: 20_000 }));
    await eventually("both connections", async () => {
      const lines = await connectionsOf(to, `( sport = :${echo} or sport = :9082 ) and dst ${from.address}`);
      return lines.some((line) => line.includes(`:${echo} `)) && lines.length > 1;
    });
    await losing(from, to, async () => {
      const { byStatus, latency_ms } = await call(ns, client, at("/connect/"), { timeoutMs: 20_000 });
      expect(byStatus).toEqual({ "503": 1 });
      expect(latency_ms.max).toBeGreaterThan(299);
      // The first try and two more; one that is patient takes ten seconds.
      expect(latency_ms.max).toBeLessThan(9_000);
      const [{ result, ms }, request] = await Promise.all([probed, pinged]);
      expect(result).toEqual([{ received: "hello", end: expect.not.stringMatching("timeout") }]);
      // A second of silence, and two probes.
      expect(ms).toBeLessThan(15_000);
      expect(request.result.byStatus).toEqual({ "503": 1 });
      expect(request.ms).toBeLessThan(15_000);
    });
  });
}

/** What comes of it, and how long that takes. */
async function timed<T>(promise: Promise<T>): Promise<{ result: T; ms: number }> {
  const begun = performance.now();
  return { result: await promise, ms: performance.now() - begun };
}
