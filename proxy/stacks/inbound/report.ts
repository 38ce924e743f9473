/** What the inbound stack tells of what it did: metrics as the destination reports them, and the access log. */

import type { Exchange } from "../../http/exchange.ts";
import { REQUEST_ID } from "../../http/field-kinds.ts";
import {
  type Flow,
  type ServiceLabels,
  UNKNOWN,
  UNKNOWN_WORKLOAD,
  type Workload,
} from "../../telemetry/labels.ts";
import { decodePeer } from "../../telemetry/peer.ts";
import { rowKey, UNUSUAL } from "../../telemetry/request-metrics.ts";
import type { Context } from "../context.ts";

/** Who calls, on one connection; rows of ordinary responses are kept with it. */
export interface Caller {
  /** As metrics name it; known with the first request when its proxy says so. */
  workload: Workload;
  /** `spiffe://…`; undefined for plaintext. */
  readonly id: string | undefined;
  readonly rows: Map<number, number>;
}

export function createCaller(id: string | undefined): Caller {
  return { workload: id === undefined ? UNKNOWN_WORKLOAD : decodePeer(undefined, id), id, rows: new Map() };
}

/** What a request has to tell when it is over. */
export interface InboundOutcome {
  readonly exchange: Exchange;
  readonly connection: { readonly caller: Caller; readonly port: number };
  readonly policy: { readonly service: string | undefined } | undefined;
  /** Of an authorization. */
  readonly details: string;
  readonly requestId: string;
}

export class InboundReport {
  readonly #context: Context;
  readonly #self: Workload;

  constructor(context: Context, self: Workload) {
    this.#context = context;
    this.#self = self;
  }

  request(outcome: InboundOutcome): void {
    const { exchange, connection } = outcome;
    const { caller } = connection;
    const { telemetry, now } = this.#context;
    const duration = now() - exchange.startedAt;
    const { status, flags, grpc, grpcStatus } = exchange;
    const key = flags === "-" ? rowKey(status, grpc, grpcStatus) : UNUSUAL;
    let row = key === UNUSUAL ? undefined : caller.rows.get(key);
    if (row === undefined) {
      const flow = this.#flow(caller, outcome.policy?.service, grpc ? "grpc" : "http", flags);
      row = telemetry.requests.bind(flow, status, grpcStatus);
      if (key !== UNUSUAL) caller.rows.set(key, row);
    }
    telemetry.requests.record(row, duration, exchange.requestBytes, exchange.responseBytes);
    if (this.#context.accessLog.enabled) this.#log(outcome, duration);
  }

  /** Of an opaque connection. */
  tcp(caller: Caller, service: string | undefined, flags: string): Flow {
    return this.#flow(caller, service, "tcp", flags);
  }

  #flow(caller: Caller, service: string | undefined, protocol: Flow["protocol"], flags: string): Flow {
    const mutual = caller.id !== undefined;
    const principal = mutual ? (this.#context.identity.current()?.spiffeId ?? UNKNOWN) : UNKNOWN;
    return {
      reporter: "destination",
      source: caller.workload,
      destination: principal === UNKNOWN ? this.#self : { ...this.#self, principal },
      service: serviceLabels(service, this.#self.namespace),
      protocol,
      flags,
      security: mutual ? "mutual_tls" : "none",
    };
  }

  #log({ exchange, connection, details, requestId }: InboundOutcome, durationMs: number): void {
    const { head } = exchange;
    const { port } = connection;
    this.#context.accessLog.record({
      at: this.#context.unixNow() - durationMs,
      method: head.method,
      path: head.path,
      protocol: exchange.protocol,
      status: exchange.status,
      flags: exchange.flags,
      details,
      bytesReceived: exchange.requestBytes,
      bytesSent: exchange.responseBytes,
      durationMs,
      authority: head.authority,
      upstreamHost: `:${port}`,
      upstreamCluster: `inbound|${port}||`,
      downstream: exchange.peerAddress,
      requestId: head.known(REQUEST_ID) ?? requestId,
      userAgent: head.header("user-agent") ?? "",
      route: "default",
    });
  }
}

/** `reviews.prod.svc.cluster.local` as its parts; a port that no service names is counted under the workload's namespace. */
function serviceLabels(host: string | undefined, namespace: string): ServiceLabels {
  if (host === undefined) return { host: UNKNOWN, name: "InboundPassthroughCluster", namespace };
  const [name = host, own = namespace] = host.split(".");
  return { host, name, namespace: own };
}
