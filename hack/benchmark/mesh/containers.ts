/** Containers of pods as this machine sees them: the hermetic cluster's nodes run on it, so their processes are in /proc. */
import { readdirSync, readFileSync } from "node:fs";
import { get, run } from "../../../test/support/e2e.ts";

export interface PodContainers {
  readonly pod: string;
  /** Container ids by name. */
  readonly ids: Readonly<Record<string, string>>;
}

interface Status {
  readonly name: string;
  readonly containerID?: string;
}

/** The running pods with label `app`. */
export async function podsOf(namespace: string, app: string): Promise<PodContainers[]> {
  const { items } = await get<{
    items: {
      metadata: { name: string; deletionTimestamp?: string };
      status: { containerStatuses?: Status[]; initContainerStatuses?: Status[] };
    }[];
  }>(["pods", "-n", namespace, "-l", `app=${app}`, "--field-selector", "status.phase=Running"]);
  return items
    .filter((pod) => pod.metadata.deletionTimestamp === undefined)
    .map(({ metadata, status }) => ({
      pod: metadata.name,
      ids: Object.fromEntries(
        [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])].map((each) => [
          each.name,
          (each.containerID ?? "").replace("containerd://", ""),
        ]),
      ),
    }));
}

/** The processes of a container. */
export function processesOf(id: string): number[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      return readFileSync(`/proc/${name}/cgroup`, "utf8").includes(id) ? [Number(name)] : [];
    } catch {
      return []; // it has ended
    }
  });
}

/** The first process of a pod's container; throws when there is none. */
export function processIn({ pod, ids }: PodContainers, container: string): number {
  const id = ids[container];
  const [pid] = id === undefined || id === "" ? [] : processesOf(id);
  if (pid === undefined)
    throw new Error(`pod ${pod}: no process of its container ${container} on this machine`);
  return pid;
}

/** CPU that a process's threads have used, in microseconds (schedstat: nanoseconds on the core). */
export function cpuMicros(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
    } catch {
      // the thread has ended
    }
  }
  return nanoseconds / 1000;
}

/** Anonymous memory of a container, in MB, as its cgroup counts it. */
export async function anonymousMegabytes(id: string): Promise<number> {
  const output = await run("hack/cluster", ["node", "memory", id, "-o", "json"]);
  if (output.code !== 0) throw new Error(`hack/cluster node memory ${id}: ${output.stderr}`);
  return (JSON.parse(output.stdout) as { rss: number }).rss / 1e6;
}

/** Resident memory of a container's processes, in MB. */
export function residentMegabytes(id: string): number {
  const kilobytes = processesOf(id).map((pid) =>
    Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0),
  );
  return (kilobytes.reduce((sum, each) => sum + each, 0) * 1024) / 1e6;
}
