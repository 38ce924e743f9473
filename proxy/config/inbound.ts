/** A WorkloadConfig as policies by container port. */
import type { WorkloadConfigStatus } from "../../crds/workload-config.ts";
import { compileAuthorization } from "../authz/authorize.ts";
import { type Authenticator, compileJwt } from "../jwt/authenticate.ts";
import { compileLimits, type Limits } from "../limit/limits.ts";
import type { InboundPolicy } from "./view.ts";

/** What holds on the way in, and what the next configuration takes over from it. */
export interface CompiledInbound {
  /** Answers for every port, listed or not. */
  readonly policy: (port: number) => InboundPolicy;
  readonly jwtRules: string;
  readonly authenticator: Authenticator | undefined;
  readonly limits: Limits | undefined;
}

/** Compiled once for each WorkloadConfig. Tokens known to be good, and requests counted, outlive changes of anything else. */
export function compileInbound(
  config: WorkloadConfigStatus,
  previous?: CompiledInbound | undefined,
): CompiledInbound {
  const authorizer = compileAuthorization(config.authorization);
  const jwtRules = JSON.stringify(config.jwtRules);
  const authenticator =
    previous?.jwtRules === jwtRules ? previous.authenticator : compileJwt(config.jwtRules);
  const limits = compileLimits(config.rateLimits ?? [], previous?.limits);
  const maxBodyBytes = (port: number | undefined) =>
    Math.min(
      ...(config.bodyLimits ?? [])
        .filter((limit) => limit.port === undefined || limit.port === port)
        .map(({ bytes }) => bytes),
    );
  const policy = (
    port: number | undefined,
    fields: Pick<InboundPolicy, "mtls" | "protocol" | "service" | "connectionPool">,
  ): InboundPolicy =>
    Object.freeze({
      ...fields,
      authenticator,
      authorizes: authorizer.applies,
      authorize: authorizer.authorize,
      dryRun: authorizer.dryRun,
      limits,
      maxBodyBytes: maxBodyBytes(port),
    });
  const unlisted = policy(undefined, {
    mtls: config.mtls,
    protocol: "auto",
    service: undefined,
    connectionPool: undefined,
  });
  const listed = new Map(
    config.ports.map(({ port, mtls, protocol, service, connectionPool }) => [
      port,
      policy(port, { mtls, protocol, service, connectionPool }),
    ]),
  );
  return { policy: (port) => listed.get(port) ?? unlisted, jwtRules, authenticator, limits };
}
