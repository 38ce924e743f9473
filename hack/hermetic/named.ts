import type { Command } from "./arguments.ts";
import { ensureBinaries } from "./binaries.ts";
import { run } from "./run.ts";

/** `hack/cluster` for a cluster that the user brings: it is looked at, never changed. */
export async function named(
  command: Command,
  kubeconfig: string,
  report: (message: string) => void,
): Promise<number> {
  switch (command.name) {
    case "up":
    case "status": {
      const { kube } = await ensureBinaries(report);
      const kubectl = (...args: string[]) => run(kube, ["kubectl", "--kubeconfig", kubeconfig, ...args]);
      const version = JSON.parse(await kubectl("version", "-o", "json")) as {
        serverVersion?: { gitVersion: string };
      };
      const answer = { state: "up", kind: "named", kubeconfig, version: version.serverVersion?.gitVersion };
      if (command.name === "status") {
        console.log(command.json ? JSON.stringify(answer) : await kubectl("get", "nodes"));
        return 0;
      }
      const nodes = (await kubectl("get", "nodes", "-o", "name")).trim().split("\n").length;
      if (nodes < command.nodes)
        throw new Error(`the cluster of ${kubeconfig} has ${nodes} nodes; expected ${command.nodes}`);
      report(`the cluster of ${kubeconfig} answers: Kubernetes ${answer.version}`);
      return 0;
    }
    case "down":
      report(`the cluster of ${kubeconfig} is yours and stays`);
      return 0;
    case "kubeconfig":
      console.log(kubeconfig);
      return 0;
    case "load":
      for (const archive of command.archives) {
        report(`${archive} has to be where the nodes of ${kubeconfig} find it: push it to a registry that they pull from
  (skopeo copy docker-archive:${archive} docker://REGISTRY/NAME), or import it on every node, with
  "kind load image-archive", "k3d image import", "minikube image load" or "ctr -n k8s.io images import"`);
      }
      return 0;
    case "build":
      await ensureBinaries(report);
      return 0;
    default:
      throw new Error(
        `the cluster of ${kubeconfig} is yours: its nodes and components are not for this command to touch`,
      );
  }
}
