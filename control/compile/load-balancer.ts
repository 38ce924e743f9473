import type {
  BackendUtilization,
  ConsistentHash,
  LoadBalancer,
  LocalityPolicy,
} from "../../crds/service-config.ts";
import { parseDurationMs } from "./duration.ts";
import type { Service } from "./inputs.ts";
import type { LoadBalancerSpec } from "./istio.ts";

/** What the service itself says of locality, for rules that say nothing: to stay near, or nothing. */
export type LocalityDefault = LocalityPolicy | undefined;

const algorithms = {
  UNSPECIFIED: "LEAST_REQUEST",
  LEAST_CONN: "LEAST_REQUEST",
  LEAST_REQUEST: "LEAST_REQUEST",
  ROUND_ROBIN: "ROUND_ROBIN",
  RANDOM: "RANDOM",
  PASSTHROUGH: "PASSTHROUGH",
} as const;

const nearest: LocalityPolicy = { enabled: true, distribute: [], failover: [], failoverPriority: [] };

/** A load balancer written out; `outlier` says whether ejection is on, without which locality failover is off. */
export function loadBalancer(
  spec: LoadBalancerSpec | undefined,
  outlier: boolean,
  localityDefault: LocalityDefault,
): LoadBalancer {
  const hash = spec?.consistentHash && consistentHash(spec.consistentHash);
  const utilization = spec?.backendUtilization && backendUtilization(spec.backendUtilization);
  const warmup = warmupOf(spec);
  const zones = spec?.zoneAwareLbSetting;
  const locality = zones
    ? zoneAware(zones)
    : localityPolicy(spec?.localityLbSetting, outlier, localityDefault);
  return {
    // A proxy that does not know of load reports yet takes turns, too.
    simple: utilization ? "ROUND_ROBIN" : algorithms[spec?.simple ?? "UNSPECIFIED"],
    ...(hash && { consistentHash: hash }),
    ...(utilization && { backendUtilization: utilization }),
    ...(warmup && { warmup }),
    ...(locality && { locality }),
  };
}

/** `spec.trafficDistribution` (KEP-4444, KEP-3015) or Istio's annotation: prefer what is near, ejection or not. */
export function localityDefault(service: Service): LocalityDefault {
  const wish =
    service.spec?.trafficDistribution ??
    service.metadata.annotations?.["networking.istio.io/traffic-distribution"];
  switch (wish) {
    case "PreferClose":
    case "PreferSameZone":
      return nearest;
    case "PreferSameNode":
      return { ...nearest, failoverPriority: ["kubernetes.io/hostname"] };
    default:
      return undefined;
  }
}

function localityPolicy(
  spec: LoadBalancerSpec["localityLbSetting"],
  outlier: boolean,
  localityDefault: LocalityDefault,
): LocalityPolicy | undefined {
  if (spec === undefined) return localityDefault ?? (outlier ? nearest : undefined);
  const distribute = (spec.distribute ?? []).map(({ from, to }) => ({ from: from ?? "", to: to ?? {} }));
  // Failover needs ejection to know that a locality fails; shares need nothing.
  if (spec.enabled === false || (distribute.length === 0 && !outlier)) return undefined;
  return {
    enabled: true,
    distribute,
    failover: substitutes(spec.failover),
    failoverPriority: spec.failoverPriority ?? [],
  };
}

/** Regions come in order whether or not ejection tells that one fails: one without endpoints is left, too. */
function zoneAware(spec: NonNullable<LoadBalancerSpec["zoneAwareLbSetting"]>): LocalityPolicy | undefined {
  if (spec.enabled === false) return undefined;
  return {
    enabled: true,
    distribute: [],
    failover: substitutes(spec.failover),
    failoverPriority: spec.failoverPriority ?? [],
    zoneAware: { minClusterSize: spec.minClusterSize ?? 6 },
  };
}

function substitutes(
  failover: readonly { readonly from?: string; readonly to?: string }[] | undefined,
): LocalityPolicy["failover"] {
  return (failover ?? []).map(({ from, to }) => ({ from: from ?? "", to: to ?? "" }));
}

function consistentHash(spec: NonNullable<LoadBalancerSpec["consistentHash"]>): ConsistentHash | undefined {
  const cookie = spec.httpCookie;
  const ttlMs = parseDurationMs(cookie?.ttl);
  const key = spec.httpHeaderName
    ? { header: spec.httpHeaderName.toLowerCase() }
    : cookie !== undefined
      ? {
          cookie: {
            name: cookie.name,
            ...(cookie.path ? { path: cookie.path } : {}),
            ...(ttlMs !== undefined && { ttlMs }),
            ...(cookie.attributes?.length ? { attributes: cookie.attributes } : {}),
          },
        }
      : spec.useSourceIp
        ? { sourceIp: true }
        : spec.httpQueryParameterName
          ? { queryParameter: spec.httpQueryParameterName }
          : undefined;
  if (key === undefined) return undefined;
  if (spec.maglev !== undefined)
    return { ...key, algorithm: "MAGLEV", size: spec.maglev.tableSize || 65_537 };
  const size = spec.ringHash?.minimumRingSize || spec.minimumRingSize || 1024;
  return { ...key, algorithm: "RING_HASH", size };
}

/** With the defaults of Envoy's client_side_weighted_round_robin.proto, which computes weights every 100 ms at most. */
function backendUtilization(spec: NonNullable<LoadBalancerSpec["backendUtilization"]>): BackendUtilization {
  return {
    metricNames: spec.metricNamesForComputingUtilization ?? [],
    errorUtilizationPenalty: (spec.errorUtilizationPenaltyPercent ?? 100) / 100,
    expirationMs: parseDurationMs(spec.weightExpirationPeriod) ?? 180_000,
    stabilizationMs: parseDurationMs(spec.weightStabilizationPeriod) ?? 10_000,
    updateMs: Math.max(parseDurationMs(spec.weightUpdatePeriod) ?? 1_000, 100),
  };
}

function warmupOf(spec: LoadBalancerSpec | undefined): LoadBalancer["warmup"] {
  const durationMs = parseDurationMs(spec?.warmup?.duration ?? spec?.warmupDurationSecs);
  if (!durationMs) return undefined;
  return {
    durationMs,
    minimumPercent: spec?.warmup?.minimumPercent ?? 10,
    aggression: spec?.warmup?.aggression ?? 1,
  };
}
