import { get, run } from "../../test/support/e2e.ts";

export interface Proxy {
  readonly pod: string;
  readonly address: string;
  readonly container: string;
}

/** The sidecars of a namespace's running pods. */
export async function proxies(namespace: string): Promise<Proxy[]> {
  interface Pod {
    metadata: { name: string; deletionTimestamp?: string };
    status: { podIP?: string; initContainerStatuses?: { name: string; containerID?: string }[] };
  }
  const pods = await get<{ items: Pod[] }>([
    "pods",
    "-n",
    namespace,
    "--field-selector",
    "status.phase=Running",
  ]);
  return pods.items.flatMap((pod) => {
    const id = pod.status.initContainerStatuses?.find((c) => c.name === "istio-proxy")?.containerID;
    const address = pod.status.podIP;
    if (id === undefined || address === undefined || pod.metadata.deletionTimestamp !== undefined) return [];
    return [{ pod: pod.metadata.name, address, container: id.replace("containerd://", "") }];
  });
}

/** Anonymous memory of a container in bytes, as its cgroup counts it (`rss`). */
export async function anonymousMemory(container: string): Promise<number> {
  const output = await run("hack/cluster", ["node", "memory", container, "-o", "json"]);
  if (output.code !== 0) throw new Error(`hack/cluster node memory ${container}: ${output.stderr}`);
  return (JSON.parse(output.stdout) as { rss: number }).rss;
}

interface Dump {
  objects: { name: string; appliedAt: number; generations: string[] }[];
}

/** When a proxy applied a generation (`VirtualService/ns/name@7`), in epoch milliseconds; undefined if it has not. */
export async function appliedAt(proxy: Proxy, generation: string): Promise<number | undefined> {
  const response = await fetch(`http://${proxy.address}:15020/config_dump`, {
    signal: AbortSignal.timeout(2_000),
  });
  const dump = (await response.json()) as Dump;
  return dump.objects.find((object) => object.generations.includes(generation))?.appliedAt;
}
