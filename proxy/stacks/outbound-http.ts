/**
 * An HTTP request on its way out: what each layer of the outbound stack knows of it. On an HTTP/1 connection one object serves
 * the requests one after another, so that a request allocates nothing but its route's lookups.
 */
import type { Breaker } from "../breaker/breaker.ts";
import type { Cluster, EndpointHandle, MeshView, RouteRequest, RouteResult, Target } from "../config/view.ts";
import { DROP_CLIENT_CERT, type HeadEdits } from "../http/edits.ts";
import { Exchange, type ExchangeOwner } from "../http/exchange.ts";
import { B3, FORWARDED_PROTO, REQUEST_ID, TRACEPARENT } from "../http/field-kinds.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import type { Upstream, UpstreamFailure } from "../http/streams.ts";
import type { DialError } from "../net/listen.ts";
import type { Destination } from "../net/original-destination.ts";
import type { Socket } from "../net/socket.ts";
import { editsOf, type HeaderStep } from "../route/headers.ts";
import { withFlag } from "../telemetry/flags.ts";
import { newIdLines, requestIdOf } from "../trace/ids.ts";
import { RANDOM } from "../trace/random-block.ts";
import { OVERFLOW, REMOVED, type Waiter } from "../upstream/waiter.ts";
import { countOverflow, OVERLOADED, overflowText } from "./breakers.ts";
import type { Context } from "./context.ts";
import type { EndpointPool } from "./endpoint-pools.ts";
import type { OutboundReport } from "./outbound-report.ts";
import { planOf, reconnects, retryAnswer, retryFailure, saysNothing } from "./outbound-retries.ts";
import { Pause } from "./pause.ts";
import { applyToResponse } from "./route-actions.ts";
import { Tries, type TriesOwner } from "./tries.ts";
import { tunnel } from "./tunnels.ts";

/**
 * What a layer did with the request: `next` hands it to the layer below, `wait` means that the layer calls `proceed` later,
 * `done` that the request has been answered or sent.
 */
export type Verdict = "next" | "wait" | "done";
export type Layer = (request: OutboundRequest) => Verdict;

export interface OutboundLayers {
  /** From the first question to the last act. */
  readonly request: readonly Layer[];
  /** The layer that a retry begins with. */
  readonly retryFrom: Layer;
}

export class OutboundRequest implements ExchangeOwner, RouteRequest, TriesOwner, Waiter {
  readonly context: Context;
  readonly destination: Destination;
  readonly exchange: Exchange;
  /** The view that this request is served with, from its first layer to its last. */
  view: MeshView | undefined;
  target: Target | undefined;
  result: RouteResult | undefined;
  cluster: Cluster | undefined;
  endpoint: EndpointHandle | undefined;
  pool: EndpointPool | undefined;
  edits: HeadEdits | undefined;
  /** What chooses the endpoint under a consistent hash; undefined for a request without a key. */
  hash: number | undefined;
  /** A cookie made up for it, as steps for the response. */
  cookie: readonly HeaderStep[] = NO_STEPS;
  /** A fault has delayed it. */
  delayed = false;
  /** What its response gets so that scripts of another origin may read it. */
  sharing: readonly HeaderStep[] = NO_STEPS;
  /** What the request has been through, for retries. */
  readonly tries: Tries;
  /** What counts it as under way; undefined where no policy is for the destination. */
  breaker: Breaker | undefined;
  readonly #layers: OutboundLayers;
  readonly #report: OutboundReport;
  /** Counts requests, so that what was waited for on behalf of an earlier one is told apart. */
  #generation = 0;
  #begun: EndpointHandle | undefined;
  /** Monotonic ms of this try. */
  #begunAt = 0;
  #pause: Pause | undefined;
  /** The lines of ids that the request came without; "" until it is sent. */
  #ids = "";

  constructor(context: Context, destination: Destination, layers: OutboundLayers, report: OutboundReport) {
    this.context = context;
    this.destination = destination;
    this.#layers = layers;
    this.#report = report;
    this.tries = new Tries(context.wheel, this);
    this.exchange = new Exchange(context, this);
  }

  // The request as routes see it.

  get method(): string {
    return this.exchange.head.method;
  }
  get path(): string {
    return this.exchange.head.path;
  }
  get authority(): string {
    return this.exchange.head.authority;
  }
  get scheme(): string {
    return "http";
  }
  get port(): number {
    return this.destination.port;
  }
  header(name: string): string | undefined {
    return this.exchange.head.header(name);
  }

