import type { ConnectionPool } from "../../crds/service-config.ts";
import { parseDurationMs } from "./duration.ts";
import type { ConnectionPoolSpec, TrafficPolicySpec } from "./istio.ts";

/** The mesh's `connectTimeout`. */
const connectTimeoutMs = 10_000;

/** Limits that are set; 0 is as good as unset everywhere but in `tcp.idleTimeout`, where it turns the timeout off. */
export function connectionPool(
  spec: ConnectionPoolSpec | undefined,
  retryBudget?: TrafficPolicySpec["retryBudget"],
): ConnectionPool {
  const { tcp, http } = spec ?? {};
  const budgetIntervalMs = parseDurationMs(retryBudget?.budgetInterval);
  return {
    ...positive({
      maxConnections: tcp?.maxConnections,
      maxConnectionDurationMs: parseDurationMs(tcp?.maxConnectionDuration),
      http1MaxPendingRequests: http?.http1MaxPendingRequests,
      http2MaxRequests: http?.http2MaxRequests,
      maxRequestsPerConnection: http?.maxRequestsPerConnection,
      maxRetries: http?.maxRetries,
      idleTimeoutMs: parseDurationMs(http?.idleTimeout),
      maxConcurrentStreams: http?.maxConcurrentStreams,
    }),
    connectTimeoutMs: parseDurationMs(tcp?.connectTimeout) || connectTimeoutMs,
    ...defined({ tcpIdleTimeoutMs: parseDurationMs(tcp?.idleTimeout) }),
    ...(tcp?.tcpKeepalive && {
      tcpKeepalive: positive({
        probes: tcp.tcpKeepalive.probes,
        timeMs: parseDurationMs(tcp.tcpKeepalive.time),
        intervalMs: parseDurationMs(tcp.tcpKeepalive.interval),
      }),
    }),
    ...http2KeepAlive(http),
    ...(http?.h2UpgradePolicy && { h2UpgradePolicy: http.h2UpgradePolicy }),
    ...(http?.useClientProtocol && { useClientProtocol: true }),
    ...(retryBudget && {
      retryBudget: {
        percent: retryBudget.percent ?? 20,
        minRetryConcurrency: retryBudget.minRetryConcurrency ?? 3,
        ...defined({ budgetIntervalMs }),
      },
    }),
  };
}

function http2KeepAlive(http: ConnectionPoolSpec["http"]): Pick<ConnectionPool, "http2KeepAlive"> {
  const intervalMs = parseDurationMs(http?.http2KeepAlive?.interval);
  const timeoutMs = parseDurationMs(http?.http2KeepAlive?.timeout);
  return intervalMs && timeoutMs ? { http2KeepAlive: { intervalMs, timeoutMs } } : {};
}

type Numbers<K extends string> = { [key in K]?: number };

function positive<K extends string>(values: Readonly<Record<K, number | undefined>>): Numbers<K> {
  return filtered(values, (value) => value > 0);
}

function defined<K extends string>(values: Readonly<Record<K, number | undefined>>): Numbers<K> {
  return filtered(values, () => true);
}

function filtered<K extends string>(
  values: Readonly<Record<K, number | undefined>>,
  keep: (value: number) => boolean,
): Numbers<K> {
  const kept: Numbers<K> = {};
  for (const key of Object.keys(values) as K[]) {
    const value = values[key];
    if (value !== undefined && keep(value)) kept[key] = value;
  }
  return kept;
}
