/**
 * Zone-aware routing, as Envoy does it: every client keeps to its own zone as far as the share of the endpoints there carries the
 * share of the clients there; what is too much goes to the zones that have more than their clients need. So no zone gets more
 * than its share, though no client knows of another's traffic.
 */
import type { LocalityPolicy } from "../../crds/service-config.ts";
import type { Place, Where } from "./locality.ts";

/** A zone's endpoints, and which share of the clients is there. */
export interface Zone<T> {
  readonly endpoints: readonly T[];
  readonly clientShare: number;
}

/**
 * The zones of endpoints that are equally preferred, the client's own first, even when it has none. Undefined when they are not to be
 * told apart: the policy does not ask for it, there is one, or nobody has told where the clients are.
 */
export function zonesOf<T extends Where>(
  policy: LocalityPolicy | undefined,
  { locality, clients }: Place,
  endpoints: readonly T[],
): readonly Zone<T>[] | undefined {
  if (policy?.enabled !== true || policy.zoneAware === undefined) return undefined;
  if (locality === undefined || clients === undefined) return undefined;
  const own = zoneOf(locality);
  const region = regionOf(own);
  // Those of other regions have endpoints that they prefer to these.
  const near = new Map<string, number>();
  let total = 0;
  for (const { zone, pods } of clients) {
    if (regionOf(zone) !== region) continue;
    near.set(zone, pods);
    total += pods;
  }
  if (!near.has(own)) return undefined;
  const byZone = new Map<string, T[]>([[own, []]]);
  for (const endpoint of endpoints) {
    const zone = zoneOf(endpoint.locality ?? "");
    const there = byZone.get(zone);
    if (there === undefined) byZone.set(zone, [endpoint]);
    else there.push(endpoint);
  }
  if (byZone.size < 2) return undefined;
  return [...byZone].map(([zone, there]) => ({
    endpoints: there,
    clientShare: (near.get(zone) ?? 0) / total,
  }));
}

/**
 * The share of a client's requests for each zone, its own first; they add up to 1. Undefined when zones play no part: fewer than
 * `minimum` endpoints can serve, or only one zone has any.
 */
export function zoneShares(
  zones: readonly { readonly usable: number; readonly clientShare: number }[],
  minimum: number,
): readonly number[] | undefined {
  const total = zones.reduce((sum, { usable }) => sum + usable, 0);
  if (total < minimum || zones.filter(({ usable }) => usable > 0).length < 2) return undefined;
  const spare = zones.map(({ usable, clientShare }) => usable / total - clientShare);
  const own = zones[0];
  if (own === undefined || own.clientShare === 0) return undefined;
  if (own.usable > 0 && (spare[0] as number) >= 0) return zones.map((_, i) => (i === 0 ? 1 : 0));
  const kept = own.usable / total / own.clientShare;
  const beyond = spare.map((each, i) => (i === 0 ? 0 : Math.max(each, 0)));
  const room = beyond.reduce((sum, each) => sum + each, 0);
  return beyond.map((each, i) => (i === 0 ? kept : (1 - kept) * (each / room)));
}

/** `region/zone`: subzones play no part. */
function zoneOf(locality: string): string {
  return locality.split("/", 2).join("/");
}

function regionOf(zone: string): string {
  return zone.split("/", 1)[0] ?? "";
}
