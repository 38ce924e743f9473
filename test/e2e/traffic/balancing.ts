/** Load balancers of DestinationRules, each on a path of one service. */
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { app, ask, call, get } from "../../support/e2e.ts";
import { applyWays, clearMesh, client, host, ns, url, type Way } from "./scene.ts";

const simple = (algorithm: string): Way => ({ policy: { loadBalancer: { simple: algorithm } } });
const hash = (consistentHash: object): Way => ({ policy: { loadBalancer: { consistentHash } } });
const httpHeaderName = "x-user";
const cookie = {
  name: "payment",
  path: "/",
  ttl: "60s",
  attributes: [{ name: "SameSite", value: "Strict" }, { name: "Secure" }],
};
const tables = {
  "ring-standard": hash({ httpHeaderName }),
  "ring-small": hash({ httpHeaderName, ringHash: { minimumRingSize: 2 } }),
  "ring-formerly-small": hash({ httpHeaderName, minimumRingSize: 2 }),
  "maglev-standard": hash({ httpHeaderName, maglev: {} }),
  "maglev-small": hash({ httpHeaderName, maglev: { tableSize: 11 } }),
};
/** v1 has a third of v2's utilization, a tenth of its requests fail, and its queue is four times as long. */
const reports = {
  "x-answer-v1":
    "endpoint-load-metrics: TEXT rps_fractional=100,eps=10,cpu_utilization=0.2,named_metrics.queue=0.8",
  "x-answer-v2": `endpoint-load-metrics: JSON {"rps_fractional":100,"cpu_utilization":0.6,"named_metrics":{"queue":0.2}}`,
};
const byLoad = (own: object): Way => ({
  policy: {
    loadBalancer: {
      backendUtilization: { weightStabilizationPeriod: "0s", weightUpdatePeriod: "100ms", ...own },
    },
  },
});
const loaded = {
  "load-standard": byLoad({}),
  "load-alone": byLoad({ errorUtilizationPenaltyPercent: 0 }),
  "load-and-errors": byLoad({ errorUtilizationPenaltyPercent: 800 }),
  "load-named": byLoad({
    errorUtilizationPenaltyPercent: 0,
    metricNamesForComputingUtilization: ["named_metrics.queue"],
  }),
  "load-stabilizing": byLoad({ weightStabilizationPeriod: "10m" }),
  "load-expiring": byLoad({ weightExpirationPeriod: "5s" }),
  "load-seldom": byLoad({ weightUpdatePeriod: "10m" }),
};
const byLatency = ["UNSPECIFIED", "LEAST_CONN", "LEAST_REQUEST"];

