import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { appliedAt, proxies } from "../../hack/demonstration/proxies.ts";
import {
  apply,
  call,
  deployment,
  eventually,
  get,
  kubectl,
  namespace,
  podsIn,
  rollout,
  run,
  service,
  traffic,
} from "../support/e2e.ts";
import { canary, peerAuthentication, subsets } from "../support/mesh.ts";

const ns = "e2e-faults";
const url = "http://payment-service:8080/";
let mesh: Awaited<ReturnType<typeof namespace>>;

beforeAll(async () => {
  mesh = await namespace(ns, { injected: true });
  await apply(
    service(ns, "payment-service"),
    peerAuthentication(ns, "STRICT"),
    ...deployment({ name: "payment-v1", app: "payment-service", version: "v1", namespace: ns, replicas: 2 }),
    ...deployment({ name: "payment-v2", app: "payment-service", version: "v2", namespace: ns }),
    ...deployment({
      name: "order-service",
      namespace: ns,
      // Asked from the host while the API server is down: the one port that STRICT must not guard.
      annotations: { "traffic.sidecar.istio.io/excludeInboundPorts": "8080" },
    }),
    subsets(ns),
    canary(ns, 50),
  );
  await rollout(ns, "payment-v1", "payment-v2", "order-service");
  await call(ns, "deploy/order-service", url, { count: 20 });
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

/** 100 requests a second for `seconds`, while `fault` happens; every one of them must be answered with 200. */
async function loseNothing(seconds: number, fault: () => Promise<void>): Promise<void> {
  const load = traffic(ns, "deploy/order-service", url, { count: seconds * 100, rate: 100, concurrency: 8 });
  await fault();
  const summary = await load.stop();
  expect(summary.ok, JSON.stringify(summary)).toBe(seconds * 100);
}

const cluster = async (...args: string[]) => {
  const output = await run("hack/cluster", args);
  if (output.code !== 0) throw new Error(`hack/cluster ${args.join(" ")}: ${output.stderr}${output.stdout}`);
};

interface Pod {
  metadata: { name: string };
  status: {
    initContainerStatuses: {
      name: string;
      restartCount: number;
      containerID?: string;
      state: { running?: object };
    }[];
  };
}

describe("while traffic flows", () => {
  it("killing control loses no request", async () => {
    await loseNothing(8, async () => {
      await kubectl([
        "delete",
        "pod",
        "-n",
        "istio-system",
        "-l",
        "app=control",
        "--grace-period=0",
        "--force",
      ]);
    });
    await eventually("control is back", async () => {
      const output = await run("hack/kubectl", [
        "rollout",
        "status",
        "deployment/control-default",
        "-n",
        "istio-system",
        "--timeout=60s",
      ]);
      return output.code === 0;
    });
  });

  it("killing the operator loses no request", async () => {
    await loseNothing(5, async () => {
      await kubectl(["delete", "pod", "-n", "weft-system", "--all", "--grace-period=0", "--force"]);
    });
    await rollout("weft-system", "weft-operator");
  });

  it("deleting a pod loses no request", async () => {
    await loseNothing(10, async () => {
      const [pod] = await podsIn<Pod>(ns, "app=payment-service,version=v1");
      if (pod === undefined) throw new Error("no pod of payment-v1");
      await kubectl(["delete", "pod", pod.metadata.name, "-n", ns, "--wait=false"]);
    });
    await rollout(ns, "payment-v1");
  });

  it("a rolling restart of the service loses no request", async () => {
    await loseNothing(15, async () => {
      await kubectl(["rollout", "restart", "deployment/payment-v1", "deployment/payment-v2", "-n", ns]);
      await rollout(ns, "payment-v1", "payment-v2");
    });
  });

  // Last: Kubernetes itself needs a while to get over it.
  it("killing the API server loses no request, and a sidecar restarted meanwhile serves", async () => {
    const podsOfV2 = () => podsIn<Pod>(ns, "version=v2");
    const sidecarOf = ([pod]: readonly Pod[]) =>
      pod?.status.initContainerStatuses.find((c) => c.name === "istio-proxy");
    const proxy = sidecarOf(await podsOfV2());
    if (proxy?.containerID === undefined) throw new Error("no injected pod of payment-v2");
    const order = await podAddress("app=order-service");
    const target = await podAddress("version=v2");

    await cluster("component", "stop", "kube-apiserver", "--signal", "KILL");
    try {
      // kubectl exec needs the API server, so the application makes its requests on its own and is asked from the host.
      await fetchOk(`http://${order}:8080/load?url=${encodeURIComponent(url)}&count=500&rate=100`);
      await cluster("node", "kill-container", proxy.containerID.replace("containerd://", ""));
      await eventually("the restarted sidecar serves what the application asks of it", async () => {
        const response = await fetch(
          `http://${order}:8080/load?url=${encodeURIComponent(url)}&count=50&rate=100&header=x-canary:true`,
        );
        const summary = (await response.json()) as { ok: number; requests: number };
        return summary.ok === summary.requests;
      });
      const ready = await fetch(`http://${target}:15021/healthz/ready`);
      expect(ready.status).toBe(200);
    } finally {
      await cluster("component", "start", "kube-apiserver");
      // Their watches come back up to half a minute late (client-go's backoff), too late for the tests that follow.
      for (const component of ["kube-controller-manager", "kube-scheduler", "kube-proxy"]) {
        await cluster("component", "stop", component);
        await cluster("component", "start", component);
      }
    }
    const after = await eventually("the API server is back", podsOfV2);
    await heals();
    const restarted = sidecarOf(after);
    await eventually("the kubelet reported the restart", async () => {
      const status = sidecarOf(await podsOfV2());
      return (status?.restartCount ?? 0) > proxy.restartCount;
    });
    expect(restarted).toBeDefined();
  });
});

/** Waits until a change reaches the caller's proxy again, through control and both watches, and says how long that took. */
async function heals(): Promise<void> {
  const started = Date.now();
  await apply(canary(ns, 40));
  const { metadata } = await get<{ metadata: { generation: number } }>([
    "virtualservice",
    "payment-service",
    "-n",
    ns,
  ]);
  const generation = `VirtualService/${ns}/payment-service@${metadata.generation}`;
  const caller = (await proxies(ns)).find((proxy) => proxy.pod.startsWith("order-service"));
  if (caller === undefined) throw new Error(`no proxy of order-service in ${ns}`);
  await eventually(`${generation} in ${caller.pod}`, () => appliedAt(caller, generation), {
    timeoutMs: 15_000,
    everyMs: 100,
  });
  console.log(`a change after the API server's return reached the proxies in ${Date.now() - started} ms`);
}

async function podAddress(selector: string): Promise<string> {
  const pods = await podsIn<{ status: { podIP: string; phase: string } }>(ns, selector);
  const address = pods.find((pod) => pod.status.phase === "Running")?.status.podIP;
  if (address === undefined) throw new Error(`no running pod with ${selector} in ${ns}`);
  return address;
}

async function fetchOk(at: string): Promise<void> {
  const response = await fetch(at);
  const summary = (await response.json()) as { ok: number; requests: number };
  expect(summary.ok, JSON.stringify(summary)).toBe(summary.requests);
  expect(summary.requests).toBeGreaterThan(0);
}
