/** What becomes of an outbound HTTP request once its layers send it: it is tried, tried again, answered, and counted. */
import type { EndpointHandle } from "../../config/view.ts";
import { DROP_CLIENT_CERT } from "../../http/edits.ts";
import { Exchange } from "../../http/exchange.ts";
import type { ExchangeOwner } from "../../http/exchange-owner.ts";
import type { Head } from "../../http/head.ts";
import type { RequestHead } from "../../http/request-head.ts";
import type { ResponseHead } from "../../http/response-head.ts";
import { saysNothing, type Upstream, type UpstreamFailure } from "../../http/streams.ts";
import type { DialError } from "../../net/listen.ts";
import type { Destination } from "../../net/original-destination.ts";
import type { SpliceEnd } from "../../net/splice.ts";
import { withFlag } from "../../telemetry/flags.ts";
import { OVERFLOW, REMOVED } from "../../upstream/waiter.ts";
import type { Context } from "../context.ts";
import { tunnel } from "../tunnels.ts";
import { learnLoad } from "./load-reports.ts";
import type { OutboundReport } from "./report.ts";
import { type Layer, OutboundRequest } from "./request.ts";
import { planOf, reconnects, retryAnswer, retryFailure } from "./retries.ts";
import { applyToResponse } from "./route-actions.ts";
import { Tries, type TriesOwner } from "./tries.ts";

export interface OutboundLayers {
  /** From the first question to the last act. */
  readonly request: readonly Layer[];
  /** The layer that a retry begins with. */
  readonly retryFrom: Layer;
}

export class OutboundHttp extends OutboundRequest implements ExchangeOwner, TriesOwner {
  readonly exchange: Exchange;
  readonly tries: Tries;
  readonly #retryFrom: Layer;
  readonly #report: OutboundReport;
  #begun: EndpointHandle | undefined;
  /** Monotonic ms of this try. */
  #begunAt = 0;

  constructor(context: Context, destination: Destination, layers: OutboundLayers, report: OutboundReport) {
    super(context, destination, layers.request, report.peerHeader);
    this.#retryFrom = layers.retryFrom;
    this.#report = report;
    this.tries = new Tries(context.wheel, this);
    this.exchange = new Exchange(context, this);
  }

  request(_head: RequestHead): void {
    this.enterLayers();
  }

  acquired(upstream: Upstream): void {
    const { exchange, endpoint } = this;
    if (endpoint === undefined || !exchange.active) {
      upstream.decline();
      return;
    }
    this.#begun = endpoint;
    this.#begunAt = this.context.now();
    endpoint.begin();
    // Who the client is, is for the other side's proxy to say.
    exchange.send(upstream, this.edits, DROP_CLIENT_CERT, this.hopLines(endpoint, upstream));
  }

  unavailable(error: DialError): void {
    this.tries.settle();
    if (error === OVERFLOW) this.overflow("pending");
    else if (error === REMOVED) this.#move();
    else if (retryFailure(this, "connect-failure")) this.tries.begin();
    else this.fail(503, "UF", `upstream connect error before headers: ${error.message}`);
  }

