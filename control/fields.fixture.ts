/**
 * Specs that together have every field of VirtualService, DestinationRule and ServiceEntry that is admitted; several, since some fields
 * exclude others. What a field says differs from its default, so that leaving it out makes a difference.
 */
import type { DestinationRuleSpec, TrafficPolicy } from "../crds/destination-rule.ts";
import type { ServiceEntrySpec } from "../crds/service-entry.ts";
import type { HTTPRoute, VirtualServiceSpec } from "../crds/virtual-service.ts";

const headers = {
  request: { set: { a: "1" }, add: { b: "2" }, remove: ["c"] },
  response: { set: { d: "3" }, add: { e: "4" }, remove: ["f"] },
} as const;
const destination = { host: "pay", subset: "v1", port: { number: 8080 } } as const;
const weighted = [
  { destination, weight: 30, headers },
  { destination: { host: "pay" }, weight: 70 },
];
const percentage = { value: 50 };

const match = [{ exact: "/a" }, { prefix: "/b" }, { regex: "/c.*" }].map((by) => ({
  name: "m",
  uri: by,
  scheme: by,
  method: by,
  authority: by,
  headers: { "x-a": by },
  port: 80,
  sourceLabels: { app: "shop" },
  gateways: ["mesh"],
  queryParams: { q: by },
  ignoreUriCase: true,
  withoutHeaders: { "x-c": by },
  sourceNamespace: "default",
  statPrefix: "s",
}));

const http: readonly HTTPRoute[] = [
  {
    name: "all",
    match,
    route: weighted,
    rewrite: { uri: "/z", authority: "z" },
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
      delay: { fixedDelay: "1s", percentage },
      abort: { httpStatus: 503, percentage },
    },
    mirror: { host: "pay", subset: "v1", port: { number: 80 } },
    mirrorPercentage: percentage,
    corsPolicy: {
      allowOrigins: match.map(({ uri }) => uri),
      allowMethods: ["GET"],
      allowHeaders: ["x-a"],
      exposeHeaders: ["x-b"],
      maxAge: "24h",
      allowCredentials: true,
      unmatchedPreflights: "IGNORE",
    },
    headers,
  },
  {
    match: [{ uri: { exact: "/2" } }],
    route: [{ destination: { host: "pay" } }],
    rewrite: { uriRegexRewrite: { match: "a", rewrite: "b" } },
    fault: { delay: { fixedDelay: "1s", percent: 5 }, abort: { grpcStatus: "ABORTED", percentage } },
    mirrors: [{ destination, percentage }],
    corsPolicy: { allowOrigin: ["https://a"] },
  },
  {
    match: [{ uri: { exact: "/3" } }],
    route: [{ destination: { host: "pay" } }],
    mirror: destination,
    mirrorPercent: 5,
  },
  {
    match: [{ uri: { exact: "/4" } }],
    route: [{ destination: { host: "pay" } }],
    mirror: destination,
    mirror_percent: 5,
  },
  {
    match: [{ uri: { exact: "/5" } }],
    redirect: { uri: "/", authority: "a", port: 8443, scheme: "https", redirectCode: 308 },
  },
  {
    match: [{ uri: { prefix: "/6" } }],
    redirect: { prefixRewrite: "/p", derivePort: "FROM_REQUEST_PORT" },
  },
  { match: [{ uri: { exact: "/7" } }], directResponse: { status: 200, body: { string: "ok" } } },
  { match: [{ uri: { exact: "/8" } }], directResponse: { status: 200, body: { bytes: "b2s=" } } },
  { match: [{ uri: { prefix: "/9" } }], delegate: { name: "inner", namespace: "other" } },
];

const l4 = {
  destinationSubnets: ["198.18.0.0/15"],
  port: 8080,
  sourceLabels: { app: "shop" },
  gateways: ["mesh"],
  sourceNamespace: "default",
} as const;
const l4Route = [
  { destination, weight: 30 },
  { destination: { host: "pay", subset: "v2" }, weight: 70 },
];

const atGateway = { gateways: ["ingress"] } as const;

export const virtualServices: readonly VirtualServiceSpec[] = [
  { hosts: ["pay"], ...atGateway, http: [{ route: weighted }] },
  {
    hosts: ["pay"],
    http: [{ match: [{ uri: { exact: "/" }, ...atGateway }], route: weighted }],
    tls: [{ match: [{ sniHosts: ["pay"], ...atGateway }], route: l4Route }],
    tcp: [{ match: [{ port: 80, ...atGateway }], route: l4Route }],
  },
  { hosts: ["pay"], gateways: ["mesh", "ingress"], exportTo: ["."], http },
  {
    hosts: ["pay"],
    tls: [{ match: [{ sniHosts: ["pay"], ...l4 }], route: l4Route }],
    tcp: [{ match: [{ ...l4, sourceSubnet: "198.18.0.0/16" }], route: l4Route }],
  },
];

