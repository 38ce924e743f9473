import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { apply, call, deployment, kubectl, namespace, rollout, service } from "../support/e2e.ts";
import { canary, subsets } from "../support/mesh.ts";
import { describeDistribution, quantile } from "../support/statistics.ts";

const ns = "e2e-propagation";
const url = "http://payment-service:8080/";
const clients = ["client-a", "client-b", "client-c"];
const rounds = 30;
let mesh: Awaited<ReturnType<typeof namespace>>;

beforeAll(async () => {
  mesh = await namespace(ns, { injected: true });
  await apply(
    service(ns, "payment-service"),
    ...deployment({ name: "payment-v1", app: "payment-service", version: "v1", namespace: ns }),
    ...deployment({ name: "payment-v2", app: "payment-service", version: "v2", namespace: ns }),
    ...clients.flatMap((name) => deployment({ name, namespace: ns })),
    subsets(ns),
    canary(ns, 0),
  );
  await rollout(ns, "payment-v1", "payment-v2", ...clients);
  for (const client of clients) await call(ns, `deploy/${client}`, url, { count: 20 });
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

/** Epoch milliseconds at which `client` first saw `version` answer. */
async function firstSeen(client: string, version: string): Promise<number> {
  const out = await kubectl([
    "exec",
    "-n",
    ns,
    `deploy/${client}`,
    "-c",
    "app",
    "--",
    "app",
    "watch",
    "--url",
    url,
    "--until",
    `version=${version}`,
    "--interval",
    "2ms",
    "--timeout",
    "10s",
  ]);
  return Number(out.trim());
}

describe("a change to a VirtualService", () => {
  it("is on the wire of every proxy concerned within 50 ms of kubectl apply returning at p50, 250 ms at p99", async () => {
    const lags: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const version = round % 2 === 0 ? "v2" : "v1";
      const seen = clients.map((client) => firstSeen(client, version));
      await delay(600); // every client is polling by then
      await apply(canary(ns, version === "v2" ? 100 : 0));
      const returned = Date.now();
      // The slowest proxy counts: a change has arrived when it has arrived everywhere.
      lags.push(Math.max(0, Math.max(...(await Promise.all(seen))) - returned));
    }
    console.log(
      `VirtualService to the wire of ${clients.length} proxies: ${describeDistribution(lags, "ms")}`,
    );
    expect(quantile(lags, 0.5)).toBeLessThanOrEqual(50);
    expect(quantile(lags, 0.99)).toBeLessThanOrEqual(250);
  });
});
