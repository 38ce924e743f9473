/** Who a workload is: what a token review says, never what a request claims. */
export interface WorkloadIdentity {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** The pod that the token is bound to; absent for a token bound to none. */
  readonly podUid?: string;
}

const label = "[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?";
const namespacePattern = new RegExp(`^${label}$`);
const subdomainPattern = new RegExp(`^${label}(?:\\.${label})*$`);
const trustDomainPattern = /^[a-z0-9._-]{1,255}$/;
const userPattern = /^system:serviceaccount:([^:]+):([^:]+)$/;

/**
 * `spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/SERVICE_ACCOUNT` (SPIFFE-ID 2, as Istio lays it out).
 * Throws when a part is not a name that Kubernetes gives: nothing of it may end the path early.
 */
export function spiffeId(trustDomain: string, identity: WorkloadIdentity): string {
  const { namespace, serviceAccount } = identity;
  if (!trustDomainPattern.test(trustDomain)) {
    throw new Error(`trust domain "${trustDomain}": expected 1-255 of a-z, 0-9, ".", "-", "_"`);
  }
  if (!namespacePattern.test(namespace)) throw new Error(`namespace "${namespace}" is not a DNS label`);
  if (serviceAccount.length > 253 || !subdomainPattern.test(serviceAccount)) {
    throw new Error(`service account "${serviceAccount}" is not a DNS subdomain`);
  }
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
}

/** The service account of a Kubernetes user name, or undefined for any other user. */
export function parseServiceAccountUser(
  user: string,
): { namespace: string; serviceAccount: string } | undefined {
  const [, namespace, serviceAccount] = userPattern.exec(user) ?? [];
  return namespace === undefined || serviceAccount === undefined ? undefined : { namespace, serviceAccount };
}