const loadBalancers: readonly TrafficPolicy["loadBalancer"][] = [
  {
    simple: "ROUND_ROBIN",
    warmup: { duration: "10s", minimumPercent: 12.5, aggression: 1.5 },
    localityLbSetting: { enabled: true, failover: [{ from: "a", to: "b" }] },
  },
  { simple: "ROUND_ROBIN", warmupDurationSecs: "10s", localityLbSetting: { failoverPriority: ["rack"] } },
  {
    consistentHash: {
      httpCookie: { name: "c", path: "/", ttl: "0s", attributes: [{ name: "SameSite", value: "Lax" }] },
      ringHash: { minimumRingSize: 2048 },
    },
    localityLbSetting: { distribute: [{ from: "r/z/*", to: { "r/z/*": 100 } }] },
  },
  { localityLbSetting: { enabled: false, failover: [{ from: "a", to: "b" }] } },
  { consistentHash: { httpHeaderName: "x", maglev: { tableSize: 101 } } },
  { consistentHash: { useSourceIp: true, minimumRingSize: 2048 } },
  {
    zoneAwareLbSetting: {
      failover: [{ from: "a", to: "b" }],
      failoverPriority: ["x"],
      minClusterSize: 1,
    },
  },
  { zoneAwareLbSetting: { enabled: false } },
  { consistentHash: { httpQueryParameterName: "q" } },
  {
    backendUtilization: {
      errorUtilizationPenaltyPercent: 50,
      metricNamesForComputingUtilization: ["named_metrics.queue"],
      weightExpirationPeriod: "2m",
      weightStabilizationPeriod: "0s",
      weightUpdatePeriod: "2s",
    },
  },
];

const pools: NonNullable<TrafficPolicy["connectionPool"]> = {
  tcp: {
    maxConnections: 100,
    connectTimeout: "1s",
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
    maxConcurrentStreams: 5,
    http2KeepAlive: { interval: "30s", timeout: "5s" },
  },
};

const ejection: TrafficPolicy["outlierDetection"] = {
  splitExternalLocalOriginErrors: true,
  consecutiveLocalOriginFailures: 2,
  consecutiveGatewayErrors: 3,
  consecutive5xxErrors: 0,
  interval: "31s",
  baseEjectionTime: "31s",
  maxEjectionPercent: 50,
  minHealthPercent: 30,
  outlierDetectionHttpErrorCodes: [500, 599],
};

const securities: readonly TrafficPolicy["tls"][] = [
  {
    mode: "MUTUAL",
    clientCertificate: "/c",
    privateKey: "/k",
    caCertificates: "/a",
    caCrl: "/r",
    subjectAltNames: ["b"],
    sni: "b",
  },
  { mode: "SIMPLE", insecureSkipVerify: true },
  { mode: "SIMPLE", credentialName: "vault" },
];

const protocols = [{ h2UpgradePolicy: "UPGRADE" }, { useClientProtocol: true }] as const;

const perPort = loadBalancers.map((loadBalancer, i) => ({
  loadBalancer,
  ...(i < 4 && {
    connectionPool: { tcp: pools.tcp, http: { ...pools.http, ...protocols[i % 2] } },
    outlierDetection: ejection,
  }),
  tls: securities[i % securities.length],
}));
const tunnel = { protocol: "POST", targetHost: "far.example", targetPort: 443 };
const trafficPolicies = perPort.map((policy, i) => ({
  ...policy,
  portLevelSettings: [{ port: { number: 80 }, ...policy }],
  ...(i === 0 ? { tunnel } : { proxyProtocol: { version: "V2" as const } }),
  retryBudget: { percent: 30, minRetryConcurrency: 4, budgetInterval: "1s" },
}));

const workloadSelector = { matchLabels: { app: "shop" } };
export const destinationRules: readonly DestinationRuleSpec[] = trafficPolicies.flatMap((trafficPolicy) => [
  { host: "pay", exportTo: ["."], trafficPolicy, workloadSelector },
  { host: "pay", exportTo: ["other"], trafficPolicy },
  { host: "pay", subsets: [{ name: "v1", labels: { version: "v1" }, trafficPolicy }], workloadSelector },
]) as readonly DestinationRuleSpec[];

export const serviceEntries: readonly ServiceEntrySpec[] = [
  {
    hosts: ["api.example.com"],
    addresses: ["198.18.0.1"],
    ports: [{ number: 80, name: "http", protocol: "HTTP", targetPort: 8080 }],
    resolution: "STATIC",
    endpoints: [
      {
        address: "192.0.2.1",
        ports: { http: 81 },
        labels: { version: "v1" },
        locality: "r/z/s",
        weight: 3,
      },
      { address: "192.0.2.2" },
    ],
    exportTo: ["."],
    subjectAltNames: ["api.example.com"],
  },
  {
    hosts: ["api.example.com"],
    ports: [{ number: 80, name: "http", protocol: "HTTP", targetPort: 8080 }],
    location: "MESH_INTERNAL",
    resolution: "STATIC",
    workloadSelector: { labels: { app: "pay" } },
  },
  {
    hosts: ["api.example.com"],
    ports: [{ number: 80, name: "http", protocol: "HTTP" }],
    location: "MESH_INTERNAL",
    resolution: "STATIC",
    endpoints: [{ address: "192.0.2.1", serviceAccount: "db" }],
  },
];
