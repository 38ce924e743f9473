/** Istio's labels of one flow: who calls whom, and how. Pure. */

/** One end of a flow. */
export interface Workload {
  readonly workload: string;
  readonly namespace: string;
  readonly app: string;
  readonly version: string;
  /** `spiffe://…`; "unknown" without mutual TLS. */
  readonly principal: string;
  readonly canonicalService: string;
  readonly canonicalRevision: string;
}

export const UNKNOWN = "unknown";
export const UNKNOWN_WORKLOAD: Workload = {
  workload: UNKNOWN,
  namespace: UNKNOWN,
  app: UNKNOWN,
  version: UNKNOWN,
  principal: UNKNOWN,
  canonicalService: UNKNOWN,
  canonicalRevision: "latest",
};

/** A service as the destination labels name it. */
export interface ServiceLabels {
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
}

export type SecurityPolicy = "mutual_tls" | "none" | "unknown";

/** Names common to every `istio_*` metric, in the order of `flowLabels`. */
export const FLOW_LABELS: readonly string[] = [
  "reporter",
  "source_workload",
  "source_canonical_service",
  "source_canonical_revision",
  "source_workload_namespace",
  "source_principal",
  "source_app",
  "source_version",
  "source_cluster",
  "destination_workload",
  "destination_workload_namespace",
  "destination_principal",
  "destination_app",
  "destination_version",
  "destination_service",
  "destination_canonical_service",
  "destination_canonical_revision",
  "destination_service_name",
  "destination_service_namespace",
  "destination_cluster",
  "request_protocol",
  "response_flags",
  "connection_security_policy",
];

const CLUSTER = "Kubernetes";

/** What a flow's labels are made from. `outbound` reports as the source, and does not vouch for the policy, as in Istio. */
export interface Flow {
  readonly reporter: "source" | "destination";
  readonly source: Workload;
  readonly destination: Workload;
  readonly service: ServiceLabels;
  readonly protocol: "http" | "grpc" | "tcp";
  readonly flags: string;
  readonly security: SecurityPolicy;
}

export function flowLabels(flow: Flow): string[] {
  const { source, destination, service } = flow;
  return [
    flow.reporter,
    source.workload,
    source.canonicalService,
    source.canonicalRevision,
    source.namespace,
    source.principal,
    source.app,
    source.version,
    CLUSTER,
    destination.workload,
    destination.namespace,
    destination.principal,
    destination.app,
    destination.version,
    service.host,
    destination.canonicalService,
    destination.canonicalRevision,
    service.name,
    service.namespace,
    CLUSTER,
    flow.protocol,
    flow.flags,
    flow.reporter === "source" ? UNKNOWN : flow.security,
  ];
}

/** A workload from its name (`Deployment/payment-v2` or `payment-v2`), namespace and pod labels. */
export function workloadOf(
  name: string | undefined,
  namespace: string,
  labels: Readonly<Record<string, string>>,
  principal: string,
): Workload {
  const workload = name === undefined ? UNKNOWN : name.slice(name.indexOf("/") + 1);
  const app = labels.app ?? labels["app.kubernetes.io/name"];
  const version = labels.version ?? labels["app.kubernetes.io/version"];
  return {
    workload,
    namespace,
    app: app ?? UNKNOWN,
    version: version ?? UNKNOWN,
    principal,
    canonicalService: labels["service.istio.io/canonical-name"] ?? app ?? workload,
    canonicalRevision: labels["service.istio.io/canonical-revision"] ?? version ?? "latest",
  };
}
