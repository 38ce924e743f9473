/** What is seen from a hermetic node: the sockets of a pod, and packets that get lost on their way to one. */
import { get, run } from "../../support/e2e.ts";
import { ns } from "./scene.ts";

interface Pod {
  readonly address: string;
  /** The number of its node. */
  readonly node: string;
}

export async function podOf(...labels: readonly string[]): Promise<Pod> {
  const { items } = await get<{ items: { spec: { nodeName: string }; status: { podIP: string } }[] }>([
    ...["pods", "-n", ns, "-l", labels.join(), "--field-selector", "status.phase=Running"],
  ]);
  const [{ spec, status } = { spec: { nodeName: "" }, status: { podIP: "" } }] = items;
  return { address: status.podIP, node: spec.nodeName.replace("node-", "") };
}

async function onNode(node: string, script: string): Promise<string> {
  const output = await run("hack/cluster", ["node", "exec", node, "--", "sh", "-c", script]);
  if (output.code !== 0) throw new Error(`hack/cluster node exec ${node}: ${output.stderr}\n${script}`);
  return output.stdout;
}

/** The connections of a pod that `ss` shows by a filter, a line each, with timers. */
export async function connectionsOf({ address, node }: Pod, filter: string): Promise<string[]> {
  const script = `
    for name in $(ls /run/netns); do
      if ip -n "$name" -4 -brief address | grep -q " ${address}/"; then
        ip netns exec "$name" ss --no-header --tcp --numeric --options state established '${filter}'
      fi
    done`;
  return (await onNode(node, script)).split("\n").filter((line) => line !== "");
}

/** Loses every packet from one pod to another while something runs. */
export async function losing<T>(from: Pod, to: Pod, during: () => Promise<T>): Promise<T> {
  const table = "inet weft_test_loss";
  const rule = `ip saddr ${from.address} ip daddr ${to.address} drop`;
  const chain = `chain forward {\n type filter hook forward priority filter;\n ${rule}\n}\n`;
  await onNode(to.node, `nft 'table ${table} {\n${chain}}'`);
  try {
    return await during();
  } finally {
    await onNode(to.node, `nft delete table ${table}`);
  }
}
