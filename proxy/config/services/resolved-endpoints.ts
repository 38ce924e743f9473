/** Endpoints that have a name for an address, as what the name resolves to. */
import type { Endpoint, ServicePart } from "../../../crds/service-config.ts";

/** The names that endpoints have for addresses; nearly always none. */
export function namesOf(endpoints: readonly Endpoint[]): readonly string[] {
  return endpoints.flatMap(({ dns, address }) => (dns === true ? address : []));
}

/** One endpoint for each address of a name, with all else that the name's endpoint has; of DNS_ROUND_ROBIN's, the first. */
export function resolvedEndpoints(
  endpoints: readonly Endpoint[],
  resolution: ServicePart["resolution"],
  addressesOf: (name: string) => readonly string[],
): readonly Endpoint[] {
  return endpoints.flatMap((endpoint) => {
    if (endpoint.dns !== true) return endpoint;
    const addresses = addressesOf(endpoint.address);
    const used = resolution === "DNS_ROUND_ROBIN" ? addresses.slice(0, 1) : addresses;
    return used.map((address) => ({ ...endpoint, address }));
  });
}
