/** What the compiler writes: the status of the two compiled kinds. Durations are milliseconds, named `…Ms`. */
export type Protocol = "http" | "http2" | "grpc" | "https" | "tls" | "tcp" | "auto";

export interface CompiledHeader {
  readonly revision: string;
  readonly hash: string;
  readonly generations: readonly string[];
  readonly writtenAt?: string;
}

export interface ServiceConfigStatus extends CompiledHeader {
  readonly index?: IndexPart;
  readonly service?: ServicePart;
  readonly endpoints?: EndpointsPart;
}

export interface IndexPart {
  readonly namespace: string;
  readonly services: readonly IndexEntry[];
}

export interface IndexEntry {
  readonly name: string;
  readonly key: string;
  readonly addresses: readonly string[];
  readonly ports: readonly IndexPort[];
  readonly headless?: boolean;
  readonly hosts?: readonly string[];
  readonly exportTo?: readonly string[];
}

export interface IndexPort {
  readonly port: number;
  readonly protocol: Protocol;
  readonly name?: string;
}

export interface ServicePart {
  readonly name: string;
  readonly namespace: string;
  readonly key: string;
  readonly host: string;
  readonly endpointSlices: number;
  readonly common: ServiceView;
  readonly variants: readonly ServiceVariant[];
}

export interface ServiceVariant {
  readonly namespaces: readonly string[];
  readonly view: ServiceView;
}

export interface ServiceView {
  readonly http: readonly HttpRoute[];
  readonly tcp: readonly TcpRoute[];
  readonly tls: readonly TlsRoute[];
  readonly clusters: readonly ClusterPolicy[];
}

type Labels = Readonly<Record<string, string>>;

export interface ClusterPolicy {
  readonly subset: string;
  readonly labels: Labels;
  readonly port?: number;
  readonly loadBalancer: LoadBalancer;
  readonly connectionPool: ConnectionPool;
  readonly outlierDetection?: OutlierDetection;
  readonly tls: ClientTls;
  readonly proxyProtocol?: "V1" | "V2";
}

export interface LoadBalancer {
  readonly simple: "ROUND_ROBIN" | "LEAST_REQUEST" | "RANDOM" | "PASSTHROUGH";
  readonly consistentHash?: ConsistentHash;
  readonly warmup?: {
    readonly durationMs: number;
    readonly minimumPercent: number;
    readonly aggression: number;
  };
  readonly locality?: LocalityPolicy;
}

export interface ConsistentHash {
  readonly header?: string;
  readonly cookie?: { readonly name: string; readonly path?: string; readonly ttlMs?: number };
  readonly sourceIp?: boolean;
  readonly queryParameter?: string;
  readonly algorithm: "RING_HASH" | "MAGLEV";
  readonly size: number;
}

export interface LocalityPolicy {
  readonly enabled: boolean;
  readonly distribute: readonly { readonly from: string; readonly to: Readonly<Record<string, number>> }[];
  readonly failover: readonly { readonly from: string; readonly to: string }[];
  readonly failoverPriority: readonly string[];
}

export interface ConnectionPool {
  readonly maxConnections?: number;
  readonly connectTimeoutMs: number;
  readonly tcpIdleTimeoutMs?: number;
  readonly maxConnectionDurationMs?: number;
  readonly tcpKeepalive?: {
    readonly probes?: number;
    readonly timeMs?: number;
    readonly intervalMs?: number;
  };
  readonly http1MaxPendingRequests?: number;
  readonly http2MaxRequests?: number;
  readonly maxRequestsPerConnection?: number;
  readonly maxRetries?: number;
  readonly idleTimeoutMs?: number;
  readonly h2UpgradePolicy?: "DEFAULT" | "DO_NOT_UPGRADE" | "UPGRADE";
  readonly useClientProtocol?: boolean;
  readonly maxConcurrentStreams?: number;
  readonly retryBudget?: {
    readonly percent: number;
    readonly minRetryConcurrency: number;
    readonly budgetIntervalMs?: number;
  };
}

export interface OutlierDetection {
  readonly consecutive5xxErrors: number;
  readonly consecutiveGatewayErrors: number;
  readonly splitExternalLocalOriginErrors: boolean;
  readonly consecutiveLocalOriginFailures: number;
  readonly intervalMs: number;
  readonly baseEjectionTimeMs: number;
  readonly maxEjectionPercent: number;
  readonly minHealthPercent: number;
  readonly httpErrorCodes: readonly number[];
}

export interface ClientTls {
  readonly mode: "AUTO" | "DISABLE" | "SIMPLE" | "MUTUAL" | "ISTIO_MUTUAL";
  readonly sni?: string;
  readonly subjectAltNames: readonly string[];
  readonly caCertificates?: string;
  readonly clientCertificate?: string;
  readonly privateKey?: string;
  readonly insecureSkipVerify?: boolean;
}

export interface HttpRoute {
  readonly name?: string;
  readonly matches: readonly HttpMatch[];
  readonly action: RouteAction;
  readonly timeoutMs?: number;
  readonly retries?: RetryPolicy;
  readonly fault?: Fault;
  readonly mirrors: readonly Mirror[];
  readonly headers?: HeaderOperations;
  readonly rewrite?: Rewrite;
  readonly cors?: CorsPolicy;
}

export interface HttpMatch {
  readonly uri?: StringMatch;
  readonly ignoreUriCase?: boolean;
  readonly scheme?: StringMatch;
  readonly method?: StringMatch;
  readonly authority?: StringMatch;
  readonly headers: readonly NamedMatch[];
  readonly withoutHeaders: readonly NamedMatch[];
  readonly queryParams: readonly NamedMatch[];
  readonly port?: number;
  readonly sourceLabels?: Labels;
  readonly sourceNamespace?: string;
}

