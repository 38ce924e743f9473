import { type Authority, type AuthorityFiles, readAuthority } from "../../control/ca/index.ts";
import type { KubeObject } from "../../kube/index.ts";
import { authoritySecret, broughtSecret, fieldManager, labels } from "../names.ts";

/** The Secrets as they are; undefined when there is none of that name. */
export interface CertificateSecrets {
  readonly root: KubeObject | undefined;
  readonly authority: KubeObject | undefined;
  readonly brought: KubeObject | undefined;
}

/** A Secret's authority, or why it is none. */
export type Reading =
  | { readonly authority: Authority; readonly error?: undefined }
  | { readonly authority?: undefined; readonly error: string };

/** The one next thing to do about the certificates; after each, the Secrets are read and judged again. */
export type Step =
  /** Nothing until `until` (milliseconds since the epoch). */
  | { readonly do: "rest"; readonly until: number }
  | { readonly do: "create-root" }
  /** The root is near its end: a new one takes its place, and its anchor joins the old one's. */
  | { readonly do: "replace-root"; readonly old: KubeObject }
  | { readonly do: "create-authority" }
  /** Trust the root before anything is signed under it. */
  | { readonly do: "publish-root"; readonly old: KubeObject }
  | { readonly do: "renew-authority"; readonly old: KubeObject };

const day = 24 * 60 * 60_000;
export const rootLifetimeMs = 3650 * day;
export const intermediateLifetimeMs = 365 * day;
/** An anchor reaches every proxy in a few minutes; nothing is signed under it before this long. */
export const publishedMs = 60 * 60_000;
/** When the root's anchor joined the bundle, RFC 3339. */
export const publishedAnnotation = "mesh.weft.dev/root-published-at";
/** When a resting controller looks again at the latest. */
const lookMs = 60 * 60_000;

export const rootFiles = { certificate: "root-cert.pem", key: "root-key.pem" } as const;

/** What the operator does about the Secrets at `now`. What users brought is never touched. */
export function decideCertificates(secrets: CertificateSecrets, now: number): Step {
  if (secrets.brought !== undefined) return { do: "rest", until: now + lookMs };
  if (secrets.authority !== undefined && !isOurs(secrets.authority))
    return { do: "rest", until: now + lookMs };
  const root = readRoot(secrets.root);
  if (root === undefined) {
    return secrets.root === undefined ? { do: "create-root" } : { do: "replace-root", old: secrets.root };
  }
  if (secrets.root !== undefined && now >= renewalOf(root)) return { do: "replace-root", old: secrets.root };
  const old = secrets.authority;
  if (old === undefined) return { do: "create-authority" };
  const { authority } = readSecret(old);
  if (authority === undefined) return { do: "renew-authority", old };
  if (!authority.trustBundle.includes(root.trustBundle.trim())) return { do: "publish-root", old };
  const isOldRoots = !isSignedBy(old, root);
  const renewAt = isOldRoots ? publishedAt(old) + publishedMs : renewalOf(authority);
  if (now >= Math.min(renewAt, authority.notAfter)) return { do: "renew-authority", old };
  return { do: "rest", until: Math.min(renewAt, now + lookMs) };
}

/** The Secret that control signs with, by the same preference as above. */
export function chosenSecret(secrets: CertificateSecrets): { name: string; secret: KubeObject | undefined } {
  return secrets.brought === undefined
    ? { name: authoritySecret, secret: secrets.authority }
    : { name: broughtSecret, secret: secrets.brought };
}

export function isOurs(secret: KubeObject): boolean {
  return secret.metadata.labels?.[labels.managedBy] === fieldManager;
}

/** Reads a Secret with the keys of `istio-ca-secret`. */
export function readSecret(secret: KubeObject): Reading {
  const { name, namespace } = secret.metadata;
  try {
    return { authority: readAuthority(filesOf(secret), `Secret ${namespace}/${name}`) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

/** The root as an authority of its own; undefined when there is none or it cannot be read. */
export function readRoot(secret: KubeObject | undefined): Authority | undefined {
  if (secret === undefined) return undefined;
  const files = dataOf(secret);
  const certificate = files[rootFiles.certificate] ?? "";
  try {
    const root = {
      "ca-cert.pem": certificate,
      "root-cert.pem": certificate,
      "ca-key.pem": files[rootFiles.key] ?? "",
    };
    return readAuthority(root, `Secret ${secret.metadata.namespace}/${secret.metadata.name}`);
  } catch {
    return undefined;
  }
}

/** Whether the Secret's signing certificate leads to this root, rather than to an older one. */
function isSignedBy(secret: KubeObject, root: Authority): boolean {
  try {
    readAuthority({ ...filesOf(secret), "root-cert.pem": root.trustBundle }, "");
    return true;
  } catch {
    return false;
  }
}

function filesOf(secret: KubeObject): AuthorityFiles {
  return dataOf(secret);
}

/** A Secret's data, decoded. */
export function dataOf(secret: KubeObject): Record<string, string> {
  const data = typeof secret.data === "object" && secret.data !== null ? secret.data : {};
  return Object.fromEntries(
    Object.entries(data).map(([name, value]) => [
      name,
      Buffer.from(String(value), "base64").toString("utf8"),
    ]),
  );
}

/** After two thirds of its life. */
function renewalOf({ notBefore, notAfter }: Authority): number {
  return notBefore + ((notAfter - notBefore) * 2) / 3;
}

function publishedAt(secret: KubeObject): number {
  const at = Date.parse(secret.metadata.annotations?.[publishedAnnotation] ?? "");
  return Number.isNaN(at) ? Number.NEGATIVE_INFINITY : at;
}
