/**
 * What a DestinationRule's `credentialName` stands for: a Secret, or for authorities alone a ConfigMap, of the pod's own namespace.
 * Their keys are Istio's (ClientTLSSettings).
 */

/** PEM, as far as it is there. */
export interface Credential {
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  readonly anchors: string | undefined;
  /** Revocation lists of the authorities. */
  readonly lists: string | undefined;
}

export type CredentialResource = "secrets" | "configmaps";

/** Reads an object of the pod's namespace; undefined: there is none. Throws CredentialError when it may not be read. */
export type ReadObject = (resource: CredentialResource, name: string) => Promise<ObjectData | undefined>;

/** An object's content as text, by its keys. */
export type ObjectData = Readonly<Record<string, string>>;

/** A credential that is known to be of no use, until somebody changes it. */
export class CredentialError extends Error {
  override readonly name = "CredentialError";
}

interface Reference {
  readonly resource: CredentialResource;
  readonly name: string;
}

const SCHEME = /^(kubernetes|configmap):\/\/(?:([^/]*)\/)?(.*)$/;
/** RFC 1123: what an object may be called. */
const NAME = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** What a `credentialName` refers to, seen from a pod of the namespace. Throws CredentialError. */
export function referenceOf(text: string, namespace: string): Reference {
  const [, scheme = "kubernetes", of = namespace, name = text] = SCHEME.exec(text) ?? [];
  if (of !== namespace)
    throw new CredentialError(
      `credentialName ${text}: expected a name in the pod's own namespace, ${namespace}`,
    );
  if (!NAME.test(name))
    throw new CredentialError(`credentialName ${text}: expected the name of a Secret, or configmap://NAME`);
  return { resource: scheme === "configmap" ? "configmaps" : "secrets", name };
}

/**
 * Reads what a `credentialName` refers to. Authorities are those of the Secret NAME-cacert where there is one, else of NAME itself.
 * Throws CredentialError for what is not there, may not be read, or lacks what the mode needs; passes on what `read` throws.
 */
export async function readCredential(text: string, namespace: string, read: ReadObject): Promise<Credential> {
  const { resource, name } = referenceOf(text, namespace);
  if (resource === "configmaps") {
    const data = await read(resource, name);
    if (data === undefined) throw missing(`ConfigMap ${namespace}/${name}`);
    return { certificate: undefined, key: undefined, ...authoritiesIn(data) };
  }
  const look = (secret: string) => read(resource, secret).catch(refusal);
  const [own, apart] = await Promise.all([look(name), look(`${name}-cacert`)]);
  const authorities = isData(apart) ? apart : own;
  // A role for one of the two is enough where that has everything.
  if (!isData(authorities)) throw authorities ?? missing(`Secret ${namespace}/${name}`);
  return { ...pairIn(isData(own) ? own : {}), ...authoritiesIn(authorities) };
}

/** What a connection needs of it. Throws CredentialError for a credential without it. */
export function demand(
  credential: Credential,
  { text, mutual, verified }: { readonly text: string; readonly mutual: boolean; readonly verified: boolean },
): Credential {
  if (mutual && (credential.certificate === undefined || credential.key === undefined))
    throw new CredentialError(
      `credentialName ${text}: expected a certificate and its key for MUTUAL, under tls.crt and tls.key, or cert and key`,
    );
  if (verified && credential.anchors === undefined)
    throw new CredentialError(
      `credentialName ${text}: expected the server's authorities, under ca.crt or cacert of it or of ${text}-cacert`,
    );
  return credential;
}

function pairIn(data: ObjectData): Pick<Credential, "certificate" | "key"> {
  const generic = filled(data.cert) !== undefined && filled(data.key) !== undefined;
  return generic
    ? { certificate: data.cert, key: data.key }
    : { certificate: filled(data["tls.crt"]), key: filled(data["tls.key"]) };
}

function authoritiesIn(data: ObjectData): Pick<Credential, "anchors" | "lists"> {
  return {
    anchors: filled(data.cacert) ?? filled(data["ca.crt"]),
    lists: filled(data.crl) ?? filled(data["ca.crl"]),
  };
}

function filled(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === "" ? undefined : text;
}

function isData(found: ObjectData | CredentialError | undefined): found is ObjectData {
  return found !== undefined && !(found instanceof CredentialError);
}

function refusal(error: unknown): CredentialError {
  if (error instanceof CredentialError) return error;
  throw error;
}

function missing(what: string): CredentialError {
  return new CredentialError(
    `${what}: not found; a DestinationRule names it as credentialName, and it has to be in the pod's namespace`,
  );
}
