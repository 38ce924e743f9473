/** The annotations that shape an injected pod. `docs/injection.md` describes each; a test compares the two. */
export const annotations = {
  proxyImage: "sidecar.istio.io/proxyImage",
  proxyCpu: "sidecar.istio.io/proxyCPU",
  proxyCpuLimit: "sidecar.istio.io/proxyCPULimit",
  proxyMemory: "sidecar.istio.io/proxyMemory",
  proxyMemoryLimit: "sidecar.istio.io/proxyMemoryLimit",
  logLevel: "sidecar.istio.io/logLevel",
  nativeSidecar: "sidecar.istio.io/nativeSidecar",
  rewriteProbes: "sidecar.istio.io/rewriteAppHTTPProbers",
  interceptionMode: "sidecar.istio.io/interceptionMode",
  userVolume: "sidecar.istio.io/userVolume",
  userVolumeMount: "sidecar.istio.io/userVolumeMount",
  proxyConfig: "proxy.istio.io/config",
  mergeMetrics: "prometheus.istio.io/merge-metrics",
  statusPort: "status.sidecar.istio.io/port",
  readinessInitialDelay: "readiness.status.sidecar.istio.io/initialDelaySeconds",
  readinessPeriod: "readiness.status.sidecar.istio.io/periodSeconds",
  readinessFailures: "readiness.status.sidecar.istio.io/failureThreshold",
  includeOutboundRanges: "traffic.sidecar.istio.io/includeOutboundIPRanges",
  excludeOutboundRanges: "traffic.sidecar.istio.io/excludeOutboundIPRanges",
  includeOutboundPorts: "traffic.sidecar.istio.io/includeOutboundPorts",
  excludeOutboundPorts: "traffic.sidecar.istio.io/excludeOutboundPorts",
  includeInboundPorts: "traffic.sidecar.istio.io/includeInboundPorts",
  excludeInboundPorts: "traffic.sidecar.istio.io/excludeInboundPorts",
  excludeInterfaces: "traffic.sidecar.istio.io/excludeInterfaces",
  templates: "inject.istio.io/templates",
} as const;

/** Istio's annotations that have no meaning here: accepted, with a warning that says so. */
export const withoutEffect: readonly string[] = [
  "sidecar.istio.io/agentLogLevel",
  "sidecar.istio.io/bootstrapOverride",
  "sidecar.istio.io/capNetBindService",
  "sidecar.istio.io/componentLogLevel",
  "sidecar.istio.io/discoveryAddress",
  "sidecar.istio.io/extraStatTags",
  "sidecar.istio.io/proxyImageType",
  "sidecar.istio.io/statsCompression",
  "sidecar.istio.io/statsEvictionInterval",
  "sidecar.istio.io/statsFlushInterval",
  "sidecar.istio.io/statsHistogramBins",
  "sidecar.istio.io/statsHistogramBuckets",
  "sidecar.istio.io/statsInclusionPrefixes",
  "sidecar.istio.io/statsInclusionRegexps",
  "sidecar.istio.io/statsInclusionSuffixes",
  "readiness.status.sidecar.istio.io/applicationPorts",
  "traffic.sidecar.istio.io/kubevirtInterfaces",
  "istio.io/reroute-virtual-interfaces",
];

/** Where an annotation's error is reported. */
export function annotationField(name: string): string {
  return `metadata.annotations[${name}]`;
}
