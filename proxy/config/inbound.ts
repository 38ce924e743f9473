/** A WorkloadConfig as policies by container port. */
import type { WorkloadConfigStatus } from "../../crds/workload-config.ts";
import { compileAuthorization } from "../authz/authorize.ts";
import type { InboundPolicy } from "./view.ts";

/** Compiled once for each WorkloadConfig; the result answers for every port, listed or not. */
export function compileInbound(config: WorkloadConfigStatus): (port: number) => InboundPolicy {
  const authorizer = compileAuthorization(config.authorization);
  const policy = (
    fields: Pick<InboundPolicy, "mtls" | "protocol" | "service" | "connectionPool">,
  ): InboundPolicy =>
    Object.freeze({ ...fields, authorizes: authorizer.applies, authorize: authorizer.authorize });
  const unlisted = policy({
    mtls: config.mtls,
    protocol: "auto",
    service: undefined,
    connectionPool: undefined,
  });
  const listed = new Map(
    config.ports.map(({ port, mtls, protocol, service, connectionPool }) => [
      port,
      policy({ mtls, protocol, service, connectionPool }),
    ]),
  );
  return (port) => listed.get(port) ?? unlisted;
}
