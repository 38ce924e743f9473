/**
 * How large a request's body may be: Envoy's buffer filter, as EnvoyFilters put it in front of applications. Envoy keeps the whole
 * body to count it; here it is counted on its way.
 */
import type { BodyLimit } from "../../crds/workload-config.ts";
import { inboundFilters, member, whole } from "./envoy-patch.ts";
import type { EnvoyFilter } from "./inputs.ts";

/** The limits that a filter's patches make; [] where none does, or what is written makes no limit. */
export function bodyLimits(filter: EnvoyFilter): BodyLimit[] {
  return inboundFilters(filter, "envoy.filters.http.buffer").flatMap(({ name, config, port }) => {
    const bytes = whole(member(config, "max_request_bytes"));
    return bytes === undefined ? [] : [{ name, bytes, ...(port !== undefined && { port }) }];
  });
}
