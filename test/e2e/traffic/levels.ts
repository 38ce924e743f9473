/** Which level of a DestinationRule decides: a subset's port before the subset, that before the port, that before the whole. */
import { beforeAll, describe, expect, it } from "vitest";
import { app, apply, ask, call, eventually } from "../../support/e2e.ts";
import { clearMesh, client, istio, levels, ns, said } from "./scene.ts";

const whole = `http://${levels}:8080`;
/** With settings of its own, and with some. */
const [port, other] = [8081, 8082];
const subset = "part";
/** What is called, and the level whose settings hold there. */
const at = [
  { level: "whole", url: whole },
  { level: "port", url: `http://${levels}:${port}` },
  { level: "subset", url: `${whole}/${subset}` },
  { level: "subset's port", url: `http://${levels}:${port}/${subset}` },
] as const;

/** Settings that tell of which level they are. */
const settings = (level: number, tls: string) => ({
  loadBalancer: { consistentHash: { httpHeaderName: `x-level-${level}` } },
  // The whole's bounds each pod's own side, too.
  connectionPool: { http: { http2MaxRequests: 8 - level } },
  outlierDetection: {
    consecutive5xxErrors: 1,
    outlierDetectionHttpErrorCodes: [410 + level],
    baseEjectionTime: "300s",
  },
  tls: { mode: tls },
});

const rule = istio("DestinationRule", levels, {
  host: levels,
  trafficPolicy: {
    ...settings(0, "ISTIO_MUTUAL"),
    portLevelSettings: [
      { port: { number: port }, ...settings(1, "DISABLE") },
      { port: { number: other }, loadBalancer: { simple: "ROUND_ROBIN" } },
    ],
  },
  subsets: [
    {
      name: subset,
      trafficPolicy: {
        ...settings(2, "DISABLE"),
        portLevelSettings: [{ port: { number: port }, ...settings(3, "ISTIO_MUTUAL") }],
      },
    },
    { name: "inherits", trafficPolicy: { connectionPool: { http: { http2MaxRequests: 4 } } } },
  ],
});
const led = (name: string) => ({
  match: [{ uri: { prefix: `/${name}/` } }],
  rewrite: { uri: "/" },
  route: [{ destination: { host: levels, subset: name } }],
});
const routes = istio("VirtualService", levels, {
  hosts: [levels],
  http: [led(subset), led("inherits"), { route: [{ destination: { host: levels } }] }],
});

export function levelTests(): void {
  beforeAll(async () => {
    await clearMesh();
    await apply(rule, routes);
    await eventually("the rules in force", async () => {
      return said(await ask(ns, client, `${whole}/inherits/path`)).path === "/path";
    });
  });

  const once = (url: string, headers: Record<string, string>) =>
    app<string[]>(
      ns,
      client,
      ...["call", "--url", `${url}/`, "--count", "40", "--versions"],
      ...Object.entries(headers).flatMap(([name, value]) => ["--header", `${name}:${value}`]),
    );
  const served = async (url: string) => (await call(ns, client, `${url}/`, { count: 40 })).byVersion;
  const atOnce = async (url: string) =>
    (await call(ns, client, `${url}/delay/2000`, { count: 12, concurrency: 12 })).byStatus["200"];

  describe.each(at.map((each, level) => ({ ...each, number: level })))("of the $level", ({ url, number }) => {
    it("the balancer holds", async () => {
      const versions = await Promise.all(at.map((_, level) => once(url, { [`x-level-${level}`]: "ann" })));
      expect(versions.map((each) => new Set(each).size)).toEqual(
        at.map((_, level) => (level === number ? 1 : 2)),
      );
    });

    it("the connection pool holds", async () => {
      expect(await atOnce(url)).toBe(8 - number);
    });

    it("tls holds", async () => {
      const { headers } = said(await ask(ns, client, `${url}/`));
      expect("x-forwarded-client-cert" in headers).toBe(number === 0 || number === 3);
    });

    it("outlier detection holds", async () => {
      const fail = (level: number) => call(ns, client, `${url}/flaky/${410 + level}`, { count: 20 });
      await Promise.all(at.map((_, level) => level !== number && fail(level)));
      expect((await served(url)).v2 ?? 0).toBeGreaterThan(0);
      await fail(number);
      expect(await served(url)).toEqual({ v1: 40 });
    });
  });

  it("a port has of the whole nothing that its settings leave out", async () => {
    const url = `http://${levels}:${other}`;
    expect(await atOnce(url)).toBe(12);
    await call(ns, client, `${url}/flaky/410`, { count: 20 });
    expect(await served(url)).toEqual({ v1: 20, v2: 20 });
  });

  it("a subset has of the whole what its policy leaves out", async () => {
    const url = `${whole}/inherits`;
    expect(await atOnce(url)).toBe(4);
    expect(new Set(await once(url, { "x-level-0": "ann" })).size).toBe(1);
    expect(Object.keys(await served(url))).toHaveLength(2);
    await call(ns, client, `${url}/flaky/410`, { count: 20 });
    expect(await served(url)).toEqual({ v1: 40 });
  });
}
