/**
 * TLS originated to a server that is no part of the mesh (DestinationRule's `SIMPLE` and `MUTUAL`): its chain is verified
 * against the anchors named, its names against those expected.
 */
import type { Dial, DialEvents } from "./listen.ts";
import { hasName } from "./server-name.ts";
import { type DialRefusal, dialTls, type ServerEvidence } from "./tls-dial.ts";

export interface OriginDialOptions {
  readonly serverName: string;
  /** Offered, in order; a server that knows no ALPN is taken to speak HTTP/1.1 or whatever TCP carries. */
  readonly alpn: readonly string[];
  /** PEM; absent: the roots that the runtime carries. */
  readonly anchors: string | undefined;
  /** PEM of our own, for `MUTUAL`. */
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  /** Of which the server's certificate must have one. */
  readonly names: readonly string[];
  /** Takes any certificate. */
  readonly unverified: boolean;
  /** Why a certificate (DER) is refused though its chain is good: it, or an authority, is revoked, or nobody can tell. */
  readonly revocation?: ((certificate: Uint8Array, now: number) => string | undefined) | undefined;
  readonly session: Buffer | undefined;
  /** Said in plaintext before the handshake. */
  readonly preface: Uint8Array | undefined;
  resumable(session: Buffer): void;
  /** Unix ms. */
  now(): number;
}

/** SSL_OP_NO_TLSv1 and 1_1. */
const FROM_TLS_1_2 = 0x04000000 | 0x10000000;
const CHAIN: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "tls_expired",
  CERT_NOT_YET_VALID: "tls_not_yet_valid",
};

const NOTHING = new Uint8Array();

/** Decides about a server; pure. */
export function judgeServer(
  { chainError, certificate, protocol }: ServerEvidence,
  options: Pick<OriginDialOptions, "names" | "unverified" | "alpn" | "revocation">,
  now: number,
): DialRefusal | undefined {
  // HTTP/2 without the server's word for it would be a guess.
  if (options.alpn[0] === "h2" && protocol !== "h2") {
    return { reason: "tls_protocol", message: `expected ALPN h2, found ${protocol ?? "none"}` };
  }
  if (options.unverified) return undefined;
  if (certificate?.valid_to === undefined) {
    return { reason: "tls_no_certificate", message: "the server showed no certificate" };
  }
  if (chainError !== undefined) {
    return { reason: CHAIN[chainError] ?? "tls_untrusted", message: `its certificate: ${chainError}` };
  }
  // A resumed session repeats the first handshake's verdict.
  if (!(Date.parse(certificate.valid_to) > now)) {
    return { reason: "tls_expired", message: `its certificate ended ${certificate.valid_to}` };
  }
  const revoked = options.revocation?.(certificate.raw ?? NOTHING, now);
  if (revoked !== undefined) return { reason: "tls_revoked", message: revoked };
  if (hasName(certificate.subjectaltname, options.names)) return undefined;
  const found = certificate.subjectaltname ?? "no name";
  return { reason: "tls_identity", message: `expected ${options.names.join(" or ")}, found ${found}` };
}

/** Opens a connection and proves whom it reaches. */
export function dialOrigin(host: string, port: number, options: OriginDialOptions, events: DialEvents): Dial {
  const { serverName, alpn, anchors, certificate, key, session, preface, resumable } = options;
  const tls = { serverName, alpn, ca: anchors, cert: certificate, key, secureOptions: FROM_TLS_1_2 };
  const judge = (evidence: ServerEvidence) => judgeServer(evidence, options, options.now());
  return dialTls(host, port, { tls, session, preface, resumable, judge }, events);
}
