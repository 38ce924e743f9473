import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  apply,
  call,
  deployment,
  eventually,
  namespace,
  podsIn,
  rollout,
  run,
  service,
} from "../support/e2e.ts";
import { describeDistribution, quantile } from "../support/statistics.ts";
import { timeToReady } from "../support/timing.ts";

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
    interface Pod {
      metadata: { name: string };
      status: { initContainerStatuses: { name: string; containerID: string }[] };
    }
    const pods = await podsIn<Pod>(meshed, "app=idle");
    const held = async () => {
      const sizes: number[] = [];
      for (const pod of pods) {
        const id = pod.status.initContainerStatuses
          .find((c) => c.name === "istio-proxy")
          ?.containerID.replace("containerd://", "");
        const output = await run("hack/cluster", ["node", "memory", id ?? "?", "-o", "json"]);
        const { rss } = JSON.parse(output.stdout) as { rss: number };
        sizes.push(rss / 1e6);
      }
      return sizes;
    };
    // On a busy machine it comes to rest later.
    const atRest = async () => {
      await delay(10_000);
      const sizes = await held();
      console.log(`idle sidecar, anonymous memory (cgroup rss): ${describeDistribution(sizes, "MB")}`);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(10);
      return sizes;
    };
    await eventually("idle sidecars at rest", atRest);
  });
});
