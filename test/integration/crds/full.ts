/** Specs of each of Istio's kinds which together have every field; several, since some fields exclude others. */
import type { AuthorizationPolicySpec } from "../../../crds/authorization-policy.ts";
import type {
  DestinationRuleSpec,
  PortTrafficPolicy,
  TrafficPolicy,
} from "../../../crds/destination-rule.ts";
import type { EnvoyFilterSpec } from "../../../crds/envoy-filter.ts";
import type { PeerAuthenticationSpec } from "../../../crds/peer-authentication.ts";
import type { RateLimitSpec } from "../../../crds/rate-limit.ts";
import type { RequestAuthenticationSpec } from "../../../crds/request-authentication.ts";
import type { ServiceEntrySpec } from "../../../crds/service-entry.ts";
import type { HTTPRoute, VirtualServiceSpec } from "../../../crds/virtual-service.ts";

const headers = {
  request: { set: { a: "1" }, add: { b: "2" }, remove: ["c"] },
  response: { set: { d: "3" }, add: { e: "4" }, remove: ["f"] },
} as const;

const destination = { host: "b", subset: "v1", port: { number: 8080 } } as const;

/** A match by each of the three ways to compare. */
const matches = [{ exact: "a" }, { prefix: "a" }, { regex: "a.*" }].map((by) => ({
  name: "m",
  uri: by,
  scheme: by,
  method: by,
  authority: by,
  headers: { "x-a": by, "x-b": {} },
  port: 80,
  sourceLabels: { app: "a" },
  gateways: ["mesh"],
  queryParams: { q: by },
  ignoreUriCase: true,
  withoutHeaders: { "x-c": by },
  sourceNamespace: "default",
  statPrefix: "s",
}));

const httpRoute: HTTPRoute = {
  name: "all",
  match: matches,
  route: [{ destination, weight: 100, headers }],
  rewrite: { uri: "/b", authority: "c", uriRegexRewrite: { match: "^/a", rewrite: "/\\1" } },
  timeout: "1.5s",
  retries: {
    attempts: 3,
    perTryTimeout: "500ms",
    retryOn: "5xx,reset",
    retryRemoteLocalities: true,
    retryIgnorePreviousHosts: false,
    backoff: "1ms",
  },
  fault: {
    delay: { percent: 10, fixedDelay: "1h2m3s", percentage: { value: 0.5 } },
    abort: { httpStatus: 503, percentage: { value: 100 } },
  },
  mirror: destination,
  mirrors: [{ destination, percentage: { value: 1 } }],
  mirrorPercent: 4294967295,
  mirror_percent: 0,
  mirrorPercentage: { value: 50 },
  corsPolicy: {
    allowOrigin: ["https://a"],
    allowOrigins: matches.map((match) => match.uri),
    allowMethods: ["GET"],
    allowHeaders: ["x-a"],
    exposeHeaders: ["x-b"],
    maxAge: "24h",
    allowCredentials: true,
    unmatchedPreflights: "IGNORE",
  },
  headers,
};

const l4 = {
  destinationSubnets: ["198.18.0.0/15"],
  port: 443,
  sourceLabels: { app: "a" },
  gateways: ["mesh"],
  sourceNamespace: "default",
} as const;

const virtualService: VirtualServiceSpec = {
  hosts: ["b", "*.example.com"],
  gateways: ["mesh", "ns/gw"],
  exportTo: [".", "other"],
  http: [
    httpRoute,
    {
      redirect: {
        uri: "/",
        authority: "a",
        port: 8443,
        scheme: "https",
        redirectCode: 308,
        prefixRewrite: "/p",
      },
    },
    { redirect: { derivePort: "FROM_REQUEST_PORT" } },
    { directResponse: { status: 200, body: { string: "ok" } } },
    { directResponse: { status: 200, body: { bytes: "b2s=" } } },
    { delegate: { name: "d", namespace: "other" } },
    { fault: { delay: { exponentialDelay: "1s" }, abort: { grpcStatus: "UNAVAILABLE" } } },
    { fault: { abort: { http2Error: "x" } } },
  ],
  tls: [{ match: [{ sniHosts: ["b"], ...l4 }], route: [{ destination, weight: 1 }] }],
  tcp: [{ match: [{ ...l4, sourceSubnet: "198.18.0.0/16" }], route: [{ destination, weight: 1 }] }],
};

const failover = [{ from: "a", to: "b" }] as const;

