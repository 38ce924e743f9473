/** Authorities, requests and clocks for the tests of this folder. */
import { webcrypto } from "node:crypto";
import { type Authority, type AuthorityFiles, readAuthority } from "./authority.ts";
import type { AuthoritySource } from "./authority-files.ts";
import {
  createIntermediate,
  createRoot,
  type KeyPairPem,
  readSigningKey,
  type Validity,
} from "./certificates.ts";
import * as x509 from "./x509.ts";

export const day = 24 * 60 * 60_000;
export const testNow = Date.UTC(2026, 0, 1);
const tenYears = { notBefore: testNow - day, notAfter: testNow + 3650 * day };

export interface TestAuthority {
  readonly root: KeyPairPem;
  readonly files: Required<AuthorityFiles>;
  readonly authority: Authority;
}

/** A root, and an intermediate valid for a year around `testNow` or as told. */
export async function makeAuthority(
  options: { root?: KeyPairPem; validity?: Validity } = {},
): Promise<TestAuthority> {
  const root = options.root ?? (await createRoot("Test Root", tenYears));
  const validity = options.validity ?? { notBefore: testNow - day, notAfter: testNow + 365 * day };
  const intermediate = await createIntermediate(await readSigningKey(root), "Test Intermediate", validity);
  const files = {
    "ca-cert.pem": intermediate.certificate,
    "ca-key.pem": intermediate.key,
    "root-cert.pem": root.certificate,
    "cert-chain.pem": intermediate.certificate,
  };
  return { root, files, authority: readAuthority(files, "test") };
}

/** A source that a test replaces by hand. */
export function fakeSource(initial?: Authority): AuthoritySource & { replace(authority: Authority): void } {
  const listeners = new Set<(authority: Authority) => void>();
  let current = initial;
  return {
    current: () => current,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    replace(authority) {
      current = authority;
      for (const listener of listeners) listener(authority);
    },
  };
}

export async function makeCsr(
  algorithm: webcrypto.EcKeyGenParams | webcrypto.RsaHashedKeyGenParams = {
    name: "ECDSA",
    namedCurve: "P-256",
  },
): Promise<{ pem: string; keys: webcrypto.CryptoKeyPair }> {
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, [
    "sign",
    "verify",
  ])) as webcrypto.CryptoKeyPair;
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: "CN=spiffe://cluster.local/ns/kube-system/sa/admin",
    keys,
    signingAlgorithm: { ...algorithm, hash: "SHA-256" },
    extensions: [
      new x509.SubjectAlternativeNameExtension([
        { type: "url", value: "spiffe://cluster.local/ns/kube-system/sa/admin" },
      ]),
    ],
  });
  return { pem: csr.toString("pem"), keys };
}
