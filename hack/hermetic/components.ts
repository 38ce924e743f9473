import { join } from "node:path";
import { apiPort, dnsAddress, type NodeAddress, podRange, serviceRange } from "./addresses.ts";
import type { Binaries } from "./binaries.ts";
import type { Layout } from "./layout.ts";

/** A process of the cluster: what to run in a node's namespaces. */
export interface Component {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

/** The processes of the control plane, in the order in which they start; they live on node 1. */
export const controlPlane = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"] as const;
/** The processes that every node has, in the order in which they start. */
export const nodeComponents = ["containerd", "kubelet", "kube-proxy"] as const;

/** Within a node: its /run is its own. */
export const containerdSocket = "/run/containerd/containerd.sock";
const etcdUrl = "http://127.0.0.1:2379";

/** The command line of every component of `node`, by name. */
export function components(
  node: NodeAddress,
  files: Layout,
  binaries: Binaries,
): ReadonlyMap<string, Component> {
  const pki = (name: string) => join(files.pki, name);
  const own = files.node(node.name);
  const kubeconfig = (name: string) => `--kubeconfig=${pki(`${name}.kubeconfig`)}`;
  const found = new Map<string, Component>();
  const kube = (name: string, ...args: readonly string[]) =>
    found.set(name, { name, command: binaries.kube, args: [name, ...args] });

  if (node.number === 1) {
    kube(
      "etcd",
      `--data-dir=${own.etcd}`,
      `--listen-client-urls=${etcdUrl}`,
      `--advertise-client-urls=${etcdUrl}`,
      "--listen-peer-urls=http://127.0.0.1:2380",
      // A test cluster's data need not survive a power failure; without fsync a write takes under a millisecond.
      "--unsafe-no-fsync=true",
      "--log-level=warn",
    );
    kube(
      "kube-apiserver",
      `--etcd-servers=${etcdUrl}`,
      `--advertise-address=${node.address}`,
      `--secure-port=${apiPort}`,
      `--client-ca-file=${pki("ca.crt")}`,
      `--tls-cert-file=${pki("apiserver.crt")}`,
      `--tls-private-key-file=${pki("apiserver.key")}`,
      `--kubelet-certificate-authority=${pki("ca.crt")}`,
      `--kubelet-client-certificate=${pki("kubelet-client.crt")}`,
      `--kubelet-client-key=${pki("kubelet-client.key")}`,
      // By name, `kubectl logs` and `exec` would need the host's resolver to know the nodes.
      "--kubelet-preferred-address-types=InternalIP",
      "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
      `--service-account-key-file=${pki("sa.pub")}`,
      `--service-account-signing-key-file=${pki("sa.key")}`,
      `--service-cluster-ip-range=${serviceRange}`,
      "--authorization-mode=Node,RBAC",
      "--allow-privileged=true",
    );
    kube(
      "kube-controller-manager",
      kubeconfig("kube-controller-manager"),
      `--root-ca-file=${pki("ca.crt")}`,
      `--service-account-private-key-file=${pki("sa.key")}`,
      "--leader-elect=false",
      // Its default is a folder of the host's.
      `--flex-volume-plugin-dir=${join(own.config, "volume-plugins")}`,
      // The defaults protect big clusters' API servers, and make a test wait in line.
      "--kube-api-qps=300",
      "--kube-api-burst=600",
    );
    kube(
      "kube-scheduler",
      kubeconfig("kube-scheduler"),
      "--leader-elect=false",
      "--kube-api-qps=300",
      "--kube-api-burst=600",
    );
  }
  found.set("containerd", {
    name: "containerd",
    command: "containerd",
    args: [`--config=${join(own.config, "containerd.toml")}`],
  });
  kube(
    "kubelet",
    kubeconfig(node.name),
    `--config=${join(own.config, "kubelet.yaml")}`,
    `--root-dir=${own.kubelet}`,
    `--hostname-override=${node.name}`,
    `--node-ip=${node.address}`,
    `--node-labels=topology.kubernetes.io/region=${node.region},topology.kubernetes.io/zone=${node.zone}`,
  );
  kube("kube-proxy", `--config=${join(own.config, "kube-proxy.yaml")}`, `--hostname-override=${node.name}`);
  return found;
}

/** The configuration files of a node, by name. */
export function nodeFiles(node: NodeAddress, files: Layout): ReadonlyMap<string, string> {
  const own = files.node(node.name);
  const pki = (name: string) => join(files.pki, name);
  return new Map([
    ["containerd.toml", containerdConfig(own.containerd, join(own.config, "cni"))],
    ["cni/10-weft.conflist", cniConfig(node)],
    ["resolv.conf", "# Names outside the cluster are not served.\n"],
    [
      "kubelet.yaml",
      `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: ${pki("ca.crt")} } }
authorization: { mode: Webhook }
tlsCertFile: ${pki(`${node.name}.crt`)}
tlsPrivateKeyFile: ${pki(`${node.name}.key`)}
containerRuntimeEndpoint: unix://${containerdSocket}
clusterDNS: [${dnsAddress}]
clusterDomain: cluster.local
resolvConf: ${join(own.config, "resolv.conf")}
cgroupDriver: cgroupfs
cgroupRoot: /weft-${node.name}
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
evictionHard: { memory.available: 1Mi, nodefs.available: 0.1%, imagefs.available: 0.1%, nodefs.inodesFree: 0.1% }
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
maxPods: 240
oomScoreAdj: 0
makeIPTablesUtilChains: false
kubeAPIQPS: 300
kubeAPIBurst: 600
registryPullQPS: 0
volumePluginDir: ${join(own.config, "volume-plugins")}
`,
    ],
    [
      "kube-proxy.yaml",
      `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: { kubeconfig: ${pki("kube-proxy.kubeconfig")} }
mode: nftables
clusterCIDR: ${podRange}
conntrack: { maxPerCore: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s }
nftables: { syncPeriod: 1h, minSyncPeriod: 0s }
oomScoreAdj: 0
`,
    ],
  ]);
}

function containerdConfig(folder: string, cni: string): string {
  return `version = 2
root = "${folder}"
state = "/run/containerd"
oom_score = 0
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "${containerdSocket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  # Without CAP_SYS_RESOURCE, as in most sandboxes, a score below the parent's can't be set, and no pod would start.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${cni}"
`;
}

/** Not \`bridge\`: through a bridge, the answers of a Service's endpoint on the same node would miss the un-NAT. */
function cniConfig(node: NodeAddress): string {
  const ptp = {
    type: "ptp",
    ipMasq: false,
    ipam: {
      type: "host-local",
      dataDir: "/run/cni",
      ranges: [[{ subnet: node.pods }]],
      routes: [{ dst: "0.0.0.0/0" }],
    },
  };
  return `${JSON.stringify({ cniVersion: "1.0.0", name: "weft", plugins: [ptp] }, undefined, 2)}\n`;
}

/** What holds a pod's namespaces. */
export const pauseImage = "weft.dev/pause:dev";
export const corednsImage = "weft.dev/coredns:dev";
