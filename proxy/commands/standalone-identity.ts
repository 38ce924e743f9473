/** An identity in PEM files, for a proxy without Kubernetes. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Identity } from "../identity/source.ts";
import { spiffeId } from "../net/spiffe.ts";

/** Names of files, as seen from the folder. */
export interface IdentityFiles {
  readonly certificate: string;
  readonly key: string;
  readonly trust: string;
}

/** Reads it. Throws TypeError that names the file which cannot be used. */
export async function readIdentity(folder: string, files: IdentityFiles): Promise<Identity> {
  const read = (member: keyof IdentityFiles) => readPem(`identity.${member}`, resolve(folder, files[member]));
  const [certChainPem, keyPem, trustBundle] = [
    await read("certificate"),
    await read("key"),
    await read("trust"),
  ];
  const parse = <T>(member: keyof IdentityFiles, expected: string, read: () => T): T => {
    try {
      return read();
    } catch {
      throw new TypeError(`identity.${member}: ${files[member]}: expected ${expected}, found none in it`);
    }
  };
  const leaf = parse("certificate", "a PEM certificate", () => new X509Certificate(certChainPem));
  const key = parse("key", "a PEM private key without a passphrase", () => createPrivateKey(keyPem));
  parse("trust", "PEM certificates of the peers' authorities", () => new X509Certificate(trustBundle));
  const id = spiffeId(leaf.subjectAltName);
  if (id === undefined) {
    throw new TypeError(
      `identity.certificate: ${files.certificate}: expected one SPIFFE id as its name, found ${leaf.subjectAltName ?? "none"}`,
    );
  }
  if (!leaf.checkPrivateKey(key)) {
    throw new TypeError(
      `identity.key: ${files.key}: expected the key of ${files.certificate}, found another; replace both together`,
    );
  }
  return { certChainPem, keyPem, trustBundle, notAfter: leaf.validToDate.getTime(), spiffeId: id };
}

async function readPem(field: string, path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new TypeError(
      `${field}: cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
