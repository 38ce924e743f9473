import { join } from "node:path";
import { cacheFolder } from "./binaries.ts";

/** Where the one cluster of this machine keeps its files; `down` removes the folder. */
export function clusterFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(cacheFolder(env), "cluster");
}

/** The files of the cluster as a whole. */
export interface Layout {
  readonly folder: string;
  readonly kubeconfig: string;
  /** A link to the executable; as `kubectl` it is kubectl. */
  readonly kubectl: string;
  readonly pki: string;
  /** Archives that were loaded, for nodes that join later. */
  readonly images: string;
  node(name: string): NodeLayout;
}

/** The files of one node. */
export interface NodeLayout {
  readonly folder: string;
  readonly logs: string;
  readonly config: string;
  readonly containerd: string;
  readonly kubelet: string;
  readonly etcd: string;
}

/** Names the files below `folder`. */
export function layout(folder: string): Layout {
  return {
    folder,
    kubeconfig: join(folder, "kubeconfig"),
    kubectl: join(folder, "kubectl"),
    pki: join(folder, "pki"),
    images: join(folder, "images"),
    node(name) {
      const node = join(folder, name);
      return {
        folder: node,
        logs: join(node, "logs"),
        config: join(node, "config"),
        containerd: join(node, "containerd"),
        kubelet: join(node, "kubelet"),
        etcd: join(node, "etcd"),
      };
    },
  };
}
