/** What runs on the cluster: the same pods in the mesh and without, and what a mesh's user would have applied. */
import { createClient, type KubeObject, loadConfig } from "../../../kube/index.ts";
import { services } from "../../../kube/resources.ts";
import {
  apply,
  call,
  deployment,
  eventually,
  get,
  kubectl,
  namespace,
  rollout,
  run,
  service,
} from "../../../test/support/e2e.ts";
import { authorizationPolicy, canary, peerAuthentication, subsets } from "../../../test/support/mesh.ts";
import { podsOf } from "./containers.ts";

export const MESHED = "bench-mesh";
export const PLAIN = "bench-plain";
export const MANY = "bench-many";
export const CLIENTS = ["client-a", "client-b", "client-c"] as const;
/** Where the backend of the loads listens in the server's pod, beside its application. */
export const LOAD_PORT = 8081;
const IDLE = 3;

/** `cpu`: what the sidecars under load request instead of the default (a quantity). */
export async function setTheScene(cpu?: string): Promise<void> {
  const annotations = cpu === undefined ? {} : { "sidecar.istio.io/proxyCPU": cpu };
  await clear();
  await namespace(MESHED, { injected: true });
  await namespace(PLAIN, { injected: false });
  for (const ns of [MESHED, PLAIN]) {
    await apply(
      loadService(ns),
      ...deployment({ name: "server", namespace: ns, annotations }),
      ...deployment({ name: "client", namespace: ns, annotations }),
    );
  }
  await apply(
    peerAuthentication(MESHED, "STRICT"),
    // The routes of a canary on the service under load, all to its only version.
    subsets(MESHED, "server"),
    canary(MESHED, 0, "server"),
    authorizationPolicy(MESHED, "server", "server", {
      action: "ALLOW",
      rules: [
        {
          from: [{ source: { namespaces: [MESHED] } }],
          to: [{ operation: { methods: ["GET"], paths: ["/*"] } }],
        },
      ],
    }),
    service(MESHED, "idle"),
    ...deployment({ name: "idle", namespace: MESHED, replicas: IDLE }),
    service(MESHED, "payment-service"),
    ...deployment({ name: "payment-v1", app: "payment-service", version: "v1", namespace: MESHED }),
    ...deployment({ name: "payment-v2", app: "payment-service", version: "v2", namespace: MESHED }),
    ...CLIENTS.flatMap((name) => deployment({ name, namespace: MESHED })),
    subsets(MESHED),
    canary(MESHED, 0),
  );
  await rollout(MESHED, "server", "client", "idle", "payment-v1", "payment-v2", ...CLIENTS);
  await rollout(PLAIN, "server", "client");
}

function loadService(ns: string): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "server", namespace: ns },
    spec: {
      selector: { app: "server" },
      ports: [{ name: "http", port: LOAD_PORT, targetPort: LOAD_PORT }],
    },
  };
}

/** New idle pods, which have called one service. */
export async function restartIdle(): Promise<void> {
  await kubectl(["rollout", "restart", "deployment/idle", "-n", MESHED]);
  await rollout(MESHED, "idle");
  await eventually("the old pods of idle gone", async () => (await podsOf(MESHED, "idle")).length === IDLE);
  for (const { pod } of await podsOf(MESHED, "idle")) {
    await call(MESHED, `pod/${pod}`, "http://idle:8080/", { count: 10 });
  }
}

export async function clusterAddress(ns: string): Promise<string> {
  return (await get<{ spec: { clusterIP: string } }>(["service", "server", "-n", ns])).spec.clusterIP;
}

/** So many services beside those of the scene, which nobody calls, `from` of which are there; resolves when control has published them. */
export async function addServices(count: number, from = 0): Promise<void> {
  if (from === 0) await namespace(MANY, { injected: false });
  const kubeconfig = (await run("hack/cluster", ["kubeconfig"])).stdout.trim();
  const client = createClient(await loadConfig({ kubeconfig }), { userAgent: "weft-bench" });
  let next = from;
  const worker = async () => {
    for (let i = next++; i < count; i = next++) {
      await client.create<KubeObject>(services, {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: `service-${i}`, namespace: MANY },
        spec: {
          selector: { app: `service-${i}` },
          ports: [{ name: "http", port: 80, targetPort: 8080 }],
        },
      });
    }
  };
  try {
    await Promise.all(Array.from({ length: 8 }, worker));
  } finally {
    client.close();
  }
  await eventually(
    `an index of ${count} services`,
    async () => {
      const { items } = await get<{ items: { status?: { index?: { services: unknown[] } } }[] }>([
        "serviceconfigs",
        "-n",
        MANY,
        "-l",
        "mesh.weft.dev/part=index",
      ]);
      return items.reduce((sum, each) => sum + (each.status?.index?.services.length ?? 0), 0) >= count;
    },
    { timeoutMs: 120_000, everyMs: 1_000 },
  );
}

export async function clear(): Promise<void> {
  await kubectl(
    ["delete", "namespace", MESHED, PLAIN, MANY, "--ignore-not-found", "--wait=true", "--timeout=180s"],
    { timeoutMs: 200_000 },
  );
}