const perPort: PortTrafficPolicy = {
  loadBalancer: {
    consistentHash: {
      httpCookie: { name: "c", path: "/", ttl: "0s", attributes: [{ name: "SameSite", value: "Lax" }] },
      ringHash: { minimumRingSize: 2048 },
      minimumRingSize: 1024,
    },
    localityLbSetting: {
      enabled: true,
      distribute: [{ from: "r/z/*", to: { "r/z/*": 100 } }],
      failover,
      failoverPriority: ["topology.kubernetes.io/region"],
    },
    zoneAwareLbSetting: { enabled: true, failover, failoverPriority: ["a"], minClusterSize: 6 },
    warmupDurationSecs: "10s",
    warmup: { duration: "10s", minimumPercent: 12.5, aggression: 1.5 },
  },
  connectionPool: {
    tcp: {
      maxConnections: 100,
      connectTimeout: "10s",
      tcpKeepalive: { probes: 9, time: "7200s", interval: "75s" },
      maxConnectionDuration: "1h",
      idleTimeout: "0s",
    },
    http: {
      http1MaxPendingRequests: 1,
      http2MaxRequests: 2,
      maxRequestsPerConnection: 3,
      maxRetries: 4,
      idleTimeout: "1h",
      h2UpgradePolicy: "UPGRADE",
      useClientProtocol: true,
      maxConcurrentStreams: 5,
      http2KeepAlive: { interval: "30s", timeout: "5s" },
    },
  },
  outlierDetection: {
    consecutiveErrors: 1,
    splitExternalLocalOriginErrors: true,
    consecutiveLocalOriginFailures: 2,
    consecutiveGatewayErrors: 3,
    consecutive5xxErrors: 0,
    interval: "30s",
    baseEjectionTime: "30s",
    maxEjectionPercent: 50,
    minHealthPercent: 30,
    outlierDetectionHttpErrorCodes: [100, 599],
  },
  tls: {
    mode: "MUTUAL",
    clientCertificate: "/c",
    privateKey: "/k",
    caCertificates: "/a",
    credentialName: "s",
    subjectAltNames: ["b"],
    sni: "b",
    insecureSkipVerify: false,
    caCrl: "/r",
  },
};

const alternatives: readonly PortTrafficPolicy[] = [
  { loadBalancer: { simple: "LEAST_CONN" } },
  { loadBalancer: { consistentHash: { httpHeaderName: "x", maglev: { tableSize: 65537 } } } },
  { loadBalancer: { consistentHash: { useSourceIp: true } } },
  { loadBalancer: { consistentHash: { httpQueryParameterName: "q" } } },
  {
    loadBalancer: {
      backendUtilization: {
        errorUtilizationPenaltyPercent: 1,
        metricNamesForComputingUtilization: ["named_metrics.queue"],
        weightExpirationPeriod: "3m",
        weightStabilizationPeriod: "10s",
        weightUpdatePeriod: "1s",
      },
    },
  },
];

const trafficPolicy: TrafficPolicy = {
  ...perPort,
  portLevelSettings: [{ port: { number: 80 }, ...perPort }, ...alternatives],
  tunnel: { protocol: "CONNECT", targetHost: "t", targetPort: 443 },
  proxyProtocol: { version: "V2" },
  retryBudget: { percent: 20, minRetryConcurrency: 3, budgetInterval: "0s" },
};

const destinationRule: DestinationRuleSpec = {
  host: "b",
  trafficPolicy,
  subsets: [
    { name: "v1", labels: { version: "v1" }, trafficPolicy },
    ...alternatives.map((policy, i) => ({ name: `a${i}`, trafficPolicy: policy })),
  ],
  exportTo: ["*"],
  workloadSelector: { matchLabels: { app: "a" } },
};

const peerAuthentication: PeerAuthenticationSpec = {
  selector: { matchLabels: { app: "a" } },
  mtls: { mode: "STRICT" },
  portLevelMtls: { 1: { mode: "DISABLE" }, 8080: { mode: "PERMISSIVE" }, 65535: { mode: "UNSET" } },
};

const authorizationPolicy: AuthorizationPolicySpec = {
  selector: { matchLabels: { app: "a" } },
  action: "CUSTOM",
  provider: { name: "p" },
  rules: [
    {
      from: [
        {
          source: {
            principals: ["cluster.local/ns/a/sa/b"],
            notPrincipals: ["*"],
            requestPrincipals: ["i/s"],
            notRequestPrincipals: ["i/t"],
            namespaces: ["a"],
            notNamespaces: ["b"],
            ipBlocks: ["198.18.0.0/15"],
            notIpBlocks: ["198.18.0.1"],
            remoteIpBlocks: ["::1/128"],
            notRemoteIpBlocks: ["::2"],
            trustDomains: ["cluster.local"],
            notTrustDomains: ["other"],
          },
        },
        { source: { serviceAccounts: ["a", "ns/b"], notServiceAccounts: ["c"] } },
      ],
      to: [
        {
          operation: {
            hosts: ["a"],
            notHosts: ["b"],
            ports: ["80"],
            notPorts: ["81"],
            methods: ["GET"],
            notMethods: ["PUT"],
            paths: ["/{*}/a/{**}"],
            notPaths: ["/b"],
          },
        },
      ],
      when: [{ key: "request.headers[x]", values: ["1"], notValues: ["2"] }],
    },
  ],
};

