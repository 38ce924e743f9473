/** When DestinationRules set an endpoint aside, each on a path of one service of which v2 fails on `/flaky`. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { apply, call, eventually, kubectl } from "../../support/e2e.ts";
import { podOf } from "./network.ts";
import { applyWays, clearMesh, client, host, inTurns, istio, ns, url, type Way } from "./scene.ts";

const lasting = { baseEjectionTime: "300s", maxEjectionPercent: 100 };
const ejecting = (outlierDetection: object): Way => ({
  policy: { loadBalancer: inTurns, outlierDetection: { ...lasting, ...outlierDetection } },
  route: { retries: { attempts: 0 } },
});
const brief = { consecutive5xxErrors: 1, baseEjectionTime: "100ms" };
const split = { splitExternalLocalOriginErrors: true, consecutive5xxErrors: 2 };

/** A host of which one endpoint takes no connections. */
const broken = "240.240.0.3";

export function outlierTests(): void {
  beforeAll(async () => {
    await clearMesh();
    await applyWays(host, {
      any: ejecting({ consecutive5xxErrors: 2 }),
      gateway: ejecting({ consecutive5xxErrors: 0, consecutiveGatewayErrors: 2 }),
      codes: ejecting({ consecutive5xxErrors: 2, outlierDetectionHttpErrorCodes: [418] }),
      seldom: ejecting({ ...brief, interval: "300s" }),
      often: ejecting({ ...brief, interval: "200ms" }),
      long: ejecting({ consecutive5xxErrors: 1, interval: "200ms" }),
      all: ejecting({ consecutive5xxErrors: 1 }),
      half: ejecting({ consecutive5xxErrors: 1, maxEjectionPercent: 50 }),
    });
    const [good, bad] = await Promise.all([podOf(`app=${host},version=v1`), podOf("app=vault")]);
    await apply(
      istio("ServiceEntry", "broken", {
        hosts: ["broken.example"],
        addresses: [broken],
        ports: [{ number: 8080, name: "http", protocol: "HTTP" }],
        resolution: "STATIC",
        endpoints: [{ address: good.address }, { address: bad.address, ports: { http: 1 } }],
      }),
    );
    await applyWays(
      "broken.example",
      {
        "split-soon": ejecting({ ...split, consecutiveLocalOriginFailures: 2 }),
        "split-late": ejecting({ ...split, consecutiveLocalOriginFailures: 1_000 }),
        together: ejecting({ consecutive5xxErrors: 2 }),
      },
      { address: broken },
    );
  });
  afterAll(() => kubectl(["delete", "serviceentries", "--all", "-n", ns, "--wait=false"]));

  const served = async (path: string) => (await call(ns, client, `${url}${path}`, { count: 20 })).byVersion;
  const both = { v1: 10, v2: 10 };
  const failing = async (path: string) =>
    (await call(ns, client, `http://${broken}:8080${path}`, { count: 20 })).byStatus["503"] ?? 0;

  it.each([
    ["consecutive5xxErrors", "any", "200", "500"],
    ["consecutiveGatewayErrors", "gateway", "500", "503"],
    ["outlierDetectionHttpErrorCodes", "codes", "503", "418"],
  ])("%s counts some statuses, and not others", async (_, way, other, status) => {
    await served(`/${way}/flaky/${other}`);
    expect(await served(`/${way}/`)).toEqual(both);
    await served(`/${way}/flaky/${status}`);
    expect(await served(`/${way}/`)).toEqual({ v1: 20 });
  });

  it("baseEjectionTime and interval say when it may come back", async () => {
    await Promise.all(["seldom", "often", "long"].map((way) => served(`/${way}/flaky`)));
    await eventually("it back", async () => (await served("/often/")).v2 === 10);
    expect(await served("/seldom/")).toEqual({ v1: 20 });
    expect(await served("/long/")).toEqual({ v1: 20 });
  });

  it("maxEjectionPercent says how many of those that fail are used on", async () => {
    const then = async (way: string) => {
      await call(ns, client, `${url}/${way}/status/503`, { count: 20 });
      return (await call(ns, client, `${url}/${way}/`, { count: 20 })).byStatus;
    };
    expect(await Promise.all(["all", "half"].map(then))).toEqual([{ "503": 20 }, { "200": 20 }]);
  });

  it.each([
    ["set aside after consecutiveLocalOriginFailures", "split-soon", 0],
    ["used on where splitExternalLocalOriginErrors says that these are no 5xx", "split-late", 10],
    ["set aside after as many 5xx where they are", "together", 0],
  ])("an endpoint that takes no connections is %s", async (_, way, then) => {
    expect(await failing(`/${way}/`)).toBeGreaterThan(0);
    expect(await failing(`/${way}/`)).toBe(then);
  });
}
