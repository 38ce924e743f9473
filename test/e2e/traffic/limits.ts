/** What DestinationRules bound: lifetimes of TCP, retries, how many may be set aside; and who is preferred. */
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { proxies } from "../../../hack/demonstration/proxies.ts";
import { app, apply, call, eventually, kubectl, rollout } from "../../support/e2e.ts";
import { clearMesh, client, host, inForce, inTurns, istio, ns, url, wire } from "./scene.ts";

const mine = "http://my-service:8080";
const rule = (name: string, trafficPolicy: object) =>
  istio("DestinationRule", name, { host: name, trafficPolicy });
const retries = istio("VirtualService", host, {
  hosts: [host],
  http: [
    {
      route: [{ destination: { host } }],
      retries: { attempts: 4, retryOn: "5xx", backoff: "250ms" },
    },
  ],
});

interface Connection {
  readonly received: string;
  readonly end?: string;
}
/** How a connection that has said hello to an echo, and waits, ends within so many seconds. */
const waiting = async (seconds: number) => {
  const args = ["--to", `${wire}:9080`, "--send", "hello", "--until", "never", "--timeout", `${seconds}s`];
  const [connection] = await app<Connection[]>(ns, client, "connect", ...args);
  return connection;
};

export function limitTests(): void {
  beforeAll(clearMesh);
  afterEach(clearMesh);

  describe("an opaque connection", () => {
    it.each([
      ["that is silent for longer than the idle timeout", { idleTimeout: "1s" }],
      ["that is older than it may become", { maxConnectionDuration: "1s" }],
    ])("%s is ended", async (_, tcp) => {
      // What the test before has set goes a moment after it.
      await eventually("a connection that stays", async () => {
        const connection = await waiting(2);
        return connection?.received === "hello" && connection.end === "timeout";
      });
      await apply(rule(wire, { connectionPool: { tcp } }));
      const ended = await eventually("an end", async () => {
        const connection = await waiting(5);
        return connection?.end !== "timeout" && connection;
      });
      expect(ended.received).toBe("hello");
    });
  });

  it("retries under way are no more than the budget has", async () => {
    const flaky = () => call(ns, client, `${url}/flaky`, { count: 32, concurrency: 16 });
    const budget = (minRetryConcurrency: number) =>
      rule(host, { loadBalancer: inTurns, retryBudget: { percent: 0, minRetryConcurrency } });
    await apply(retries, budget(100));
    await eventually("every request served by a retry", async () => (await flaky()).ok === 32);
    await apply(budget(1));
    await eventually("failures that the budget does not retry", async () => {
      const { ok, byStatus } = await flaky();
      return ok > 0 && (byStatus["503"] ?? 0) > 0;
    });
  });

  it("those set aside are used all the same when too few are healthy", async () => {
    const ejecting = (minHealthPercent: number) =>
      rule("my-service", {
        outlierDetection: {
          consecutive5xxErrors: 1,
          baseEjectionTime: "60s",
          maxEjectionPercent: 100,
          minHealthPercent,
        },
        loadBalancer: { ...inTurns, localityLbSetting: { enabled: false } },
      });
    await apply(ejecting(0));
    await eventually("v1 set aside", async () => {
      await call(ns, client, `${mine}/flaky`, { count: 10 });
      return (await call(ns, client, mine, { count: 30 })).byVersion.v2 === 30;
    });
    await apply(ejecting(60));
    await eventually("both used, as half is fewer than 60 per cent", async () => {
      await call(ns, client, `${mine}/flaky`, { count: 10 });
      const { v1 = 0, v2 = 0 } = (await call(ns, client, mine, { count: 30 })).byVersion;
      return v1 > 0 && v2 > 0;
    });
  });

  it("endpoints with the labels that `failoverPriority` names come first", async () => {
    const preferring = (failoverPriority: string[]) =>
      rule("my-service", {
        outlierDetection: { consecutive5xxErrors: 100 },
        loadBalancer: { localityLbSetting: { failoverPriority } },
      });
    await apply(preferring(["version"]));
    await inForce(mine, "v1");
    await apply(preferring(["version=v2"]));
    await inForce(mine, "v2");
  });

  it("sidecars log requests as JSON while the MeshInstallation says so, with the names of their routes", async () => {
    const route = [{ destination: { host: "my-service" } }];
    const match = ["deep", "deeper"].map((name) => ({ name, uri: { prefix: `/${name}/` } }));
    await apply(
      istio("VirtualService", "my-service", {
        hosts: ["my-service"],
        http: [
          { name: "named", match, route },
          { name: "rest", route },
        ],
      }),
    );
    const set = async (spec: object) =>
      kubectl(["patch", "meshinstallation/default", "--type=merge", "-p", JSON.stringify({ spec })]);
    const id = `logged-${Date.now()}`;
    const logged = async (prefix = "") => {
      await call(ns, client, `${mine}${prefix}/${id}`, { count: 1 });
      const log = await kubectl(["logs", "-n", ns, client, "-c", "istio-proxy", "--tail=20"]);
      return log.split("\n").findLast((line) => line.includes(`${prefix}/${id}`));
    };
    await set({ accessLog: true, accessLogEncoding: "JSON" });
    try {
      const line = await eventually("a line", () => logged(), { timeoutMs: 150_000, everyMs: 2_000 });
      expect(JSON.parse(line)).toMatchObject({ method: "GET", path: `/${id}`, response_code: 200 });
      const nameOf = async (prefix: string) =>
        (JSON.parse(await eventually("a line", () => logged(prefix))) as { route_name: string }).route_name;
      expect(await nameOf("/deeper")).toBe("named.deeper");
      expect(await nameOf("/shallow")).toBe("rest");
    } finally {
      await set({ accessLog: null, accessLogEncoding: null });
    }
  });

  it("a sidecar of two processes serves as one does", async () => {
    const set = async (config: string | null, level: string | null) => {
      const annotations = { "proxy.istio.io/config": config, "sidecar.istio.io/logLevel": level };
      const patch = JSON.stringify({ spec: { template: { metadata: { annotations } } } });
      await kubectl(["patch", "deployment/api-gateway", "-n", ns, "-p", patch]);
      await rollout(ns, "api-gateway");
    };
    await set("concurrency: 2", "info");
    const { pod = "" } = (await proxies(ns)).find((each) => each.pod.startsWith("api-gateway")) ?? {};
    const log = await kubectl(["logs", "-n", ns, pod, "-c", "istio-proxy"]);
    expect(log.split("a worker listens").length - 1, log).toBe(2);
    const { ok } = await call(ns, client, "http://api-gateway:8080", { count: 200, concurrency: 8 });
    expect(ok).toBe(200);
    await set(null, null);
  });
}
