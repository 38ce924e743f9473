/** Certificates of a server outside the mesh and of its clients, and how the client's sidecar gets them. */
import {
  createLeafWithKey,
  createRoot,
  type KeyPairPem,
  readSigningKey,
} from "../../../control/ca/certificates.ts";
import { revocationList } from "../../support/revocation-list.ts";

export interface Files {
  /** Of who signed both. */
  readonly authority: string;
  /** Its revocation lists: of nobody, and of the server. */
  readonly lists: { readonly empty: string; readonly full: string };
  readonly server: KeyPairPem;
  readonly client: KeyPairPem;
}

/** The name in the server's certificate. */
export const serverName = "vault.example";
const folder = "/etc/vault";
const volume = "vault";

export async function makeFiles(): Promise<Files> {
  const valid = { notBefore: Date.now() - 3_600_000, notAfter: Date.now() + 24 * 3_600_000 };
  const root = await createRoot("Vault Root", valid);
  const issuer = await readSigningKey(root);
  const server = await createLeafWithKey(issuer, { dns: [serverName] }, valid);
  return {
    authority: root.certificate,
    lists: {
      empty: await revocationList(root, [], valid),
      full: await revocationList(root, [server.certificate], valid),
    },
    server,
    client: await createLeafWithKey(issuer, { dns: ["client.example"] }, valid),
  };
}

export function secret(namespace: string, { authority, client, lists }: Files): object {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: volume, namespace },
    stringData: {
      "ca.pem": authority,
      "crl-empty.pem": lists.empty,
      "crl-full.pem": lists.full,
      "client.pem": client.certificate,
      "client-key.pem": client.key,
    },
  };
}

/** What `credentialName` finds in the client's namespace, and the role that lets the client's sidecar read all but one. */
export const credentials = {
  /** With everything, of type tls. */
  whole: "vault-whole",
  /** Of type generic, whose authorities stand apart. */
  generic: "vault-generic",
  /** Authorities alone, in a ConfigMap. */
  roots: "vault-roots",
  forbidden: "vault-forbidden",
};
export const credentialRole = "vault-credentials";

export function credentialObjects(namespace: string, account: string, files: Files): object[] {
  const { authority, client } = files;
  const { whole, generic, roots, forbidden } = credentials;
  const metadata = (name: string) => ({ name, namespace });
  const ofTls = {
    apiVersion: "v1",
    kind: "Secret",
    type: "kubernetes.io/tls",
    stringData: { "tls.crt": client.certificate, "tls.key": client.key, "ca.crt": authority },
  };
  const secretOf = (name: string, stringData: object) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: metadata(name),
    stringData,
  });
  const list = (resource: string, resourceNames: readonly string[]) => ({
    apiGroups: [""],
    resources: [resource],
    resourceNames,
    verbs: ["list"],
  });
  return [
    { ...ofTls, metadata: metadata(whole) },
    { ...ofTls, metadata: metadata(forbidden) },
    secretOf(generic, { cert: client.certificate, key: client.key }),
    secretOf(`${generic}-cacert`, { cacert: authority }),
    { apiVersion: "v1", kind: "ConfigMap", metadata: metadata(roots), data: { "ca.crt": authority } },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "Role",
      metadata: metadata(credentialRole),
      rules: [
        list("secrets", [whole, generic, `${generic}-cacert`, "vault-none"]),
        list("configmaps", [roots]),
      ],
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: metadata(credentialRole),
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: credentialRole },
      subjects: [{ kind: "ServiceAccount", name: account, namespace }],
    },
  ];
}

/** Annotations that put the Secret into a pod's sidecar. */
export const mounted = {
  "sidecar.istio.io/userVolume": JSON.stringify({ [volume]: { secret: { secretName: volume } } }),
  "sidecar.istio.io/userVolumeMount": JSON.stringify({ [volume]: { mountPath: folder, readOnly: true } }),
};

/** Of a DestinationRule's `tls`. */
export const server = {
  sni: serverName,
  caCertificates: `${folder}/ca.pem`,
  subjectAltNames: [serverName],
};
export const lists = { empty: `${folder}/crl-empty.pem`, full: `${folder}/crl-full.pem` };
export const client = {
  clientCertificate: `${folder}/client.pem`,
  privateKey: `${folder}/client-key.pem`,
};
