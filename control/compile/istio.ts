/** The Istio kinds as users write them. */
type Labels = Readonly<Record<string, string>>;

export interface StringMatchSpec {
  readonly exact?: string;
  readonly prefix?: string;
  readonly regex?: string;
}

type Matches = Readonly<Record<string, StringMatchSpec>>;

export interface VirtualServiceSpec {
  readonly hosts?: readonly string[];
  readonly gateways?: readonly string[];
  readonly exportTo?: readonly string[];
  readonly http?: readonly HttpRouteSpec[];
  readonly tls?: readonly TlsRouteSpec[];
  readonly tcp?: readonly TcpRouteSpec[];
}

export interface HttpRouteSpec {
  readonly name?: string;
  readonly match?: readonly HttpMatchSpec[];
  readonly route?: readonly HttpDestinationSpec[];
  readonly redirect?: {
    readonly uri?: string;
    readonly authority?: string;
    readonly port?: number;
    readonly derivePort?: "FROM_PROTOCOL_DEFAULT" | "FROM_REQUEST_PORT";
    readonly scheme?: string;
    readonly redirectCode?: number;
    readonly prefixRewrite?: string;
  };
  readonly directResponse?: {
    readonly status: number;
    readonly body?: { readonly string?: string; readonly bytes?: string };
  };
  readonly delegate?: { readonly name?: string; readonly namespace?: string };
  readonly rewrite?: {
    readonly uri?: string;
    readonly authority?: string;
    readonly uriRegexRewrite?: { readonly match?: string; readonly rewrite?: string };
  };
  readonly timeout?: string;
  readonly retries?: {
    readonly attempts?: number;
    readonly perTryTimeout?: string;
    readonly retryOn?: string;
    readonly retryRemoteLocalities?: boolean;
    readonly retryIgnorePreviousHosts?: boolean;
    readonly backoff?: string;
  };
  readonly fault?: {
    readonly delay?: {
      readonly fixedDelay?: string;
      readonly percentage?: { readonly value?: number };
      readonly percent?: number;
    };
    readonly abort?: {
      readonly httpStatus?: number;
      readonly grpcStatus?: string;
      readonly percentage?: { readonly value?: number };
    };
  };
  readonly mirror?: DestinationSpec;
  readonly mirrors?: readonly {
    readonly destination: DestinationSpec;
    readonly percentage?: { readonly value?: number };
  }[];
  readonly mirrorPercentage?: { readonly value?: number };
  readonly mirrorPercent?: number;
  readonly mirror_percent?: number;
  readonly corsPolicy?: {
    readonly allowOrigins?: readonly StringMatchSpec[];
    readonly allowOrigin?: readonly string[];
    readonly allowMethods?: readonly string[];
    readonly allowHeaders?: readonly string[];
    readonly exposeHeaders?: readonly string[];
    readonly maxAge?: string;
    readonly allowCredentials?: boolean;
    readonly unmatchedPreflights?: "UNSPECIFIED" | "FORWARD" | "IGNORE";
  };
  readonly headers?: HeadersSpec;
}

export interface HttpMatchSpec {
  readonly name?: string;
  readonly uri?: StringMatchSpec;
  readonly scheme?: StringMatchSpec;
  readonly method?: StringMatchSpec;
  readonly authority?: StringMatchSpec;
  readonly headers?: Matches;
  readonly withoutHeaders?: Matches;
  readonly queryParams?: Matches;
  readonly ignoreUriCase?: boolean;
  readonly port?: number;
  readonly sourceLabels?: Labels;
  readonly sourceNamespace?: string;
  readonly gateways?: readonly string[];
  readonly statPrefix?: string;
}

export interface DestinationSpec {
  readonly host: string;
  readonly subset?: string;
  readonly port?: { readonly number?: number };
}

export interface HttpDestinationSpec {
  readonly destination: DestinationSpec;
  readonly weight?: number;
  readonly headers?: HeadersSpec;
}

export interface HeadersSpec {
  readonly request?: HeaderOpsSpec;
  readonly response?: HeaderOpsSpec;
}

export interface HeaderOpsSpec {
  readonly set?: Labels;
  readonly add?: Labels;
  readonly remove?: readonly string[];
}

export interface L4MatchSpec {
  readonly destinationSubnets?: readonly string[];
  readonly port?: number;
  readonly sourceLabels?: Labels;
  readonly gateways?: readonly string[];
  readonly sourceNamespace?: string;
}

export interface RouteDestinationSpec {
  readonly destination: DestinationSpec;
  readonly weight?: number;
}

export interface TlsRouteSpec {
  readonly match: readonly (L4MatchSpec & { readonly sniHosts: readonly string[] })[];
  readonly route?: readonly RouteDestinationSpec[];
}

export interface TcpRouteSpec {
  readonly match?: readonly L4MatchSpec[];
  readonly route?: readonly RouteDestinationSpec[];
}

export interface DestinationRuleSpec {
  readonly host: string;
  readonly workloadSelector?: { readonly matchLabels?: Labels };
  readonly exportTo?: readonly string[];
  readonly subsets?: readonly SubsetSpec[];
  readonly trafficPolicy?: TrafficPolicySpec;
}