const requestAuthentication: RequestAuthenticationSpec = {
  selector: { matchLabels: { app: "a" } },
  jwtRules: [
    {
      issuer: "https://issuer.example",
      audiences: ["a"],
      jwksUri: "https://issuer.example:8443/keys?a=b",
      fromHeaders: [{ name: "x-token", prefix: "Bearer " }],
      fromParams: ["token"],
      fromCookies: ["token"],
      outputPayloadToHeader: "x-payload",
      outputClaimToHeaders: [{ header: "x-sub", claim: "sub" }],
      forwardOriginalToken: true,
      timeout: "3s",
      spaceDelimitedClaims: ["roles"],
      presence: "OPTIONAL",
    },
    { jwks_uri: "http://issuer.example" },
    { issuer: "i", jwks: '{"keys":[]}' },
  ],
};

const envoyFilter: EnvoyFilterSpec = {
  workloadSelector: { labels: { app: "a" } },
  priority: -1,
  configPatches: [
    {
      applyTo: "HTTP_FILTER",
      match: { context: "SIDECAR_INBOUND", listener: { portNumber: 80 } },
      patch: {
        operation: "INSERT_BEFORE",
        filterClass: "AUTHZ",
        value: { name: "envoy.filters.http.lua", typed_config: { "@type": "t", a: [1, { b: true }] } },
      },
    },
  ],
};

const rateLimit: RateLimitSpec = {
  selector: { matchLabels: { app: "a" } },
  rules: [
    {
      match: {
        methods: ["GET"],
        paths: ["/a*"],
        headers: [{ name: "x-a", exact: "b" }, { name: "x-b", prefix: "c" }, { name: "x-c" }],
        ports: [8080],
      },
      limit: { requests: 10, unit: "MINUTE", burst: 20 },
      key: [{ attribute: "HEADER", header: "x-key" }, { attribute: "PRINCIPAL" }],
      dryRun: true,
      responseHeaders: true,
    },
    { limit: { requests: 1, per: "90s" } },
  ],
};

const serviceEntry: ServiceEntrySpec = {
  hosts: ["api.example.com", "*.example.org"],
  addresses: ["198.18.0.1", "198.19.0.0/16"],
  ports: [
    { number: 80, name: "http", protocol: "HTTP", targetPort: 8080 },
    { number: 443, name: "tls", protocol: "TLS" },
  ],
  location: "MESH_INTERNAL",
  resolution: "STATIC",
  endpoints: [
    {
      address: "192.0.2.1",
      ports: { http: 8081 },
      labels: { app: "a" },
      network: "n",
      locality: "r/z/s",
      weight: 4294967295,
      serviceAccount: "a",
    },
  ],
  exportTo: [".", "~"],
  subjectAltNames: ["api.example.com"],
};

const target = { group: "gateway.networking.k8s.io", kind: "Gateway", name: "g", namespace: "" };

/** By plural. */
export const everyField = {
  virtualservices: [virtualService],
  destinationrules: [
    destinationRule,
    ...alternatives.map((policy): DestinationRuleSpec => ({ host: "b", trafficPolicy: policy })),
  ],
  serviceentries: [
    serviceEntry,
    {
      hosts: ["a"],
      resolution: "STATIC",
      endpoints: [{ address: "unix:///run/a" }, { address: "unix://@a" }, { network: "n" }],
    },
    { hosts: ["a"], workloadSelector: { labels: { app: "a" } } },
  ],
  peerauthentications: [peerAuthentication],
  authorizationpolicies: [
    authorizationPolicy,
    { targetRef: target },
    { targetRefs: [target, { kind: "Service", name: "s" }] },
  ],
  requestauthentications: [requestAuthentication, { targetRef: target }, { targetRefs: [target] }],
  envoyfilters: [envoyFilter, { targetRefs: [target] }],
  ratelimits: [rateLimit],
} satisfies Record<
  string,
  readonly (
    | VirtualServiceSpec
    | DestinationRuleSpec
    | ServiceEntrySpec
    | PeerAuthenticationSpec
    | AuthorizationPolicySpec
    | RequestAuthenticationSpec
    | EnvoyFilterSpec
    | RateLimitSpec
  )[]
>;