  /** Made up here for a request that came without; "" otherwise. */
  get requestId(): string {
    return requestIdOf(this.#ids);
  }

  // The way through the layers.

  request(_head: RequestHead): void {
    this.#generation++;
    this.view = undefined;
    this.target = undefined;
    this.result = undefined;
    this.cluster = undefined;
    this.endpoint = undefined;
    this.edits = undefined;
    this.hash = undefined;
    this.cookie = NO_STEPS;
    this.#ids = "";
    this.delayed = false;
    this.sharing = NO_STEPS;
    this.tries.reset();
    this.#run(0);
  }

  /** Goes on with the layer after `layer`, or with it again. */
  proceed(layer: Layer, again = false): void {
    this.#run(this.#layers.request.indexOf(layer) + (again ? 0 : 1));
  }

  #run(from: number): void {
    const layers = this.#layers.request;
    for (let index = from; index < layers.length; index++) {
      if ((layers[index] as Layer)(this) !== "next") return;
    }
  }

  /** Guards a callback that comes later: it runs only while the same request still waits. */
  whileWaiting<T>(run: (value: T) => void): (value: T) => void {
    const generation = this.#generation;
    return (value) => {
      if (generation === this.#generation && this.exchange.active) run(value);
    };
  }

  /** Calls back after so long, unless the client leaves first. */
  pause(ms: number, over: () => void): Verdict {
    this.#pause = new Pause(this.context.wheel, ms, over);
    return "wait";
  }

  /** Whatever the response is, scripts of another origin may read it. */
  share(steps: readonly HeaderStep[]): void {
    this.sharing = steps;
    this.exchange.replyLines = editsOf(steps, () => undefined).add ?? "";
  }

  /** Answers in place of an endpoint, with Envoy's flag for why. */
  fail(status: number, flags: string, message: string, headers = ""): Verdict {
    this.exchange.flags = flags;
    this.exchange.reply(status, `${message}\n`, headers);
    return "done";
  }

  // Sending.

  /** Sends the request on the connection; the last layer's act. */
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

  /** The header lines that this hop adds. */
  hopLines(endpoint: EndpointHandle | undefined, upstream: Upstream): string {
    const { head } = this.exchange;
    let additions = endpoint?.mtls === true && upstream.fresh ? this.#report.peerHeader : "";
    const nameless = !head.has(REQUEST_ID);
    const untraced = (head.present & TRACED) === 0;
    if (nameless || untraced) {
      // The same for every try.
      this.#ids ||= newIdLines(RANDOM, nameless, untraced);
      additions += this.#ids;
    }
    if (!head.has(FORWARDED_PROTO)) additions += "x-forwarded-proto: http\r\n";
    return additions;
  }

  /** Counts the request as under way to its cluster until it ends; false when there are too many. */
  enter(breaker: Breaker): boolean {
    if (!breaker.beginRequest()) return false;
    this.breaker = breaker;
    return true;
  }

  /** Too much at once. */
  overflow(limit: "requests" | "pending"): Verdict {
    countOverflow(this.context.telemetry, "outbound", limit);
    return this.fail(503, "UO", overflowText(limit, this.cluster?.name ?? this.authority), OVERLOADED);
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
    if (retryAnswer(this, head)) {
      exchange.abandon();
      this.#endpointDone(exchange.outcome);
      this.tries.begin();
      return false;
    }
    applyToResponse(this, head);
    return true;
  }

  tryTimedOut(): void {
    const { exchange, tries } = this;
    const sent = this.#begun !== undefined;
    const limitMs = planOf(this)?.perTryTimeoutMs ?? 0;
    // An endpoint that waits for the rest of the request is not late: as in Envoy, its time begins with the end of that.
    if (sent && !exchange.downstream.requestDone) {
      tries.limit(limitMs);
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
    this.proceed(this.#layers.retryFrom, true);
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
    this.#pause?.cancel();
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
    this.#pause = undefined;
    const { exchange, tries } = this;
    if (tries.gaveUp) exchange.flags = withFlag(exchange.flags, "URX");
    if (this.delayed) exchange.flags = withFlag(exchange.flags, "DI");
    this.#report.request(this);
    this.#generation++;
  }

  refused(code: number): void {
    this.context.telemetry.refusedHttp(code);
  }

  tunnel(client: Socket, endpoint: Socket, early: Buffer | undefined, late: Buffer | undefined): void {
    // It stays a connection and a request of its cluster for as long as it lives.
    const { pool, breaker, context } = this;
    this.breaker = undefined;
    tunnel(context, "outbound", client, endpoint, { fromClient: late, fromEndpoint: early }, () => {
      pool?.tunnelEnded();
      breaker?.endRequest(context.now());
    });
  }
}

/** A trace has begun, whoever speaks of it: there must not be two. */
const TRACED = (1 << TRACEPARENT) | (1 << B3);

const NO_STEPS: readonly HeaderStep[] = [];
