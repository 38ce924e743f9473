/**
 * An HTTP request on its way out: what each layer of the outbound stack knows of it, and may do with it. On an HTTP/1 connection
 * one object serves the requests one after another, so that a request allocates nothing but its route's lookups.
 */
import type { Breaker } from "../../breaker/breaker.ts";
import type {
  Cluster,
  EndpointHandle,
  MeshView,
  RouteRequest,
  RouteResult,
  Target,
} from "../../config/view.ts";
import type { HeadEdits } from "../../http/edits.ts";
import type { Exchange } from "../../http/exchange.ts";
import { B3, FORWARDED_PROTO, REQUEST_ID, TRACEPARENT } from "../../http/field-kinds.ts";
import type { Upstream } from "../../http/streams.ts";
import type { DialError } from "../../net/listen.ts";
import type { Destination } from "../../net/original-destination.ts";
import { editsOf, type HeaderStep } from "../../route/headers.ts";
import { newIdLines, requestIdOf } from "../../trace/ids.ts";
import { RANDOM } from "../../trace/random-block.ts";
import type { Waiter } from "../../upstream/waiter.ts";
import { countOverflow, OVERLOADED, overflowText } from "../breakers.ts";
import type { Context } from "../context.ts";
import type { EndpointPool } from "../endpoint-pools.ts";
import { Pause } from "./pause.ts";
import type { Tries } from "./tries.ts";

/**
 * What a layer did with the request: `next` hands it to the layer below, `wait` means that the layer calls `proceed` later,
 * `done` that the request has been answered or sent.
 */
export type Verdict = "next" | "wait" | "done";
export type Layer = (request: OutboundRequest) => Verdict;

export abstract class OutboundRequest implements RouteRequest, Waiter {
  readonly context: Context;
  readonly destination: Destination;
  abstract readonly exchange: Exchange;
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
  abstract readonly tries: Tries;
  /** What counts it as under way; undefined where no policy is for the destination. */
  breaker: Breaker | undefined;
  readonly #layers: readonly Layer[];
  /** Whole header line, for the first request of a connection to a peer's proxy. */
  readonly #peerHeader: string;
  /** Counts requests, so that what was waited for on behalf of an earlier one is told apart. */
  #generation = 0;
  #pause: Pause | undefined;
  /** The lines of ids that the request came without; "" until it is sent. */
  #ids = "";

  constructor(context: Context, destination: Destination, layers: readonly Layer[], peerHeader: string) {
    this.context = context;
    this.destination = destination;
    this.#layers = layers;
    this.#peerHeader = peerHeader;
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

  /** Begins with the first layer, knowing nothing. */
  protected enterLayers(): void {
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

  /** No layer goes on with this request. */
  protected leaveLayers(): void {
    this.#generation++;
    this.#pause?.cancel();
    this.#pause = undefined;
  }

  /** Goes on with the layer after `layer`, or with it again. */
  proceed(layer: Layer, again = false): void {
    this.#run(this.#layers.indexOf(layer) + (again ? 0 : 1));
  }

  #run(from: number): void {
    const layers = this.#layers;
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

  // Sending.

  /** Sends the request on the connection; the last layer's act. */
  abstract acquired(upstream: Upstream): void;
  abstract unavailable(error: DialError): void;

  /** The header lines that this hop adds. */
  hopLines(endpoint: EndpointHandle | undefined, upstream: Upstream): string {
    const { head } = this.exchange;
    let additions = endpoint?.mtls === true && upstream.fresh ? this.#peerHeader : "";
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
}

/** A trace has begun, whoever speaks of it: there must not be two. */
const TRACED = (1 << TRACEPARENT) | (1 << B3);

const NO_STEPS: readonly HeaderStep[] = [];
