import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createClient, type KubeObject, loadConfig } from "../../kube/index.ts";
import { pods as podResource } from "../../kube/resources.ts";
import { apply, call, deployment, get, kubectl, namespace, rollout, run, service } from "../support/e2e.ts";
import { describeDistribution, quantile } from "../support/statistics.ts";

const meshed = "e2e-overhead";
const plain = "e2e-overhead-plain";
const namespaces: AsyncDisposable[] = [];

beforeAll(async () => {
  namespaces.push(await namespace(meshed, { injected: true }), await namespace(plain, { injected: false }));
  await apply(service(meshed, "idle"), ...deployment({ name: "idle", namespace: meshed, replicas: 2 }));
  await rollout(meshed, "idle");
});
afterAll(async () => {
  for (const each of namespaces) await each[Symbol.asyncDispose]();
});

/** Milliseconds from the creation of a bare pod to its condition Ready, by a watch on this machine's clock. */
async function timeToReady(ns: string, name: string): Promise<number> {
  const kubeconfig = (await run("hack/cluster", ["kubeconfig"])).stdout.trim();
  const client = createClient(await loadConfig({ kubeconfig }), { userAgent: "weft-e2e" });
  try {
    const started = performance.now();
    const created = await client.create<KubeObject>(podResource, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: ns },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: "app",
            image: "weft.dev/test-app:dev",
            imagePullPolicy: "IfNotPresent",
            env: [{ name: "PORT", value: "8080" }],
          },
        ],
      },
    });
    const watch = client.watch<KubeObject>(
      podResource,
      {
        namespace: ns,
        fieldSelector: `metadata.name=${name}`,
        resourceVersion: created.metadata.resourceVersion ?? "0",
        timeoutSeconds: 60,
      },
      AbortSignal.timeout(60_000),
    );
    for await (const event of watch) {
      const status = event.object.status as { conditions?: { type: string; status: string }[] } | undefined;
      if (status?.conditions?.some((c) => c.type === "Ready" && c.status === "True"))
        return performance.now() - started;
    }
    throw new Error(`pod ${ns}/${name} was not Ready within 60 s`);
  } finally {
    client.close();
    await kubectl(["delete", "pod", name, "-n", ns, "--wait=true"]);
  }
}

describe("the sidecar", () => {
  it("adds at most 0.7 s to a pod's way to Ready", async () => {
    const withMesh: number[] = [];
    const without: number[] = [];
    await timeToReady(meshed, "warm-up");
    await timeToReady(plain, "warm-up");
    for (let round = 0; round < 11; round++) {
      without.push(await timeToReady(plain, `pod-${round}`));
      withMesh.push(await timeToReady(meshed, `pod-${round}`));
    }
    const share = quantile(withMesh, 0.5) - quantile(without, 0.5);
    console.log(`pod to Ready, without: ${describeDistribution(without, "ms")}`);
    console.log(`pod to Ready, injected: ${describeDistribution(withMesh, "ms")}`);
    console.log(`the sidecar's share at the median: ${share.toFixed(0)} ms`);
    expect(share).toBeLessThanOrEqual(700);
  });

  it("holds at most 10 MB of anonymous memory when idle", async () => {
    await call(meshed, "deploy/idle", "http://idle:8080/", { count: 10 });
    await delay(10_000);
    interface Pod {
      metadata: { name: string };
      status: { initContainerStatuses: { name: string; containerID: string }[] };
    }
    const list = await get<{ items: Pod[] }>(["pods", "-n", meshed, "-l", "app=idle"]);
    const sizes: number[] = [];
    for (const pod of list.items) {
      const id = pod.status.initContainerStatuses
        .find((c) => c.name === "istio-proxy")
        ?.containerID.replace("containerd://", "");
      const output = await run("hack/cluster", ["node", "memory", id ?? "?", "-o", "json"]);
      const { rss } = JSON.parse(output.stdout) as { rss: number };
      sizes.push(rss / 1e6);
    }
    console.log(`idle sidecar, anonymous memory (cgroup rss): ${describeDistribution(sizes, "MB")}`);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(10);
  });
});