  /** Its endpoint has left the cluster before there was a connection: to whichever the cluster has now. */
  #move(): void {
    const { cluster, endpoint } = this;
    if (endpoint !== undefined) this.tries.tried.push(endpoint);
    this.cluster = cluster?.counters.current;
    if (this.cluster === undefined) {
      this.fail(503, "UH", `no healthy upstream: ${cluster?.name ?? this.authority} has left the mesh`);
      return;
    }
    this.#again("removed");
  }

  failed(failure: UpstreamFailure): void {
    this.tries.settle();
    this.#endpointDone(saysNothing(failure) ? -1 : 0);
    if (reconnects(this, failure)) {
      this.tries.reconnects++;
      this.#again(failure.kind === "refused" ? "refused-stream" : "idle");
      return;
    }
    const refused = failure.kind === "refused" || failure.kind === "unseen";
    if (retryFailure(this, refused ? "refused-stream" : "reset")) {
      this.tries.begin();
      return;
    }
    const malformed = failure.kind === "malformed";
    const message = `upstream disconnect or reset before headers: ${failure.message}`;
    this.fail(malformed ? 502 : 503, malformed ? "UPE" : "UC", message);
  }

  responding(head: ResponseHead): boolean {
    const { exchange } = this;
    this.tries.settle();
    this.#learnLoad(head);
    // What has switched protocols is the client's already.
    if (!exchange.responding && retryAnswer(this, head)) {
      exchange.abandon();
      this.#endpointDone(exchange.outcome);
      this.tries.begin();
      return false;
    }
    applyToResponse(this, head);
    return true;
  }

  trailers(trailers: Head): void {
    this.#learnLoad(trailers);
  }

  #learnLoad(headers: Head): void {
    const policy = this.cluster?.policy.loadBalancer.backendUtilization;
    if (policy !== undefined) learnLoad(this.#begun, headers, policy, this.context.now());
  }

  tryTimedOut(): void {
    const { exchange, tries } = this;
    const sent = this.#begun !== undefined;
    const limitMs = planOf(this)?.perTryTimeoutMs ?? 0;
    // An endpoint that waits for the rest of the request is not late: as in Envoy, its time begins with the end of that.
    const done = exchange.downstream.requestDone;
    const leftMs = done ? exchange.bodyEndedAt + limitMs - this.context.now() : limitMs;
    if (sent && leftMs > 0) {
      tries.limit(leftMs);
      return;
    }
    this.pool?.forget(this);
    exchange.abandon();
    this.#endpointDone(0);
    if (retryFailure(this, sent ? "timeout" : "connect-failure")) tries.begin();
    else
      this.fail(504, "UT", `upstream request timeout: no response within ${limitMs} ms, the perTryTimeout`);
  }

  tryAgain(): void {
    this.proceed(this.#retryFrom, true);
  }

  /** What never reached an endpoint is no retry of the route's: neither counted against it nor waited for. */
  #again(reason: "idle" | "refused-stream" | "removed"): void {
    this.context.telemetry.retries.of("outbound", reason).value++;
    this.tryAgain();
  }

  /** Tells what was learned of the endpoint: see `EndpointHandle.observe`. */
  #endpointDone(status: number): void {
    const begun = this.#begun;
    if (begun === undefined) return;
    this.#begun = undefined;
    const now = this.context.now();
    const { answeredAt } = this.exchange;
    begun.end(status, (answeredAt > 0 ? answeredAt : now) - this.#begunAt, now);
  }

  // The end.

  cancelled(timedOut: boolean): void {
    this.leaveLayers();
    this.tries.settle();
    this.pool?.forget(this);
    this.#endpointDone(timedOut ? 0 : -1);
  }

  ended(): void {
    this.#endpointDone(this.exchange.outcome);
    const now = this.context.now();
    this.tries.end(now);
    this.breaker?.endRequest(now);
    this.breaker = undefined;
    const { exchange, tries } = this;
    if (tries.gaveUp) exchange.flags = withFlag(exchange.flags, "URX");
    if (this.delayed) exchange.flags = withFlag(exchange.flags, "DI");
    this.#report.request(this);
    this.leaveLayers();
  }

  refused(code: number): void {
    this.context.telemetry.refusedHttp(code);
  }

  tunnel(client: SpliceEnd, endpoint: SpliceEnd, early: Buffer | undefined, late: Buffer | undefined): void {
    // It stays a connection and a request of its cluster for as long as it lives.
    const { pool, breaker, context } = this;
    this.breaker = undefined;
    tunnel(context, "outbound", client, endpoint, { fromClient: late, fromEndpoint: early }, () => {
      pool?.tunnelEnded();
      breaker?.endRequest(context.now());
    });
  }
}
