import { createPrivateKey, type KeyObject, type X509Certificate } from "node:crypto";
import type { KeyPairPem } from "./certificates.ts";
import { isSelfSigned, readCertificates, unique, validity, writeCertificates } from "./pem.ts";

/** The keys of the Secret `istio-ca-secret`, or of the user's `cacerts`. */
export const authorityFiles = ["ca-cert.pem", "ca-key.pem", "root-cert.pem", "cert-chain.pem"] as const;
/** File name → PEM text. `cert-chain.pem` may be absent when a root signs leaves itself. */
export type AuthorityFiles = Readonly<Partial<Record<(typeof authorityFiles)[number], string>>>;

/** A certificate authority whose parts belong together. */
export interface Authority {
  /** Of the certificate that signs: what tells one authority from the next. */
  readonly fingerprint: string;
  readonly pair: KeyPairPem;
  /** What follows a leaf on the wire: the signing certificate and those above it, anchors left out. */
  readonly chain: readonly string[];
  /** Every anchor of `root-cert.pem`, PEM. */
  readonly trustBundle: string;
  /** When the first certificate on the way from leaf to anchor begins and ends, milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/**
 * Reads an authority, proving that the key is the certificate's and that a chain leads from it to an anchor.
 * Validity in time is not judged here: see `notAfter`. Throws an error that names `where`, the key and the remedy.
 */
export function readAuthority(files: AuthorityFiles, where: string): Authority {
  const text = (name: (typeof authorityFiles)[number]) => {
    const found = files[name];
    if (found === undefined || found.trim() === "") {
      throw new Error(`${where} has no ${name}; expected the keys ${authorityFiles.join(", ")}`);
    }
    return found;
  };
  const signing = readCertificates(text("ca-cert.pem"), `${where}: ca-cert.pem`)[0];
  const anchors = unique(readCertificates(text("root-cert.pem"), `${where}: root-cert.pem`));
  const between = readCertificates(files["cert-chain.pem"] ?? "", `${where}: cert-chain.pem`);
  if (signing === undefined) throw new Error(`${where}: ca-cert.pem holds no certificate`);
  if (anchors.length === 0) throw new Error(`${where}: root-cert.pem holds no certificate`);
  const key = readKey(text("ca-key.pem"), `${where}: ca-key.pem`);
  if (!signing.checkPrivateKey(key)) {
    throw new Error(`${where}: ca-key.pem is not the key of the certificate in ca-cert.pem`);
  }
  if (!signing.ca)
    throw new Error(`${where}: ca-cert.pem is not a CA certificate (basicConstraints CA:TRUE)`);
  const path = pathToAnchor(signing, between, anchors);
  if (path === undefined) {
    throw new Error(
      `${where}: no chain leads from ca-cert.pem (${signing.subject.replaceAll("\n", ", ")}) through cert-chain.pem ` +
        "to an anchor in root-cert.pem; put the issuing root in root-cert.pem",
    );
  }
  return {
    fingerprint: signing.fingerprint256,
    pair: {
      certificate: signing.toString(),
      key: key.export({ format: "pem", type: "pkcs8" }).toString(),
    },
    chain: path.filter((certificate) => !isSelfSigned(certificate)).map((c) => c.toString()),
    trustBundle: writeCertificates(anchors),
    notBefore: Math.max(...path.map((certificate) => validity(certificate).notBefore)),
    notAfter: Math.min(...path.map((certificate) => validity(certificate).notAfter)),
  };
}

function readKey(pem: string, what: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new Error(`${what} holds no private key in PKCS #8, SEC 1 or PKCS #1`, { cause });
  }
}

/** From `signing` up to and with the anchor; undefined when none is reached. */
function pathToAnchor(
  signing: X509Certificate,
  between: readonly X509Certificate[],
  anchors: readonly X509Certificate[],
): X509Certificate[] | undefined {
  const path = [signing];
  const used = new Set([signing.fingerprint256]);
  for (;;) {
    const last = path.at(-1);
    if (last === undefined) return undefined;
    if (anchors.some((anchor) => anchor.fingerprint256 === last.fingerprint256)) return path;
    const issued = (by: X509Certificate) =>
      !used.has(by.fingerprint256) && last.checkIssued(by) && last.verify(by.publicKey);
    const next = anchors.find(issued) ?? between.find(issued);
    if (next === undefined) return undefined;
    used.add(next.fingerprint256);
    path.push(next);
  }
}

/** Whether it may sign at `now`. */
export function isValidAt(authority: Authority, now: number): boolean {
  return authority.notBefore <= now && now < authority.notAfter;
}
