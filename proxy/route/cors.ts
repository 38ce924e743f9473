/**
 * Cross-origin sharing (VirtualService `corsPolicy`; Fetch standard, section 3.3) as Envoy's filter answers it: the
 * proxy answers the preflights of origins that it allows, and tells browsers of the other responses that they may be read.
 * Requests of other origins go on untouched: the policy protects browsers' users, not the service.
 */
import type { CorsPolicy } from "../../crds/service-config.ts";
import type { HeaderStep } from "./headers.ts";
import { compileString } from "./strings.ts";

/** A CORS policy with its origins compiled. */
export interface Cors {
  readonly policy: CorsPolicy;
  /** Whether the policy allows an `Origin`. */
  allows(origin: string): boolean;
}

/** Throws PatternError for a bad regex. An exact `*` allows every origin. */
export function compileCors(policy: CorsPolicy | undefined): Cors | undefined {
  if (policy === undefined) return undefined;
  const origins = policy.allowOrigins.map((match) =>
    match.kind === "exact" && match.value === "*" ? () => true : compileString(match),
  );
  return { policy, allows: (origin) => origins.some((matches) => matches(origin)) };
}

/** What a policy says of a request. */
export type Sharing =
  /** No request across origins, or of an origin that is not allowed: nothing is done. */
  | { readonly kind: "none" }
  /** The preflight is answered here, with these header lines. */
  | { readonly kind: "preflight"; readonly headers: string }
  /** The response is given these headers, in place of the application's own. */
  | { readonly kind: "share"; readonly response: readonly HeaderStep[] };

interface CorsRequest {
  readonly method: string;
  header(name: string): string | undefined;
}

const none: Sharing = Object.freeze({ kind: "none" });

/** Judges a request by the policy of its route. */
export function judgeSharing(cors: Cors, request: CorsRequest): Sharing {
  const origin = request.header("origin");
  if (origin === undefined || origin === "") return none;
  const preflight = request.method === "OPTIONS" && !!request.header("access-control-request-method");
  if (!cors.allows(origin)) {
    const answers = preflight && cors.policy.unmatchedPreflights === "IGNORE";
    return answers ? { kind: "preflight", headers: "" } : none;
  }
  return preflight
    ? { kind: "preflight", headers: preflightHeaders(cors.policy, origin) }
    : { kind: "share", response: sharingSteps(cors.policy, origin) };
}

function preflightHeaders(policy: CorsPolicy, origin: string): string {
  const { allowMethods, allowHeaders, maxAgeMs } = policy;
  let lines = `access-control-allow-origin: ${origin}\r\n`;
  if (policy.allowCredentials) lines += "access-control-allow-credentials: true\r\n";
  if (allowMethods.length > 0) lines += `access-control-allow-methods: ${allowMethods.join(",")}\r\n`;
  if (allowHeaders.length > 0) lines += `access-control-allow-headers: ${allowHeaders.join(",")}\r\n`;
  if (maxAgeMs !== undefined) lines += `access-control-max-age: ${Math.trunc(maxAgeMs / 1000)}\r\n`;
  return lines;
}

function sharingSteps(policy: CorsPolicy, origin: string): HeaderStep[] {
  // The client's words are no format string.
  const value = origin.replaceAll("%", "%%");
  const steps: HeaderStep[] = [{ op: "set", name: "access-control-allow-origin", value }];
  if (policy.allowCredentials) {
    steps.push({ op: "set", name: "access-control-allow-credentials", value: "true" });
  }
  if (policy.exposeHeaders.length > 0) {
    const value = policy.exposeHeaders.join(",");
    steps.push({ op: "set", name: "access-control-expose-headers", value });
  }
  return steps;
}
