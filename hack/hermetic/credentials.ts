import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { apiServiceAddress, type NodeAddress, nodeAddress } from "./addresses.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import type { Layout } from "./layout.ts";
import { createAuthority, createTokenKeys, type Pair, type Subject } from "./pki.ts";

/** The controller-manager runs with an administrator's rights: with RBAC's own role it would have to wait for it. */
const clients: Readonly<Record<string, Subject>> = {
  admin: { commonName: "weft-admin", organizations: ["system:masters"] },
  "kube-controller-manager": {
    commonName: "system:kube-controller-manager",
    organizations: ["system:masters"],
  },
  "kube-scheduler": { commonName: "system:kube-scheduler", organizations: ["system:masters"] },
  "kube-proxy": { commonName: "system:kube-proxy" },
};

/**
 * Writes the certificates, keys and kubeconfigs of the control plane and of `nodes` into the cluster's folder.
 * All are made at once, for as many nodes as may join later: the authority's own key is not kept.
 */
export async function writeCredentials(
  files: Layout,
  server: string,
  nodes: readonly NodeAddress[],
): Promise<void> {
  const file = (name: string) => join(files.pki, name);
  await mkdir(files.pki, { recursive: true, mode: 0o700 });
  const authority = await createAuthority("weft-cluster");
  const writePair = async (name: string, pair: Pair) => {
    await writeFile(file(`${name}.crt`), pair.certificate, { mode: 0o600 });
    await writeFile(file(`${name}.key`), pair.key, { mode: 0o600 });
  };
  const tokens = createTokenKeys();
  const jobs: Promise<void>[] = [
    writeFile(file("ca.crt"), authority.certificate),
    writeFile(file("sa.key"), tokens.privateKey, { mode: 0o600 }),
    writeFile(file("sa.pub"), tokens.publicKey),
    authority
      .issue({
        commonName: "kube-apiserver",
        dns: [
          "localhost",
          "kubernetes",
          "kubernetes.default",
          "kubernetes.default.svc",
          "kubernetes.default.svc.cluster.local",
        ],
        ips: ["127.0.0.1", apiServiceAddress, nodeAddress(1).address],
      })
      .then((pair) => writePair("apiserver", pair)),
    authority
      .issue({ commonName: "kube-apiserver-kubelet-client", organizations: ["system:masters"] })
      .then((pair) => writePair("kubelet-client", pair)),
  ];
  const kubeconfig = async (path: string, subject: Subject) => {
    const client = await authority.issue(subject);
    await writeKubeconfig(path, { server, authority: authority.certificate, client });
  };
  for (const [name, subject] of Object.entries(clients)) {
    jobs.push(kubeconfig(name === "admin" ? files.kubeconfig : file(`${name}.kubeconfig`), subject));
  }
  for (const { name, address } of nodes) {
    const subject = { commonName: `system:node:${name}`, organizations: ["system:nodes"] };
    jobs.push(kubeconfig(file(`${name}.kubeconfig`), subject));
    jobs.push(
      authority.issue({ ...subject, dns: [name], ips: [address] }).then((pair) => writePair(name, pair)),
    );
  }
  await Promise.all(jobs);
}
