import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createClient, loadConfig } from "../../kube/index.ts";
import { kubectl, namespace, podsIn, run } from "../support/e2e.ts";

const ns = "e2e-admission";
let mesh: Awaited<ReturnType<typeof namespace>>;

beforeAll(async () => {
  mesh = await namespace(ns, { injected: true });
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

/** The injector's own latency histogram, summed over the replicas of control: seconds → cumulative count. */
async function injectorHistogram(): Promise<Map<number, number>> {
  const pods = await podsIn<{ status: { podIP: string } }>("istio-system", "app=control");
  const buckets = new Map<number, number>();
  for (const pod of pods) {
    const text = await (await fetch(`http://${pod.status.podIP}:15014/metrics`)).text();
    for (const match of text.matchAll(/^weft_webhook_duration_seconds_bucket\{([^}]*)\} (\d+)/gm)) {
      if (!match[1]?.includes(`path="/inject"`)) continue;
      const le = /le="([^"]+)"/.exec(match[1] ?? "")?.[1];
      const bound = le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le);
      buckets.set(bound, (buckets.get(bound) ?? 0) + Number(match[2]));
    }
  }
  return buckets;
}

describe("the injector", () => {
  it("answers with a p99 under 20 ms at 100 pods a second", async () => {
    const kubeconfig = (await run("hack/cluster", ["kubeconfig"])).stdout.trim();
    const client = createClient(await loadConfig({ kubeconfig }), { userAgent: "weft-e2e" });
    const before = await injectorHistogram();
    const total = 500;
    const started = Date.now();
    const created: Promise<unknown>[] = [];
    for (let i = 0; i < total; i++) {
      const due = started + i * 10;
      if (due > Date.now()) await new Promise((r) => setTimeout(r, due - Date.now()));
      // Dry-run: admission runs in full, and nothing has to be scheduled.
      created.push(
        client.request("POST", `/api/v1/namespaces/${ns}/pods`, {
          query: { dryRun: "All" },
          body: {
            apiVersion: "v1",
            kind: "Pod",
            metadata: { name: `p-${i}`, namespace: ns, labels: { app: "load" } },
            spec: {
              containers: [{ name: "app", image: "weft.dev/test-app:dev", ports: [{ containerPort: 8080 }] }],
            },
          },
        }),
      );
    }
    await Promise.all(created);
    const seconds = (Date.now() - started) / 1000;
    client.close();
    const after = await injectorHistogram();
    const count = (bound: number) => (after.get(bound) ?? 0) - (before.get(bound) ?? 0);
    const answered = count(Number.POSITIVE_INFINITY);
    const within = count(0.02);
    console.log(
      `injector: ${answered} reviews in ${seconds.toFixed(1)} s, ${((100 * within) / answered).toFixed(2)} % within 20 ms`,
    );
    expect(answered).toBeGreaterThanOrEqual(total);
    expect(within / answered).toBeGreaterThanOrEqual(0.99);
  });

  it("never injects twice: the pod that comes back from a dry-run is not changed again", async () => {
    const manifest = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "once", namespace: ns },
      spec: { containers: [{ name: "app", image: "weft.dev/test-app:dev" }] },
    };
    const first = await kubectl(["create", "-f", "-", "--dry-run=server", "-o", "json"], {
      input: JSON.stringify(manifest),
    });
    const injected = JSON.parse(first) as { spec: { initContainers: { name: string }[] } };
    const second = await kubectl(["create", "-f", "-", "--dry-run=server", "-o", "json"], { input: first });
    const again = JSON.parse(second) as { spec: { initContainers: { name: string }[] } };
    expect(injected.spec.initContainers.map((c) => c.name)).toEqual(["istio-init", "istio-proxy"]);
    expect(again.spec.initContainers.map((c) => c.name)).toEqual(["istio-init", "istio-proxy"]);
  });
});
