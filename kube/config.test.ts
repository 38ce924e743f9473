import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadConfig, parseKubeconfig } from "./config.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");
const kubeconfig = `
apiVersion: v1
kind: Config
current-context: dev
contexts:
- {name: dev, context: {cluster: one, user: alice, namespace: team}}
- {name: token, context: {cluster: one, user: bot}}
- {name: cloud, context: {cluster: one, user: cloud}}
- {name: lost, context: {cluster: two, user: alice}}
clusters:
- name: one
  cluster: {server: "https://k8s.example:6443/", certificate-authority: pki/ca.crt, tls-server-name: kubernetes}
users:
- {name: alice, user: {client-certificate-data: ${base64("CERT")}, client-key-data: ${base64("KEY")}}}
- {name: bot, user: {tokenFile: token}}
- name: cloud
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: get-token
      args: [--cluster, one]
      env: [{name: REGION, value: eu}]
`;
const at = (context?: string) => ({ path: "/home/me/.kube/config", context });

describe("a kubeconfig", () => {
  it("gives the current context: server, namespace, certificates inline or beside the file", () => {
    expect(parseKubeconfig(kubeconfig, at())).toEqual({
      server: "https://k8s.example:6443",
      namespace: "team",
      tlsServerName: "kubernetes",
      ca: { file: "/home/me/.kube/pki/ca.crt" },
      clientCertificate: { data: "CERT" },
      clientKey: { data: "KEY" },
    });
  });

  it("gives the context asked for, with a token's file or a program to run", () => {
    expect(parseKubeconfig(kubeconfig, at("token"))).toMatchObject({
      namespace: "default",
      token: { file: "/home/me/.kube/token" },
    });
    expect(parseKubeconfig(kubeconfig, at("cloud")).exec).toEqual({
      apiVersion: "client.authentication.k8s.io/v1",
      command: "get-token",
      args: ["--cluster", "one"],
      env: { REGION: "eu" },
    });
  });

  it("names the entry that is missing, and those that are there", () => {
    expect(() => parseKubeconfig(kubeconfig, at("prod"))).toThrow(
      'kubeconfig /home/me/.kube/config: contexts has no entry named "prod" (found: dev, token, cloud, lost)',
    );
    expect(() => parseKubeconfig(kubeconfig, at("lost"))).toThrow(
      'clusters has no entry named "two" (found: one)',
    );
    expect(() => parseKubeconfig("", at())).toThrow('contexts has no entry named "" (found: none)');
  });
});

describe("finding the cluster", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "weft-config-"));
    await writeFile(join(folder, "config"), kubeconfig);
    await writeFile(join(folder, "namespace"), "weft-system\n");
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const inPod = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "6443" };

  it("takes $KUBECONFIG before the pod's own account, and the pod's own account before the home folder", async () => {
    const file = join(folder, "config");
    const named = await loadConfig({ env: { ...inPod, KUBECONFIG: file } });
    expect(named.server).toBe("https://k8s.example:6443");
    expect(await loadConfig({ env: inPod, serviceAccountDirectory: folder })).toEqual({
      server: "https://[fd00::1]:6443",
      namespace: "weft-system",
      ca: { file: join(folder, "ca.crt") },
      token: { file: join(folder, "token") },
    });
  });

  it("says which file it could not read and what to do", async () => {
    await expect(loadConfig({ env: { HOME: folder } })).rejects.toThrow(
      `kubeconfig ${folder}/.kube/config cannot be read; set KUBECONFIG`,
    );
  });
});
