import type { Clock } from "../../kube/clock.ts";
import type { Log } from "../../kube/log.ts";
import { isValidAt } from "./authority.ts";
import type { AuthoritySource } from "./authority-files.ts";
import { CaError, type CaErrorCode } from "./errors.ts";
import { spiffeId } from "./identity.ts";
import { createKeyedLimiter } from "./limits.ts";
import type { Signer } from "./signer.ts";
import type { TokenVerifier } from "./token.ts";

/** How long a workload's certificate is valid, and how far before now it begins, as clocks differ. */
export const leafLifetimeMs = 24 * 60 * 60_000;
export const backdateMs = 60_000;

/** What of an HTTP request this endpoint looks at; `body` is parsed JSON. */
export interface CertificateRequest {
  readonly authorization: string | undefined;
  readonly body: unknown;
  readonly remoteAddress: string;
}

export interface CertificateReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: CertificateBody | ErrorBody;
}

export interface CertificateBody {
  /** PEM, the leaf first, then what leads to an anchor. */
  readonly certificates: readonly string[];
  /** PEM of every anchor. */
  readonly trustBundle: string;
  /** RFC 3339, of the leaf. */
  readonly notAfter: string;
}

export interface ErrorBody {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

export interface CertificateHandlerOptions {
  readonly verifier: TokenVerifier;
  readonly authority: AuthoritySource;
  readonly signer: Signer;
  readonly trustDomain: () => string;
  readonly clock: Clock;
  readonly log: Log;
  /** For a metric: "issued" or the code of the refusal, and the time it took. */
  readonly onReply?: (outcome: "issued" | CaErrorCode, ms: number) => void;
}

/** A proxy asks at start and every 12 h: a pod in a crash loop stays below this, a stuck loop does not. */
const perPod = { perSecond: 0.2, burst: 10 };
/** Before the caller is known: all pods of a node may come from one address when their traffic is masqueraded. */
const perAddress = { perSecond: 20, burst: 200 };

/** Answers `POST /v1/certificates`: the one way to an identity in the mesh. Never rejects. */
export function createCertificateHandler(
  options: CertificateHandlerOptions,
): (request: CertificateRequest) => Promise<CertificateReply> {
  const { verifier, authority, signer, clock, log, onReply = () => {} } = options;
  const addresses = createKeyedLimiter({ ...perAddress, clock });
  const callers = createKeyedLimiter({ ...perPod, clock });

  const issue = async (request: CertificateRequest): Promise<CertificateBody> => {
    limit(addresses.take(request.remoteAddress));
    const token = bearer(request.authorization);
    const csr = csrOf(request.body);
    const identity = await verifier.verify(token);
    limit(callers.take(identity.podUid ?? `${identity.namespace}/${identity.serviceAccount}`));
    const now = clock.now();
    const signing = authority.current();
    if (signing === undefined || !isValidAt(signing, now)) {
      const found = signing === undefined ? "none was read" : `it ended ${rfc3339(signing.notAfter)}`;
      throw new CaError("WEFT_CA_NO_AUTHORITY", found, { retryAfterSeconds: 10 });
    }
    const notAfter = Math.floor(Math.min(now + leafLifetimeMs, signing.notAfter) / 1000) * 1000;
    const leaf = await signer.sign(signing, {
      csr,
      uri: spiffeId(options.trustDomain(), identity),
      notBefore: now - backdateMs,
      notAfter,
    });
    return {
      certificates: [leaf, ...signing.chain],
      trustBundle: signing.trustBundle,
      notAfter: rfc3339(notAfter),
    };
  };

  return async (request) => {
    const started = clock.monotonic();
    try {
      const body = await issue(request);
      onReply("issued", clock.monotonic() - started);
      return { status: 201, headers: { "cache-control": "no-store" }, body };
    } catch (error) {
      const refusal = error instanceof CaError ? error : unexpected(error, log);
      onReply(refusal.code, clock.monotonic() - started);
      return refuse(refusal);
    }
  };
}

/** The reply that a refusal becomes. */
export function refuse(error: CaError): CertificateReply {
  const { status, code, message, hint, retryAfterSeconds } = error;
  const retry = retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };
  const challenge = status === 401 ? { "www-authenticate": "Bearer" } : {};
  return {
    status,
    headers: { "cache-control": "no-store", ...retry, ...challenge },
    body: { code, message, hint },
  };
}

function unexpected(error: unknown, log: Log): CaError {
  log.error("a certificate request failed for a reason of our own", { error });
  return new CaError("WEFT_CA_OVERLOADED", "it failed inside; the log of control says why", {
    retryAfterSeconds: 1,
  });
}

function limit(waitMs: number): void {
  if (waitMs === 0) return;
  throw new CaError("WEFT_CA_RATE_LIMITED", undefined, { retryAfterSeconds: Math.ceil(waitMs / 1000) });
}

function bearer(authorization: string | undefined): string {
  const token = /^Bearer ([A-Za-z0-9._~+/=-]+)$/i.exec(authorization ?? "")?.[1];
  if (token === undefined) throw new CaError("WEFT_CA_NO_TOKEN");
  return token;
}

function csrOf(body: unknown): string {
  const csr = typeof body === "object" && body !== null && "csr" in body ? body.csr : undefined;
  if (typeof csr === "string") return csr;
  throw new CaError("WEFT_CA_BAD_REQUEST", `found csr of type ${typeof csr}`);
}

const rfc3339 = (ms: number) => new Date(ms).toISOString().replace(".000Z", "Z");