export interface StringMatch {
  readonly kind: "exact" | "prefix" | "regex" | "present";
  readonly value: string;
}

export interface NamedMatch extends StringMatch {
  readonly name: string;
}

export type RouteAction =
  | { readonly kind: "forward"; readonly destinations: readonly WeightedDestination[] }
  | {
      readonly kind: "redirect";
      readonly code: number;
      readonly uri?: string;
      readonly prefixRewrite?: string;
      readonly authority?: string;
      readonly scheme?: string;
      readonly port?: number;
      readonly derivePort?: "FROM_PROTOCOL_DEFAULT" | "FROM_REQUEST_PORT";
    }
  | {
      readonly kind: "directResponse";
      readonly status: number;
      readonly body?: string;
      readonly bodyBase64?: string;
    };

export interface WeightedDestination {
  readonly host: string;
  readonly key: string;
  readonly port?: number;
  readonly subset: string;
  readonly weight: number;
  readonly headers?: HeaderOperations;
}

export interface RetryPolicy {
  readonly attempts: number;
  readonly perTryTimeoutMs?: number;
  readonly retryOn: readonly string[];
  readonly retriableStatusCodes: readonly number[];
  readonly backoffMs: number;
  readonly retryRemoteLocalities: boolean;
  readonly ignorePreviousHosts: boolean;
}

export interface Fault {
  readonly delay?: { readonly fixedMs: number; readonly percent: number };
  readonly abort?: { readonly httpStatus?: number; readonly grpcStatus?: string; readonly percent: number };
}

export interface Mirror {
  readonly host: string;
  readonly key: string;
  readonly port?: number;
  readonly subset: string;
  readonly percent: number;
}

export interface HeaderOperations {
  readonly request?: HeaderOps;
  readonly response?: HeaderOps;
}

export interface HeaderOps {
  readonly set: Readonly<Record<string, string>>;
  readonly add: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
}

export interface Rewrite {
  readonly uri?: string;
  readonly authority?: string;
  readonly regex?: { readonly match: string; readonly rewrite: string };
}

export interface CorsPolicy {
  readonly allowOrigins: readonly StringMatch[];
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly maxAgeMs?: number;
  readonly allowCredentials: boolean;
  readonly unmatchedPreflights: "FORWARD" | "IGNORE";
}

export interface TcpRoute {
  readonly matches: readonly L4Match[];
  readonly destinations: readonly WeightedDestination[];
}

export interface TlsRoute {
  readonly matches: readonly (L4Match & { readonly sniHosts: readonly string[] })[];
  readonly destinations: readonly WeightedDestination[];
}

export interface L4Match {
  readonly destinationSubnets: readonly string[];
  readonly port?: number;
  readonly sourceLabels?: Labels;
  readonly sourceNamespace?: string;
  readonly sniHosts?: readonly string[];
}

export interface EndpointsPart {
  readonly key: string;
  readonly slice: number;
  readonly of: number;
  readonly endpoints: readonly Endpoint[];
}

export interface Endpoint {
  readonly address: string;
  readonly ports: readonly { readonly port: number; readonly target: number }[];
  readonly ready: boolean;
  readonly identity?: string;
  readonly mtls: boolean;
  readonly plaintextPorts?: readonly number[];
  readonly labels: Labels;
  readonly workload?: string;
  readonly locality?: string;
  readonly weight: number;
  readonly node?: string;
}

type MtlsMode = "STRICT" | "PERMISSIVE" | "DISABLE";

export interface WorkloadConfigStatus extends CompiledHeader {
  readonly workload: {
    readonly name: string;
    readonly namespace: string;
    readonly kind: string;
    readonly labels: Labels;
  };
  readonly trustDomain: string;
  readonly trustBundle: string;
  readonly mtls: MtlsMode;
  readonly ports: readonly InboundPort[];
  readonly authorization: readonly AuthorizationEntry[];
  readonly egress: Egress;
  readonly telemetry: { readonly accessLog: boolean };
  readonly jwtRules: readonly never[];
}

export interface InboundPort {
  readonly port: number;
  readonly protocol: Protocol;
  readonly mtls: MtlsMode;
  readonly service?: string;
  readonly connectionPool?: ConnectionPool;
}

export interface AuthorizationEntry {
  readonly name: string;
  readonly namespace: string;
  readonly action: "ALLOW" | "DENY" | "AUDIT" | "CUSTOM";
  readonly rules: readonly AuthorizationRule[];
}

export interface AuthorizationRule {
  readonly from: readonly Source[];
  readonly to: readonly Operation[];
  readonly when: readonly Condition[];
}

type Strings<K extends string> = { readonly [key in K]?: readonly string[] };

export type Source = Strings<
  | "principals"
  | "notPrincipals"
  | "requestPrincipals"
  | "notRequestPrincipals"
  | "namespaces"
  | "notNamespaces"
  | "serviceAccounts"
  | "notServiceAccounts"
  | "ipBlocks"
  | "notIpBlocks"
  | "remoteIpBlocks"
  | "notRemoteIpBlocks"
  | "trustDomains"
  | "notTrustDomains"
>;

export type Operation = Strings<
  "hosts" | "notHosts" | "ports" | "notPorts" | "methods" | "notMethods" | "paths" | "notPaths"
>;

export interface Condition {
  readonly key: string;
  readonly values: readonly string[];
  readonly notValues: readonly string[];
}

export interface Egress {
  readonly outboundTrafficPolicy: "ALLOW_ANY" | "REGISTRY_ONLY";
  readonly hosts?: readonly string[];
}
