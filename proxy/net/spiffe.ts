/** Who a verified peer is: the one URI of its certificate (SPIFFE X.509-SVID sections 2 and 5). Pure. */

/**
 * Nothing that could end one SAN and begin another in the runtime's printed list: no comma, quote, space or escape.
 * Namespace and service account are DNS labels or subdomains, so this refuses no workload of Kubernetes.
 */
const IDENTITY = /^URI:(spiffe:\/\/([a-z0-9._-]+)\/ns\/([a-z0-9.-]+)\/sa\/([a-z0-9.-]+))$/;

/**
 * The SPIFFE id in a certificate's subject alternative names, as Node and Bun print them (`URI:spiffe://…`).
 * Undefined unless it is the only name and well-formed: a certificate with two names has no one identity.
 */
export function spiffeId(subjectAltName: string | undefined): string | undefined {
  if (subjectAltName === undefined || subjectAltName.length > 2048) return undefined;
  return IDENTITY.exec(subjectAltName)?.[1];
}

/** Whether the id lies in the trust domain. */
export function inTrustDomain(id: string, trustDomain: string): boolean {
  return id.startsWith(`spiffe://${trustDomain}/`);
}

/** What a handshake knows of its peer; dates as the runtime prints them (`Nov 22 19:19:56 2026 GMT`). */
export interface PeerEvidence {
  /** The chain's verdict: undefined when it leads to an anchor of the bundle and nothing has expired. */
  readonly chainError: string | undefined;
  readonly hasCertificate: boolean;
  readonly subjectAltName: string | undefined;
  readonly notAfter: string | undefined;
}

export type PeerVerdict =
  | { readonly kind: "peer"; readonly id: string }
  | { readonly kind: "refused"; readonly reason: HandshakeFailure };

/** Labels of `weft_tls_handshake_failures_total`. */
export const HANDSHAKE_FAILURES = [
  "no_certificate",
  "untrusted",
  "expired",
  "not_yet_valid",
  "identity",
  "protocol",
  "reset",
  "timeout",
  "no_identity",
] as const;
export type HandshakeFailure = (typeof HANDSHAKE_FAILURES)[number];

/**
 * Decides about a peer. `accepts` says which identity may stand there: the endpoint's for a client, any of the trust
 * domain for a server. A resumed session repeats the first handshake's verdict, so expiry is looked at again here.
 */
export function judgePeer(
  evidence: PeerEvidence,
  now: number,
  accepts: (id: string) => boolean,
): PeerVerdict {
  if (!evidence.hasCertificate) return { kind: "refused", reason: "no_certificate" };
  if (evidence.chainError !== undefined)
    return { kind: "refused", reason: chainFailure(evidence.chainError) };
  const notAfter = evidence.notAfter === undefined ? Number.NaN : Date.parse(evidence.notAfter);
  if (!(notAfter > now)) return { kind: "refused", reason: "expired" };
  const id = spiffeId(evidence.subjectAltName);
  if (id === undefined || !accepts(id)) return { kind: "refused", reason: "identity" };
  return { kind: "peer", id };
}

function chainFailure(code: string): HandshakeFailure {
  if (code === "CERT_HAS_EXPIRED") return "expired";
  if (code === "CERT_NOT_YET_VALID") return "not_yet_valid";
  return "untrusted";
}
