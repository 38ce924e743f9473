import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  apply,
  deployment,
  eventually,
  get,
  kubectl,
  namespace,
  podsIn,
  rollout,
  run,
  service,
} from "../support/e2e.ts";

const ns = "e2e-lifecycle";
let mesh: Awaited<ReturnType<typeof namespace>>;

beforeAll(async () => {
  mesh = await namespace(ns, { injected: true });
  await apply(service(ns, "payment-service"), ...deployment({ name: "payment-service", namespace: ns }));
  await rollout(ns, "payment-service");
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

interface Pod {
  metadata: { name: string; annotations: Record<string, string> };
  spec: {
    initContainers: { name: string; resources: object; restartPolicy?: string }[];
    containers: { name: string }[];
  };
  status: { phase: string; conditions: { type: string; status: string }[] };
}

describe("an injected pod", () => {
  it("has a native sidecar with the default resources, once", async () => {
    const [pod] = await podsIn<Pod>(ns, "app=payment-service");
    const sidecars = pod?.spec.initContainers.filter((c) => c.name === "istio-proxy") ?? [];
    expect(sidecars).toHaveLength(1);
    expect(sidecars[0]?.restartPolicy).toBe("Always");
    expect(sidecars[0]?.resources).toEqual({
      requests: { cpu: "10m", memory: "64Mi" },
      limits: { memory: "128Mi" },
    });
    expect(pod?.spec.containers.map((c) => c.name)).toEqual(["app"]);
  });

  it("makes its first outbound call in the mesh as soon as the application starts", async () => {
    await apply(
      ...deployment({
        name: "eager",
        namespace: ns,
        env: { FIRST_CALL_URL: "http://payment-service:8080/" },
      }),
    );
    await rollout(ns, "eager");
    const answer = await kubectl([
      "exec",
      "-n",
      ns,
      "deploy/eager",
      "-c",
      "app",
      "--",
      "app",
      "call",
      "--url",
      "http://127.0.0.1:8080/first-call",
      "--body",
    ]);
    expect(JSON.parse(answer)).toMatchObject({ status: 200 });
  });

  it("completes when it is a Job's", async () => {
    await apply({
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name: "once", namespace: ns },
      spec: {
        backoffLimit: 0,
        template: {
          spec: {
            restartPolicy: "Never",
            containers: [
              {
                name: "app",
                image: "weft.dev/test-app:dev",
                imagePullPolicy: "IfNotPresent",
                command: [
                  "app",
                  "call",
                  "--url",
                  "http://payment-service:8080/",
                  "--count",
                  "3",
                  "--fail",
                  "-o",
                  "json",
                ],
              },
            ],
          },
        },
      },
    });
    await kubectl(["wait", "job/once", "-n", ns, "--for=condition=Complete", "--timeout=60s"]);
    const pods = await get<{ items: Pod[] }>(["pods", "-n", ns, "-l", "job-name=once"]);
    expect(pods.items[0]?.spec.initContainers.map((c) => c.name)).toContain("istio-proxy");
    expect(pods.items[0]?.status.phase).toBe("Succeeded");
  });

  it("is not ready while its proxy has no configuration", async () => {
    // As the injector makes it, but of a revision that no control plane serves: its configuration never comes.
    const manifest = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "orphan", namespace: ns },
      spec: {
        containers: [{ name: "app", image: "weft.dev/test-app:dev", env: [{ name: "PORT", value: "8080" }] }],
      },
    };
    interface Injected {
      metadata: { labels: Record<string, string>; annotations: Record<string, string> };
      spec: { initContainers: { env?: { name: string; value?: string }[] }[] };
    }
    const printed = await kubectl(["create", "-f", "-", "--dry-run=server", "-o", "json"], {
      input: JSON.stringify(manifest),
    });
    const injected = JSON.parse(printed) as Injected;
    for (const variable of injected.spec.initContainers.flatMap((c) => c.env ?? [])) {
      if (variable.name === "WEFT_REVISION") variable.value = "nowhere";
    }
    const { labels, annotations } = injected.metadata;
    await apply({
      ...manifest,
      metadata: { ...manifest.metadata, labels, annotations },
      spec: injected.spec,
    });
    const proxy = await eventually("the proxy runs", async () => {
      const pod = await get<Pod & { status: { podIP?: string } }>(["pod", "orphan", "-n", ns]);
      if (pod.status.podIP === undefined) return undefined;
      const response = await fetch(`http://${pod.status.podIP}:15021/healthz/ready`);
      return { status: response.status };
    });
    expect(proxy.status).toBe(503);
    const output = await run("hack/kubectl", [
      "wait",
      "pod/orphan",
      "-n",
      ns,
      "--for=condition=Ready",
      "--timeout=5s",
    ]);
    expect(output.code).not.toBe(0);
    await kubectl(["delete", "pod", "orphan", "-n", ns, "--grace-period=1"]);
  });

  it("takes resources from annotations", async () => {
    await apply(
      ...deployment({
        name: "sized",
        namespace: ns,
        annotations: { "sidecar.istio.io/proxyCPU": "25m", "sidecar.istio.io/proxyMemoryLimit": "96Mi" },
      }),
    );
    await rollout(ns, "sized");
    const [pod] = await podsIn<Pod>(ns, "app=sized");
    const proxy = pod?.spec.initContainers.find((c) => c.name === "istio-proxy");
    expect(proxy?.resources).toMatchObject({ requests: { cpu: "25m" }, limits: { memory: "96Mi" } });
  });

  it("is left alone with the label sidecar.istio.io/inject=false", async () => {
    await apply(
      ...deployment({ name: "bare", namespace: ns, labels: { "sidecar.istio.io/inject": "false" } }),
    );
    await rollout(ns, "bare");
    const pods = await get<{ items: Pod[] }>(["pods", "-n", ns, "-l", "app=bare"]);
    expect(pods.items[0]?.spec.initContainers ?? []).toEqual([]);
  });
});
