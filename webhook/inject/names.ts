/** Names that tools, policies and habits depend on: Istio's, unless they begin with `weft`. */

export const initContainerName = "istio-init";
export const proxyContainerName = "istio-proxy";

/** The user and group the proxy runs as: redirection leaves their traffic alone. */
export const proxyUid = 1337;

/** A container of the user's own with this image takes the injector's and is laid over it. */
export const autoImage = "auto";

/** Ports of the proxy in the pod. */
export const ports = {
  outbound: 15001,
  inbound: 15006,
  inboundMtls: 15008,
  admin: 15020,
  readiness: 15021,
  metrics: 15090,
} as const;

export const volumes = { identity: "weft-identity", state: "weft-state" } as const;

export const labels = {
  inject: "sidecar.istio.io/inject",
  namespaceInjection: "istio-injection",
  dataplaneMode: "istio.io/dataplane-mode",
  tlsMode: "security.istio.io/tlsMode",
  canonicalName: "service.istio.io/canonical-name",
  canonicalRevision: "service.istio.io/canonical-revision",
} as const;

/** Annotations that the injector writes. */
export const written = {
  status: "sidecar.istio.io/status",
  workload: "mesh.weft.dev/workload",
  revision: "istio.io/rev",
  defaultContainer: "kubectl.kubernetes.io/default-container",
  defaultLogsContainer: "kubectl.kubernetes.io/default-logs-container",
  prometheusScrape: "prometheus.io/scrape",
  prometheusPort: "prometheus.io/port",
  prometheusPath: "prometheus.io/path",
} as const;
