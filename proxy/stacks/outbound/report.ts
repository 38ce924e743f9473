/** What the outbound stack tells of what it did: metrics as the source reports them, the access log, and who we are. */
import type { Cluster, EndpointHandle, Route, Target } from "../../config/view.ts";
import { PEER_HEADER, REQUEST_ID } from "../../http/field-kinds.ts";
import type { Destination } from "../../net/original-destination.ts";
import {
  type Flow,
  type ServiceLabels,
  UNKNOWN,
  UNKNOWN_WORKLOAD,
  type Workload,
  workloadOf,
} from "../../telemetry/labels.ts";
import { encodePeer } from "../../telemetry/peer.ts";
import { rowKey, UNUSUAL } from "../../telemetry/request-metrics.ts";
import type { Context } from "../context.ts";
import type { EndpointPool } from "../endpoint-pools.ts";

/** What a request has to tell when it is over. */
export interface OutboundOutcome {
  readonly exchange: {
    readonly status: number;
    readonly flags: string;
    readonly startedAt: number;
    readonly requestBytes: number;
    readonly responseBytes: number;
    readonly grpc: boolean;
    readonly grpcStatus: string;
    readonly protocol: string;
    readonly head: { known(kind: number): string | undefined; header(name: string): string | undefined };
    readonly peerAddress: string;
  };
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly cluster: Cluster | undefined;
  readonly endpoint: EndpointHandle | undefined;
  readonly pool: EndpointPool | undefined;
  readonly destination: Destination;
  readonly target: Target | undefined;
  readonly result: { readonly kind: string; readonly route?: Route } | undefined;
}

/** Istio's names for traffic that no service claims. */
export const PASSTHROUGH: ServiceLabels = { host: UNKNOWN, name: "PassthroughCluster", namespace: UNKNOWN };
export const BLACKHOLE: ServiceLabels = { host: UNKNOWN, name: "BlackHoleCluster", namespace: UNKNOWN };

/** No endpoint, though one was sought: none is there, or a limit was reached before. */
const SOUGHT = /\bU[HO]\b/;

export class OutboundReport {
  /** Whole header line, for the first request of a connection to a peer's proxy. */
  readonly peerHeader: string;
  readonly #context: Context;
  readonly #source: Workload;

  constructor(context: Context, self: Workload) {
    this.#context = context;
    this.#source = self;
    this.peerHeader = `${PEER_HEADER}: ${encodePeer(self)}\r\n`;
  }

  request(outcome: OutboundOutcome): void {
    const { exchange, pool } = outcome;
    const { telemetry, now } = this.#context;
    const duration = now() - exchange.startedAt;
    let row: number | undefined;
    // The row of an ordinary response is found by its codes alone.
    const { status, flags, grpc, grpcStatus } = exchange;
    const key = pool === undefined || flags !== "-" ? UNUSUAL : rowKey(status, grpc, grpcStatus);
    if (key !== UNUSUAL) row = pool?.rowsOf(outcome.endpoint?.labels).get(key);
    if (row === undefined) {
      const flow = this.#flow(outcome, grpc ? "grpc" : "http", flags);
      row = telemetry.requests.bind(flow, status, grpcStatus);
      if (key !== UNUSUAL) pool?.rows.set(key, row);
    }
    telemetry.requests.record(row, duration, exchange.requestBytes, exchange.responseBytes);
    if (outcome.result?.route?.statPrefix !== undefined) this.#countForRoute(outcome, duration);
    if (this.#context.accessLog.enabled) this.#log(outcome, duration);
  }

  /** What the route itself answers, by a fault or to a preflight, is none of its destinations'. */
  #countForRoute({ exchange, result, target, endpoint }: OutboundOutcome, durationMs: number): void {
    const route = result?.kind === "forward" ? result.route : undefined;
    if (route === undefined || target === undefined || exchange.status === 0) return;
    const sought = endpoint !== undefined || SOUGHT.test(exchange.flags);
    if (sought) this.#context.telemetry.routes.record(route, target, exchange.status, durationMs);
  }

  /** Of an opaque connection; `other` is what it counts for where no service claims it. */
  tcp(
    cluster: Cluster | undefined,
    endpoint: EndpointHandle | undefined,
    other: ServiceLabels,
    flags: string,
  ): Flow {
    return this.#flowOf(cluster, endpoint, other, "tcp", flags);
  }

  #flow(outcome: OutboundOutcome, protocol: Flow["protocol"], flags: string): Flow {
    const blocked = outcome.cluster === undefined && outcome.endpoint === undefined;
    return this.#flowOf(
      outcome.cluster,
      outcome.endpoint,
      blocked ? BLACKHOLE : PASSTHROUGH,
      protocol,
      flags,
    );
  }

  #flowOf(
    cluster: Cluster | undefined,
    endpoint: EndpointHandle | undefined,
    other: ServiceLabels,
    protocol: Flow["protocol"],
    flags: string,
  ): Flow {
    const service =
      cluster === undefined
        ? other
        : { host: cluster.host, name: cluster.service, namespace: cluster.namespace };
    const destination =
      endpoint === undefined || cluster === undefined
        ? UNKNOWN_WORKLOAD
        : workloadOf(
            endpoint.workload,
            cluster.namespace,
            endpoint.labels,
            endpoint.mtls ? (endpoint.identity ?? UNKNOWN) : UNKNOWN,
          );
    const principal =
      endpoint?.mtls === true ? (this.#context.identity.current()?.spiffeId ?? UNKNOWN) : UNKNOWN;
    const source = principal === UNKNOWN ? this.#source : { ...this.#source, principal };
    return { reporter: "source", source, destination, service, protocol, flags, security: "unknown" };
  }

  #log(outcome: OutboundOutcome, durationMs: number): void {
    const { exchange, endpoint, cluster } = outcome;
    this.#context.accessLog.record({
      at: this.#context.unixNow() - durationMs,
      method: outcome.method,
      path: outcome.path,
      protocol: exchange.protocol,
      status: exchange.status,
      flags: exchange.flags,
      details: "",
      bytesReceived: exchange.requestBytes,
      bytesSent: exchange.responseBytes,
      durationMs,
      authority: outcome.authority,
      upstreamHost: endpoint === undefined ? "" : `${endpoint.address}:${endpoint.target}`,
      upstreamCluster: cluster?.name ?? "",
      downstream: exchange.peerAddress,
      requestId: exchange.head.known(REQUEST_ID) ?? outcome.requestId,
      userAgent: exchange.head.header("user-agent") ?? "",
      route: outcome.result?.route?.name ?? "",
    });
  }
}
