import type { CorsPolicy } from "../../crds/service-config.ts";
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
