import type { Clock, Timer } from "../../kube/clock.ts";
import type { Log } from "../../kube/log.ts";
import { type Authority, isValidAt } from "./authority.ts";
import type { AuthoritySource } from "./authority-files.ts";
import { createLeafWithKey, readSigningKey } from "./certificates.ts";
import { backdateMs } from "./handler.ts";

/** What a TLS server needs: PEM of the key, and of the chain without anchors. */
export interface ServingCertificate {
  readonly key: string;
  readonly cert: string;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
}

export interface Serving {
  /** Undefined until the authority was there. */
  current(): ServingCertificate | undefined;
  /** Makes the first certificate when there is an authority, and follows it from then on. */
  start(): Promise<void>;
  close(): void;
}

const lifetimeMs = 7 * 24 * 60 * 60_000;
/** Looking every minute catches what one long timer misses: a suspended machine, a clock set anew. */
const checkMs = 60_000;
const retryMs = 5_000;

/** The names that the API server and proxies know control by: `NAME.NS`, with and without the cluster's domain. */
export function servingNames(service: string, namespace: string, clusterDomain = "cluster.local"): string[] {
  return [`${service}.${namespace}.svc`, `${service}.${namespace}.svc.${clusterDomain}`];
}

/**
 * The certificate that one replica of control serves with, in memory alone: 7 days, made anew after two thirds of
 * them and whenever the authority changes. `onCertificate` gets each; hand it to the server's `setSecureContext`.
 */
export function createServing(options: {
  authority: AuthoritySource;
  names: readonly string[];
  clock: Clock;
  log: Log;
  onCertificate?: (certificate: ServingCertificate) => void;
}): Serving {
  const { authority, names, clock, log, onCertificate = () => {} } = options;
  let current: (ServingCertificate & { signedBy: string; renewAt: number }) | undefined;
  let timer: Timer | undefined;
  let closed = false;
  let unsubscribe = () => {};

  const isDue = (signing: Authority) =>
    current === undefined || current.signedBy !== signing.fingerprint || clock.now() >= current.renewAt;

  const renew = async () => {
    const signing = authority.current();
    const now = clock.now();
    if (signing === undefined || !isValidAt(signing, now) || !isDue(signing)) return;
    const notAfter = Math.min(now + lifetimeMs, signing.notAfter);
    const validity = { notBefore: now - backdateMs, notAfter };
    const leaf = await createLeafWithKey(await readSigningKey(signing.pair), { dns: names }, validity);
    // Two renewals may overlap when the authority changes: the newer authority's certificate stays.
    if (closed || authority.current() !== signing) return;
    current = {
      key: leaf.key,
      cert: [leaf.certificate, ...signing.chain].join(""),
      notAfter,
      signedBy: signing.fingerprint,
      renewAt: now + ((notAfter - now) * 2) / 3,
    };
    log.info("serving certificate made", { names, notAfter: new Date(notAfter).toISOString() });
    onCertificate(current);
  };
  const attempt = async (): Promise<number> => {
    try {
      await renew();
      return checkMs;
    } catch (error) {
      log.error("the serving certificate could not be made", { error });
      return retryMs;
    }
  };
  const run = async () => {
    timer?.cancel();
    const delay = await attempt();
    timer?.cancel();
    if (!closed) timer = clock.setTimeout(() => void run(), delay);
  };
  return {
    current: () => current,
    start() {
      unsubscribe = authority.onChange(() => void run());
      return run();
    },
    close() {
      closed = true;
      unsubscribe();
      timer?.cancel();
    },
  };
}
