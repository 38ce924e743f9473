import {
  createIntermediate,
  createRoot,
  readCertificates,
  readSigningKey,
  unique,
  validity,
  writeCertificates,
} from "../../control/ca/index.ts";
import type { KubeObject } from "../../kube/index.ts";
import { authoritySecret, fieldManager, labels, rootSecret } from "../names.ts";
import {
  dataOf,
  intermediateLifetimeMs,
  publishedAnnotation,
  readRoot,
  readSecret,
  rootFiles,
  rootLifetimeMs,
} from "./decide.ts";

/** Clocks of nodes differ: a certificate begins a little before it was made. */
const backdateMs = 5 * 60_000;

/** A new root in the operator's namespace; with `old`, in its place (by its resourceVersion). */
export async function makeRootSecret(
  namespace: string,
  now: number,
  old: KubeObject | undefined,
): Promise<KubeObject> {
  const lifetime = { notBefore: now - backdateMs, notAfter: now + rootLifetimeMs };
  const root = await createRoot("Weft Root CA", lifetime);
  return secretOf(
    { name: rootSecret, namespace },
    { [rootFiles.certificate]: root.certificate, [rootFiles.key]: root.key },
    old,
  );
}

/**
 * `istio-ca-secret` with a new intermediate under the root. Anchors that `old` had stay trusted until they end, so that
 * what was signed before is.
 */
export async function makeAuthoritySecret(
  namespace: string,
  root: KubeObject,
  now: number,
  old: KubeObject | undefined,
): Promise<KubeObject> {
  const files = dataOf(root);
  const pair = { certificate: files[rootFiles.certificate] ?? "", key: files[rootFiles.key] ?? "" };
  const end = readRoot(root)?.notAfter ?? 0;
  const lifetime = { notBefore: now - backdateMs, notAfter: Math.min(now + intermediateLifetimeMs, end) };
  const intermediate = await createIntermediate(await readSigningKey(pair), "Weft Intermediate CA", lifetime);
  const data = {
    "ca-cert.pem": intermediate.certificate,
    "ca-key.pem": intermediate.key,
    "cert-chain.pem": intermediate.certificate,
    "root-cert.pem": anchors(pair.certificate, old, now),
  };
  return secretOf({ name: authoritySecret, namespace }, data, old, {
    [publishedAnnotation]: new Date(now).toISOString(),
  });
}

/** `istio-ca-secret` as it is, trusting the root besides. */
export function withRootPublished(root: KubeObject, old: KubeObject, now: number): KubeObject {
  const data = {
    ...dataOf(old),
    "root-cert.pem": anchors(dataOf(root)[rootFiles.certificate] ?? "", old, now),
  };
  const { name, namespace } = old.metadata;
  return secretOf({ name, namespace: namespace ?? "" }, data, old, {
    [publishedAnnotation]: new Date(now).toISOString(),
  });
}

/** The root's certificate first, then the anchors that were there and have not ended. */
function anchors(root: string, old: KubeObject | undefined, now: number): string {
  const before = old === undefined ? undefined : readSecret(old).authority?.trustBundle;
  const known = [root, before ?? ""].flatMap((text) => readCertificates(text, "trust bundle"));
  return writeCertificates(unique(known).filter((certificate) => validity(certificate).notAfter > now));
}

/** With `old`, the same object at the version that was read: a write in between makes this one fail. */
function secretOf(
  at: { readonly name: string; readonly namespace: string },
  data: Readonly<Record<string, string>>,
  old: KubeObject | undefined,
  annotations: Readonly<Record<string, string>> = {},
): KubeObject {
  const { resourceVersion } = old?.metadata ?? {};
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      ...at,
      labels: { ...old?.metadata.labels, [labels.managedBy]: fieldManager, [labels.partOf]: "weft" },
      annotations: { ...old?.metadata.annotations, ...annotations },
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
    type: "Opaque",
    data: Object.fromEntries(
      Object.entries(data).map(([name, text]) => [name, Buffer.from(text).toString("base64")]),
    ),
  };
}
