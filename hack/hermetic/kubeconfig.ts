import { writeFile } from "node:fs/promises";
import type { Pair } from "./pki.ts";

/** How a client reaches an API server, and as whom. */
export interface Access {
  readonly server: string;
  /** PEM of the authority that signed the server's certificate. */
  readonly authority: string;
  readonly client: Pair;
}

/** Writes a kubeconfig with everything embedded, readable by its owner alone. */
export async function writeKubeconfig(path: string, access: Access): Promise<void> {
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const lines = [
    "apiVersion: v1",
    "kind: Config",
    "current-context: weft",
    "clusters:",
    "- name: weft",
    "  cluster:",
    `    server: ${access.server}`,
    `    certificate-authority-data: ${base64(access.authority)}`,
    "users:",
    "- name: weft",
    "  user:",
    `    client-certificate-data: ${base64(access.client.certificate)}`,
    `    client-key-data: ${base64(access.client.key)}`,
    "contexts:",
    "- name: weft",
    "  context: { cluster: weft, user: weft }",
  ];
  await writeFile(path, `${lines.join("\n")}\n`, { mode: 0o600 });
}
