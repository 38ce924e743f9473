/** An identity in PEM files, for a proxy without Kubernetes; files that change take effect without a connection lost. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { watch } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Log } from "../config/log.ts";
import type { Identity, IdentitySource } from "../config/view.ts";
import { spiffeId } from "../net/spiffe.ts";

/** File names in the folder. */
export interface IdentityFiles {
  readonly certificate: string;
  readonly key: string;
  readonly trust: string;
}

export interface FileIdentity extends IdentitySource {
  close(): void;
}

/** Whoever replaces three files does it in several steps. In ms. */
const QUIET_MS = 100;

/** Reads the identity and watches its folder. Throws TypeError for files that cannot be used at the start. */
export async function startFileIdentity(
  folder: string,
  files: IdentityFiles,
  log: Log,
): Promise<FileIdentity> {
  let current = await read(folder, files);
  const listeners = new Set<() => void>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const reload = () => {
    read(folder, files).then(
      (next) => {
        if (next.certChainPem === current.certChainPem && next.trustBundle === current.trustBundle) return;
        current = next;
        log("info", "another certificate is in use", { identity: next.spiffeId });
        for (const listener of listeners) listener();
      },
      (error: unknown) => log("error", "the identity's files are not used", { folder, error: String(error) }),
    );
  };
  const watcher = watch(folder, () => {
    clearTimeout(timer);
    timer = setTimeout(reload, QUIET_MS);
  });
  return {
    current: () => current,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      clearTimeout(timer);
      watcher.close();
    },
  };
}

async function read(folder: string, files: IdentityFiles): Promise<Identity> {
  const [certChainPem, keyPem, trustBundle] = await Promise.all(
    [files.certificate, files.key, files.trust].map((name) => readFile(`${folder}/${name}`, "utf8")),
  );
  if (certChainPem === undefined || keyPem === undefined || trustBundle === undefined)
    throw new TypeError("unreachable");
  const leaf = new X509Certificate(certChainPem);
  const id = spiffeId(leaf.subjectAltName);
  if (id === undefined) {
    throw new TypeError(
      `${files.certificate}: expected one SPIFFE id as its name, found ${leaf.subjectAltName}`,
    );
  }
  if (!leaf.checkPrivateKey(createPrivateKey(keyPem))) {
    throw new TypeError(`${files.key}: expected the key of ${files.certificate}, found another`);
  }
  return { certChainPem, keyPem, trustBundle, notAfter: leaf.validToDate.getTime(), spiffeId: id };
}
