/** How long things take on a cluster, by the machine's own clock. */
import { setTimeout as delay } from "node:timers/promises";
import { createClient, type KubeObject, loadConfig } from "../../kube/index.ts";
import { pods } from "../../kube/resources.ts";
import { apply, kubectl, run } from "./e2e.ts";
import { canary } from "./mesh.ts";

/** Milliseconds from the creation of a bare pod to its condition Ready. The pod is gone afterwards. */
export async function timeToReady(namespace: string, name: string): Promise<number> {
  const kubeconfig = (await run("hack/cluster", ["kubeconfig"])).stdout.trim();
  const client = createClient(await loadConfig({ kubeconfig }), { userAgent: "weft-e2e" });
  try {
    const started = performance.now();
    const created = await client.create<KubeObject>(pods, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace },
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
      pods,
      {
        namespace,
        fieldSelector: `metadata.name=${name}`,
        resourceVersion: created.metadata.resourceVersion ?? "0",
        timeoutSeconds: 60,
      },
      AbortSignal.timeout(60_000),
    );
    for await (const event of watch) {
      const status = event.object.status as { conditions?: { type: string; status: string }[] } | undefined;
      if (status?.conditions?.some((c) => c.type === "Ready" && c.status === "True")) {
        return performance.now() - started;
      }
    }
    throw new Error(`pod ${namespace}/${name} was not Ready within 60 s`);
  } finally {
    client.close();
    await kubectl(["delete", "pod", name, "-n", namespace, "--wait=true"]);
  }
}

/**
 * Milliseconds from `kubectl apply` of a VirtualService returning until its change is on the wire of all clients' proxies, for
 * each of the rounds: the slowest counts. `url` is that of `payment-service`, which has the subsets v1 and v2.
 */
export async function changesToWire(
  namespace: string,
  clients: readonly string[],
  url: string,
  rounds: number,
): Promise<number[]> {
  const lags: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const version = round % 2 === 0 ? "v2" : "v1";
    const seen = clients.map((client) => firstSeen(namespace, client, url, version));
    await delay(1_500); // every client is polling by then, on a busy machine, too
    await apply(canary(namespace, version === "v2" ? 100 : 0));
    const returned = Date.now();
    lags.push(Math.max(0, Math.max(...(await Promise.all(seen))) - returned));
  }
  return lags;
}

/** Epoch milliseconds at which `client` first saw `version` answer. */
async function firstSeen(namespace: string, client: string, url: string, version: string): Promise<number> {
  const watch = ["app", "watch", "--url", url, "--until", `version=${version}`];
  const often = ["--interval", "2ms", "--timeout", "10s"];
  const out = await kubectl([
    "exec",
    "-n",
    namespace,
    `deploy/${client}`,
    "-c",
    "app",
    "--",
    ...watch,
    ...often,
  ]);
  return Number(out.trim());
}
