/**
 * Which VirtualService decides for a host: one alone, for the mesh gateway. The most specific host wins; of one host,
 * what is private to the client's namespace before what is exported to it by name before what everyone sees; then the
 * oldest, then by name, then by namespace (Istio docs, "Virtual Service"; the losers are silent there, too).
 */
import { bySpecificity, hostCovers, resolveHost } from "./hosts.ts";
import { appliesToMesh } from "./http-match.ts";
import type { VirtualService } from "./inputs.ts";
import { byAge, sortedUnique } from "./order.ts";
import { isPrivate, isVisible, type Visibility, visibilityOf } from "./visibility.ts";

/** A VirtualService that claims a host, and who may see it. */
export interface Claim {
  /** The host as it claims it, full name or wildcard. */
  readonly host: string;
  readonly virtualService: VirtualService;
  readonly visibility: Visibility;
}

/** The hosts that a VirtualService claims at sidecars: none when it is bound to gateways alone, or is a delegate. */
export function claimedHosts(virtualService: VirtualService, clusterDomain: string): string[] {
  const { metadata, spec } = virtualService;
  if (!appliesToMesh(spec?.gateways)) return [];
  const namespace = metadata.namespace ?? "";
  return sortedUnique((spec?.hosts ?? []).map((host) => resolveHost(host, namespace, clusterDomain)));
}

/** The claims of VirtualServices on one host, in the order in which they win before visibility is looked at. */
export function claimsOn(
  host: string,
  virtualServices: readonly VirtualService[],
  clusterDomain: string,
): Claim[] {
  const claims = virtualServices.flatMap((virtualService) => {
    const [best] = claimedHosts(virtualService, clusterDomain)
      .filter((claimed) => hostCovers(claimed, host))
      .sort(bySpecificity);
    const namespace = virtualService.metadata.namespace ?? "";
    const visibility = visibilityOf(virtualService.spec?.exportTo, namespace);
    return best === undefined ? [] : [{ host: best, virtualService, visibility }];
  });
  return claims.sort((a, b) => bySpecificity(a.host, b.host) || byAge(a.virtualService, b.virtualService));
}

/** The VirtualService that decides for clients of a namespace; `claims` in the order of `claimsOn`. */
export function selectVirtualService(claims: readonly Claim[], client: string): VirtualService | undefined {
  let best: Claim | undefined;
  for (const claim of claims) {
    if (best !== undefined && claim.host !== best.host) break;
    if (!isVisible(claim.visibility, client)) continue;
    if (best === undefined || tier(claim) < tier(best)) best = claim;
  }
  return best?.virtualService;
}

function tier({ visibility, virtualService }: Claim): number {
  if (visibility === "all") return 2;
  return isPrivate(visibility, virtualService.metadata.namespace ?? "") ? 0 : 1;
}