export interface SubsetSpec {
  readonly name: string;
  readonly labels?: Labels;
  readonly trafficPolicy?: TrafficPolicySpec;
}

export interface PortTrafficPolicySpec {
  readonly port?: { readonly number?: number };
  readonly loadBalancer?: LoadBalancerSpec;
  readonly connectionPool?: ConnectionPoolSpec;
  readonly outlierDetection?: OutlierDetectionSpec;
  readonly tls?: ClientTlsSpec;
}

export interface TrafficPolicySpec extends Omit<PortTrafficPolicySpec, "port"> {
  readonly portLevelSettings?: readonly PortTrafficPolicySpec[];
  readonly proxyProtocol?: { readonly version?: "V1" | "V2" };
  readonly retryBudget?: {
    readonly percent?: number;
    readonly minRetryConcurrency?: number;
    readonly budgetInterval?: string;
  };
}

export interface LoadBalancerSpec {
  readonly simple?: "UNSPECIFIED" | "LEAST_CONN" | "RANDOM" | "PASSTHROUGH" | "ROUND_ROBIN" | "LEAST_REQUEST";
  readonly consistentHash?: {
    readonly httpHeaderName?: string;
    readonly httpCookie?: { readonly name: string; readonly path?: string; readonly ttl?: string };
    readonly useSourceIp?: boolean;
    readonly httpQueryParameterName?: string;
    readonly ringHash?: { readonly minimumRingSize?: number };
    readonly maglev?: { readonly tableSize?: number };
    readonly minimumRingSize?: number;
  };
  readonly localityLbSetting?: {
    readonly enabled?: boolean | null;
    readonly distribute?: readonly {
      readonly from?: string;
      readonly to?: Readonly<Record<string, number>>;
    }[];
    readonly failover?: readonly { readonly from?: string; readonly to?: string }[];
    readonly failoverPriority?: readonly string[];
  };
  readonly warmup?: {
    readonly duration: string;
    readonly minimumPercent?: number | null;
    readonly aggression?: number | null;
  };
  readonly warmupDurationSecs?: string;
}

export interface ConnectionPoolSpec {
  readonly tcp?: {
    readonly maxConnections?: number;
    readonly connectTimeout?: string;
    readonly tcpKeepalive?: { readonly probes?: number; readonly time?: string; readonly interval?: string };
    readonly maxConnectionDuration?: string;
    readonly idleTimeout?: string;
  };
  readonly http?: {
    readonly http1MaxPendingRequests?: number;
    readonly http2MaxRequests?: number;
    readonly maxRequestsPerConnection?: number;
    readonly maxRetries?: number;
    readonly idleTimeout?: string;
    readonly h2UpgradePolicy?: "DEFAULT" | "DO_NOT_UPGRADE" | "UPGRADE";
    readonly useClientProtocol?: boolean;
    readonly maxConcurrentStreams?: number;
  };
}

export interface OutlierDetectionSpec {
  readonly consecutive5xxErrors?: number | null;
  readonly consecutiveGatewayErrors?: number | null;
  readonly consecutiveErrors?: number;
  readonly splitExternalLocalOriginErrors?: boolean;
  readonly consecutiveLocalOriginFailures?: number | null;
  readonly interval?: string;
  readonly baseEjectionTime?: string;
  readonly maxEjectionPercent?: number;
  readonly minHealthPercent?: number;
  readonly outlierDetectionHttpErrorCodes?: readonly number[];
}

export interface ClientTlsSpec {
  readonly mode?: "DISABLE" | "SIMPLE" | "MUTUAL" | "ISTIO_MUTUAL";
  readonly clientCertificate?: string;
  readonly privateKey?: string;
  readonly caCertificates?: string;
  readonly subjectAltNames?: readonly string[];
  readonly sni?: string;
  readonly insecureSkipVerify?: boolean | null;
}

export interface PeerAuthenticationSpec {
  readonly selector?: { readonly matchLabels?: Labels };
  readonly mtls?: { readonly mode?: PeerMtlsMode };
  readonly portLevelMtls?: Readonly<Record<string, { readonly mode?: PeerMtlsMode }>>;
}

export type PeerMtlsMode = "UNSET" | "DISABLE" | "PERMISSIVE" | "STRICT";

export interface AuthorizationPolicySpec {
  readonly selector?: { readonly matchLabels?: Labels };
  readonly targetRef?: unknown;
  readonly targetRefs?: readonly unknown[];
  readonly action?: "ALLOW" | "DENY" | "AUDIT" | "CUSTOM";
  readonly rules?: readonly RuleSpec[];
}

export interface RuleSpec {
  readonly from?: readonly { readonly source?: Strings }[];
  readonly to?: readonly { readonly operation?: Strings }[];
  readonly when?: readonly {
    readonly key: string;
    readonly values?: readonly string[];
    readonly notValues?: readonly string[];
  }[];
}

type Strings = Readonly<Record<string, readonly string[] | undefined>>;
