/**
 * The workload's identity: a key made in memory, a certificate from the authority, both made anew at half of the certificate's
 * life. Nothing of it is ever written or logged. Until the first certificate is there `current()` is undefined; after that there
 * is always one, and failures to renew it leave the old one in force.
 */
import { createBackoff } from "../config/backoff.ts";
import { type Clock, sleep } from "../config/clock.ts";
import type { Log } from "../config/log.ts";
import { spiffeId } from "../net/spiffe.ts";
import { type Authority, AuthorityError, type Issued } from "./authority.ts";
import { CertificateError, readCertificate } from "./certificate.ts";
import { createKeyAndRequest } from "./request.ts";
import type { Identity, IdentitySource } from "./source.ts";

export interface IdentityOptions {
  readonly authority: Authority;
  /** PEM anchors that the pod was given: what the authority's own certificate must lead to. */
  readonly anchors: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

export interface RenewedIdentity extends IdentitySource {
  /** The anchors of the workload's configuration: they change without a new certificate. Empty text is ignored. */
  updateTrustBundle(pem: string): void;
  /** For metrics. */
  status(): IdentityStatus;
  close(): Promise<void>;
}

export interface IdentityStatus {
  /** Unix ms; undefined before the first certificate. */
  readonly notAfter: number | undefined;
  readonly issued: number;
  readonly failures: number;
}

/** Renewed at this part of its life, give or take the jitter: many proxies that started together do not ask together. */
const renewAt = 0.5;
const jitter = 0.05;
/** Longest wait between attempts in ms: without any identity the pod is not ready, so it asks more often. */
const maxRetryMs = { first: 5_000, renewal: 60_000 };
/** Longest single timer in ms: a runtime's timers overflow at 24 days. */
const maxSleepMs = 24 * 3_600_000;

/** Starts asking for certificates at once. */
export function startIdentity(options: IdentityOptions): RenewedIdentity {
  const { authority, clock, random, log } = options;
  const listeners = new Set<() => void>();
  const closing = new AbortController();
  let identity: Identity | undefined;
  let issued = 0;
  let failures = 0;

  const use = (next: Identity) => {
    identity = next;
    for (const listener of listeners) listener();
  };
  const renew = async (): Promise<void> => {
    const { keyPem, requestPem, publicKey } = await createKeyAndRequest();
    const answer = await authority.issue(requestPem, allAnchors(options.anchors, identity?.trustBundle));
    const id = checkIssued(answer, publicKey, clock.now());
    if (closing.signal.aborted) return;
    issued++;
    use({ ...answer, keyPem, spiffeId: id });
    log("info", "a certificate was issued", {
      identity: id,
      notAfter: new Date(answer.notAfter).toISOString(),
    });
  };
  const run = async (): Promise<void> => {
    let backoff = createBackoff(random, { maxMs: maxRetryMs.first });
    while (!closing.signal.aborted) {
      try {
        const askedAt = clock.now();
        await renew();
        backoff = createBackoff(random, { maxMs: maxRetryMs.renewal });
        await sleepUntil(renewalTime(askedAt, identity?.notAfter ?? askedAt, random()));
      } catch (error) {
        if (closing.signal.aborted) return;
        failures++;
        const retryMs = backoff.next();
        log(
          identity !== undefined && identity.notAfter > clock.now() ? "warn" : "error",
          "no certificate was issued",
          {
            ...describe(error),
            retryMs: Math.round(retryMs),
          },
        );
        await sleep(clock, retryMs, closing.signal);
      }
    }
  };
  const sleepUntil = async (time: number): Promise<void> => {
    while (!closing.signal.aborted && clock.now() < time) {
      await sleep(clock, Math.min(time - clock.now(), maxSleepMs), closing.signal);
    }
  };
  const running = run();
  return {
    current: () => identity,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    updateTrustBundle(pem) {
      if (identity === undefined || pem.trim() === "" || pem === identity.trustBundle) return;
      use({ ...identity, trustBundle: pem });
    },
    status: () => ({ notAfter: identity?.notAfter, issued, failures }),
    async close() {
      closing.abort();
      await running;
    },
  };
}

/** When to renew a certificate, in Unix ms; `random` in [0, 1) spreads it. */
export function renewalTime(issuedAt: number, notAfter: number, random: number): number {
  const share = renewAt + (random * 2 - 1) * jitter;
  // A certificate that is over already, or a clock that is wrong: not more often than each second.
  return issuedAt + Math.max((notAfter - issuedAt) * share, 1_000);
}

/** The SPIFFE id of an issued leaf; throws AuthorityError for one that cannot be used. */
function checkIssued({ certChainPem, notAfter }: Issued, publicKey: Uint8Array, now: number): string {
  const unusable = (why: string) => new AuthorityError("WEFT_CA_ANSWER", `the issued certificate ${why}`);
  try {
    const leaf = readCertificate(certChainPem);
    const id = leaf.names.length === 1 ? spiffeId(`URI:${leaf.names[0]}`) : undefined;
    if (id === undefined)
      throw unusable(`has the names ${JSON.stringify(leaf.names)}; expected one SPIFFE id`);
    if (Buffer.compare(leaf.publicKey, publicKey) !== 0) throw unusable("is for another key");
    if (notAfter <= now) throw unusable("has expired: is the node's clock right?");
    return id;
  } catch (error) {
    if (error instanceof CertificateError) throw unusable(`cannot be read: ${error.message}`);
    throw error;
  }
}

function allAnchors(given: string, learnt: string | undefined): string {
  return learnt === undefined || learnt === given ? given : `${given.trim()}\n${learnt}`;
}

function describe(error: unknown): Record<string, unknown> {
  if (error instanceof AuthorityError) return { code: error.code, error: error.message, hint: error.hint };
  return { error: error instanceof Error ? error.message : String(error) };
}
