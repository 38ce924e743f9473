/** Decoders of how a destination is called: crds/compiled/policy.ts as it arrives. */
import type { ClusterPolicy, ConnectionPool, LoadBalancer } from "../../../crds/service-config.ts";
import { type Decoder, flag, list, map, number, object, oneOf, optional, port, text } from "./shape.ts";

const whole = number();
/** A time after which something is done again: never at once. */
const period = number(1, 2 ** 31 - 1);

const loadBalancer: Decoder<LoadBalancer> = object({
  simple: oneOf("ROUND_ROBIN", "LEAST_REQUEST", "RANDOM", "PASSTHROUGH"),
  consistentHash: optional(
    object({
      header: optional(text),
      cookie: optional(
        object({
          name: text,
          path: optional(text),
          ttlMs: optional(whole),
          attributes: list(object({ name: text, value: optional(text) })),
        }),
      ),
      sourceIp: optional(flag),
      queryParameter: optional(text),
      algorithm: oneOf("RING_HASH", "MAGLEV"),
      // Envoy's largest ring; a larger one would be memory by the megabyte for each cluster.
      size: number(0, 8 * 1024 * 1024),
    }),
  ),
  backendUtilization: optional(
    object({
      metricNames: list(text),
      errorUtilizationPenalty: number(),
      expirationMs: whole,
      stabilizationMs: whole,
      updateMs: period,
    }),
  ),
  warmup: optional(object({ durationMs: whole, minimumPercent: number(0, 100), aggression: number() })),
  locality: optional(
    object({
      enabled: flag,
      distribute: list(object({ from: text, to: map(whole) })),
      failover: list(object({ from: text, to: text })),
      failoverPriority: list(text),
      zoneAware: optional(object({ minClusterSize: whole })),
    }),
  ),
});

export const connectionPool: Decoder<ConnectionPool> = object({
  maxConnections: optional(whole),
  connectTimeoutMs: whole,
  tcpIdleTimeoutMs: optional(whole),
  maxConnectionDurationMs: optional(whole),
  tcpKeepalive: optional(
    object({ probes: optional(whole), timeMs: optional(whole), intervalMs: optional(whole) }),
  ),
  http1MaxPendingRequests: optional(whole),
  http2MaxRequests: optional(whole),
  maxRequestsPerConnection: optional(whole),
  maxRetries: optional(whole),
  idleTimeoutMs: optional(whole),
  h2UpgradePolicy: optional(oneOf("DEFAULT", "DO_NOT_UPGRADE", "UPGRADE")),
  useClientProtocol: optional(flag),
  maxConcurrentStreams: optional(whole),
  http2KeepAlive: optional(object({ intervalMs: period, timeoutMs: period })),
  retryBudget: optional(
    object({ percent: number(0, 100), minRetryConcurrency: whole, budgetIntervalMs: optional(whole) }),
  ),
});

export const clusterPolicy: Decoder<ClusterPolicy> = object({
  subset: text,
  labels: map(text),
  port: optional(port),
  loadBalancer,
  connectionPool,
  outlierDetection: optional(
    object({
      consecutive5xxErrors: whole,
      consecutiveGatewayErrors: whole,
      splitExternalLocalOriginErrors: flag,
      consecutiveLocalOriginFailures: whole,
      intervalMs: whole,
      baseEjectionTimeMs: whole,
      maxEjectionPercent: number(0, 100),
      minHealthPercent: number(0, 100),
      httpErrorCodes: list(number(100, 599)),
    }),
  ),
  tls: object({
    mode: oneOf("AUTO", "DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"),
    sni: optional(text),
    subjectAltNames: list(text),
    caCertificates: optional(text),
    caCrl: optional(text),
    clientCertificate: optional(text),
    privateKey: optional(text),
    credentialName: optional(text),
    insecureSkipVerify: optional(flag),
  }),
  proxyProtocol: optional(oneOf("V1", "V2")),
  tunnel: optional(object({ method: oneOf("CONNECT", "POST"), authority: text })),
});
