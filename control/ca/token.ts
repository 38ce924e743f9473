import { createHash } from "node:crypto";
import type { Client } from "../../kube/client.ts";
import type { Clock } from "../../kube/clock.ts";
import type { Log } from "../../kube/log.ts";
import { tokenReviews } from "../../kube/resources.ts";
import type { MetaObject } from "../../kube/types.ts";
import { CaError } from "./errors.ts";
import { parseServiceAccountUser, type WorkloadIdentity } from "./identity.ts";
import { maxTokenBytes, verifyToken } from "./jwt.ts";
import type { TokenKeys } from "./token-keys.ts";

/** The audience that the injector asks for in the projected token of a sidecar. */
export const caAudience = "istio-ca";

/** Says whose a token is. Rejects with CaError. */
export interface TokenVerifier {
  verify(token: string): Promise<WorkloadIdentity>;
}

export interface TokenVerifierOptions {
  readonly client: Pick<Client, "create">;
  /** Keys to verify with while the API server is away. */
  readonly keys: () => TokenKeys | undefined;
  /** The pod with a uid, if it was seen: without the API server a deleted pod's token is told by this alone. */
  readonly findPod: (uid: string) => { namespace: string; serviceAccount: string } | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** How a token was judged, for a metric. */
  readonly onVerified?: (how: "review" | "offline" | "cache") => void;
}

/** A retry within this time asks nobody; a pod deleted meanwhile could still get a certificate for as long. */
const cacheMs = 60_000;
const maxCached = 10_000;
const reviewTimeoutMs = 3_000;
/** After a review found the API server away, the next ones do not wait for it to time out again. */
const awayMs = 5_000;

interface TokenReview extends MetaObject {
  spec?: { token: string; audiences: string[] };
  status?: {
    authenticated?: boolean;
    error?: string;
    audiences?: string[];
    user?: { username?: string; extra?: Record<string, string[]> };
  };
}

/** Verifies by TokenReview, and by the token's own signature when the API server gives no answer. */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const { client, clock, log, onVerified = () => {} } = options;
  const cache = new Map<string, { identity: WorkloadIdentity; until: number }>();
  let awayUntil = Number.NEGATIVE_INFINITY;

  const remember = (key: string, identity: WorkloadIdentity) => {
    const oldest = cache.keys().next().value;
    if (cache.size >= maxCached && oldest !== undefined) cache.delete(oldest);
    cache.set(key, { identity, until: clock.monotonic() + cacheMs });
  };

  return {
    async verify(token) {
      if (token.length > maxTokenBytes) {
        throw new CaError("WEFT_CA_BAD_TOKEN", `it has more than ${maxTokenBytes} bytes`);
      }
      const key = createHash("sha256").update(token).digest("base64");
      const cached = cache.get(key);
      if (cached !== undefined && clock.monotonic() < cached.until) {
        onVerified("cache");
        return cached.identity;
      }
      cache.delete(key);
      if (clock.monotonic() >= awayUntil) {
        try {
          const identity = await review(client, token);
          remember(key, identity);
          onVerified("review");
          return identity;
        } catch (error) {
          if (error instanceof CaError) throw error;
          awayUntil = clock.monotonic() + awayMs;
          log.warn("tokens are verified without the API server, which did not judge one", { error });
        }
      }
      const identity = verifyOffline(options, token);
      onVerified("offline");
      return identity;
    },
  };
}

/** Throws CaError when the API server says no, anything else when it says nothing of use. */
async function review(client: Pick<Client, "create">, token: string): Promise<WorkloadIdentity> {
  const request: TokenReview = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenReview",
    metadata: { name: "" },
    spec: { token, audiences: [caAudience] },
  };
  const signal = AbortSignal.timeout(reviewTimeoutMs);
  const { status } = await client.create<TokenReview>(tokenReviews, request, { signal });
  if (status?.authenticated !== true || status.audiences?.includes(caAudience) !== true) {
    throw new CaError("WEFT_CA_BAD_TOKEN", status?.error ?? `its audience is not ${caAudience}`);
  }
  const account = parseServiceAccountUser(status.user?.username ?? "");
  if (account === undefined) {
    throw new CaError("WEFT_CA_NOT_A_WORKLOAD", `the user is ${status.user?.username ?? "unknown"}`);
  }
  const podUid = status.user?.extra?.["authentication.kubernetes.io/pod-uid"]?.[0];
  return podUid === undefined ? account : { ...account, podUid };
}

function verifyOffline(options: TokenVerifierOptions, token: string): WorkloadIdentity {
  const known = options.keys();
  if (known === undefined) throw new CaError("WEFT_CA_UNVERIFIABLE", undefined, { retryAfterSeconds: 5 });
  const now = options.clock.now();
  const claims = verifyToken(token, known.keys, { issuer: known.issuer, audience: caAudience, now });
  const { namespace, serviceAccount, podUid } = claims;
  if (podUid === undefined) throw new CaError("WEFT_CA_UNKNOWN_POD", "the token is bound to no pod");
  const pod = options.findPod(podUid);
  if (pod?.namespace !== namespace || pod.serviceAccount !== serviceAccount) {
    throw new CaError(
      "WEFT_CA_UNKNOWN_POD",
      `no pod of ${namespace}/${serviceAccount} with that uid was seen`,
    );
  }
  return { namespace, serviceAccount, podUid };
}
