import { nodeAddress } from "./addresses.ts";
import { connect } from "./api.ts";
import { controlPlane, nodeComponents } from "./components.ts";
import type { Layout } from "./layout.ts";
import { runningComponents, runningNodes } from "./processes.ts";

/** The part of a Node that is read here. */
export interface NodeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** One node, as `status -o json` prints it. */
export interface NodeStatus {
  readonly name: string;
  readonly address: string;
  readonly zone: string;
  /** What the API server says of it. */
  readonly ready: boolean;
  /** Whether each component's process runs. */
  readonly components: Readonly<Record<string, boolean>>;
}

/** The cluster, as `status -o json` prints it. */
export interface Status {
  /** `up`: every node Ready with all its components; `degraded`: something is not; `down`: nothing runs. */
  readonly state: "up" | "degraded" | "down";
  readonly kind: "hermetic";
  readonly kubeconfig?: string;
  readonly version?: string;
  readonly nodes: readonly NodeStatus[];
}

/** Looks at processes and asks the API server; needs no more than 3 s when that does not answer. */
export async function status(files: Layout): Promise<Status> {
  const running = await runningNodes();
  if (running.size === 0) return { state: "down", kind: "hermetic", nodes: [] };
  const api = await connect(files.kubeconfig).catch(() => undefined);
  try {
    const version = (await api?.get("/version")) as { gitVersion: string } | undefined;
    const nodes = await Promise.all(
      [...running].map(async ([name, pid]): Promise<NodeStatus> => {
        const { number, address, zone } = nodeAddress(Number(name.slice("node-".length)));
        const components = await runningComponents(pid);
        const expected = [...(number === 1 ? controlPlane : []), ...nodeComponents];
        // Without the API server every further question would only wait.
        const object = version && ((await api?.get(`/api/v1/nodes/${name}`)) as NodeObject | undefined);
        return {
          name,
          address,
          zone,
          ready: object !== undefined && isReady(object),
          components: Object.fromEntries(expected.map((component) => [component, components.has(component)])),
        };
      }),
    );
    nodes.sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
    const good = nodes.every((node) => node.ready && Object.values(node.components).every(Boolean));
    return {
      state: good ? "up" : "degraded",
      kind: "hermetic",
      kubeconfig: files.kubeconfig,
      ...(version === undefined ? {} : { version: version.gitVersion }),
      nodes,
    };
  } finally {
    api?.close();
  }
}

/** Whether a Node has the condition Ready. */
export function isReady(node: NodeObject): boolean {
  return node.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
}

/** The status for a person. */
export function describeStatus(status: Status): string {
  if (status.state === "down") return "The cluster is down. Next: hack/cluster up";
  const lines = [
    `The cluster is ${status.state}: Kubernetes ${status.version ?? "does not answer"}, ${status.kubeconfig}`,
  ];
  for (const node of status.nodes) {
    const missing = Object.entries(node.components).flatMap(([name, runs]) => (runs ? [] : [name]));
    const rest = missing.length === 0 ? "" : `  not running: ${missing.join(", ")}`;
    lines.push(`  ${node.name}  ${node.address}  ${node.zone}  ${node.ready ? "Ready" : "NotReady"}${rest}`);
  }
  if (status.state === "degraded") lines.push("Next: hack/cluster up starts what is not running");
  return lines.join("\n");
}