export function balancingTests(): void {
  beforeAll(async () => {
    await clearMesh();
    await applyWays(host, {
      ...Object.fromEntries(byLatency.map((each) => [each.toLowerCase().replace("_", "-"), simple(each)])),
      turns: simple("ROUND_ROBIN"),
      random: simple("RANDOM"),
      direct: simple("PASSTHROUGH"),
      header: hash({ httpHeaderName }),
      query: hash({ httpQueryParameterName: "user" }),
      client: hash({ useSourceIp: true }),
      cookie: hash({ httpCookie: cookie }),
      ...tables,
      ...loaded,
    });
  });

  const served = async (path: string, count = 100, headers: Record<string, string> = {}) =>
    (await call(ns, client, `${url}${path}`, { count, headers })).byVersion;
  /** By whom the requests of users 0, 1, 2 … are answered. */
  const answered = (path: string, users: number) =>
    app<string[]>(
      ns,
      client,
      ...["call", "--url", `${url}${path}`, "--header", `${httpHeaderName}:{n}`],
      ...["--count", String(users), "--versions"],
    );

  it("ROUND_ROBIN takes turns among the endpoints", async () => {
    expect(await served("/turns/")).toEqual({ v1: 50, v2: 50 });
  });

  it("RANDOM draws one, whatever it answers", async () => {
    const drawn = await answered("/random/flaky", 400);
    const v1 = drawn.filter((each) => each === "v1").length;
    const v2 = drawn.filter((each) => each === "v2").length;
    expect(v1 + v2).toBe(400);
    // Not in turns, and within six standard deviations of half.
    expect(drawn.some((each, n) => each === drawn[n + 1])).toBe(true);
    expect(Math.abs(v1 - 200)).toBeLessThan(60);
  });

  it.each(byLatency)("%s spares an endpoint that fails", async (each) => {
    const { v1 = 0, v2 = 0 } = await served(`/${each.toLowerCase().replace("_", "-")}/flaky`);
    expect(v1 + v2).toBe(100);
    expect(v2).toBeLessThan(25);
  });

  it("PASSTHROUGH goes to the address that was called", async () => {
    const { items } = await get<{ items: { status: { podIP: string } }[] }>([
      ...["pods", "-n", ns, "-l", `app=${host},version=v2`],
    ]);
    const address = `http://${items[0]?.status.podIP}:8080`;
    const options = { count: 40, headers: { host: `${host}:8080` } };
    expect((await call(ns, client, `${address}/direct/`, options)).byVersion).toEqual({ v2: 40 });
    expect((await call(ns, client, `${address}/turns/`, options)).byVersion).toEqual({ v1: 20, v2: 20 });
  });

  describe("consistentHash", () => {
    it.each([
      ["header", "/header/"],
      ["query parameter", "/query/?user={n}"],
    ])("keeps requests of one user together by a %s", async (_, path) => {
      const [once, again] = [await answered(path, 40), await answered(path, 40)];
      expect(again).toEqual(once);
      expect([...new Set(once)].sort()).toEqual(["v1", "v2"]);
    });

    it("keeps requests of one client together by its address", async () => {
      expect(Object.values(await served("/client/", 60))).toEqual([60]);
    });

    it("gives clients a cookie to come back with, with its attributes", async () => {
      const { headers } = await ask(ns, client, `${url}/cookie/`);
      const given = String(headers["set-cookie"] ?? "");
      expect(given).toMatch(/^payment="?[0-9a-f]+"?; /);
      for (const attribute of ["Max-Age=60", "Path=/", "SameSite=Strict", "Secure"])
        expect(given.split("; ")).toContain(attribute);
      const mine = { cookie: given.slice(0, given.indexOf(";")) };
      expect(Object.values(await served("/cookie/", 40, mine))).toEqual([40]);
    });

    it("has users at one endpoint by a table of the kind and size that the policy says", async () => {
      const found: Record<string, string> = {};
      for (const name of Object.keys(tables)) {
        const once = await answered(`/${name}/`, 64);
        expect(await answered(`/${name}/`, 64)).toEqual(once);
        found[name] = once.join();
      }
      expect(found["ring-formerly-small"]).toBe(found["ring-small"]);
      const { "ring-formerly-small": _, ...others } = found;
      expect(new Set(Object.values(others)).size).toBe(Object.keys(others).length);
    });
  });

  describe("backendUtilization", () => {
    /** Has both report, waits, and counts who serves then. */
    const shares = async (name: string, { waitMs = 200, headers = {} } = {}) => {
      await served(`/${name}/`, 20, reports);
      await sleep(waitMs);
      return served(`/${name}/`, 120, headers);
    };

    it.each([
      ["load-standard", { v1: 80, v2: 40 }, "requests by utilization and errors"],
      ["load-alone", { v1: 90, v2: 30 }, "requests by utilization"],
      ["load-and-errors", { v1: 45, v2: 75 }, "errors as much as the policy says"],
      ["load-named", { v1: 24, v2: 96 }, "a metric of the application's own"],
      ["load-stabilizing", { v1: 60, v2: 60 }, "nothing before reports have come for long enough"],
      ["load-seldom", { v1: 60, v2: 60 }, "nothing before weights are computed again"],
    ])("%s: %j by %s", async (name, expected) => {
      const { v1 = 0, v2 = 0 } = await shares(name);
      expect(v1 + v2).toBe(120);
      expect(Math.abs(v1 - expected.v1)).toBeLessThanOrEqual(2);
    });

    it("forgets what nobody has reported again", async () => {
      const { v1 = 0 } = await shares("load-expiring", { headers: reports });
      expect(Math.abs(v1 - 80)).toBeLessThanOrEqual(2);
      expect(await shares("load-expiring", { waitMs: 5_500 })).toEqual({ v1: 60, v2: 60 });
    });

    it("lets the client see the report", async () => {
      const { headers } = await ask(ns, client, `${url}/load-standard/`, { headers: reports });
      expect(String(headers["endpoint-load-metrics"])).toMatch(/^(TEXT|JSON) /);
    });
  });
}
