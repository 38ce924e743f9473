/** An HTTP request on its way in: authorized, then sent to the application. */

import { remoteAddress } from "../../authz/forwarded-for.ts";
import { normalizePath } from "../../authz/path.ts";
import type { AuthzHttp, AuthzRequest, TokenClaims } from "../../authz/types.ts";
import type { InboundPolicy } from "../../config/view.ts";
import { DROP_CLIENT_CERT, type HeadEdits } from "../../http/edits.ts";
import { Exchange } from "../../http/exchange.ts";
import type { ExchangeOwner } from "../../http/exchange-owner.ts";
import { FORWARDED_PROTO, PEER, PEER_HEADER, REQUEST_ID } from "../../http/field-kinds.ts";
import { CONNECT, type RequestHead } from "../../http/request-head.ts";
import type { Upstream, UpstreamFailure } from "../../http/streams.ts";
import type { Authenticated, TokenSource } from "../../jwt/authenticate.ts";
import type { LimitedRequest } from "../../limit/limits.ts";
import type { DialError } from "../../net/listen.ts";
import type { SpliceEnd } from "../../net/splice.ts";
import { UNKNOWN } from "../../telemetry/labels.ts";
import { decodePeer } from "../../telemetry/peer.ts";
import { newIdLines, requestIdOf } from "../../trace/ids.ts";
import { RANDOM } from "../../trace/random-block.ts";
import { needsHttp1, upstreamVersion } from "../../upstream/version.ts";
import { OVERFLOW, type Waiter } from "../../upstream/waiter.ts";
import { countOverflow, OVERLOADED, overflowText } from "../breakers.ts";
import type { Context } from "../context.ts";
import { tunnel } from "../tunnels.ts";
import type { ApplicationPool } from "./application-pools.ts";
import type { InboundConnection } from "./connection.ts";
import type { InboundReport } from "./report.ts";

export type InboundVerdict = "next" | "wait" | "done";
export type InboundLayer = (request: InboundRequest) => InboundVerdict;

export class InboundRequest
  implements ExchangeOwner, Waiter, AuthzHttp, AuthzRequest, TokenSource, LimitedRequest
{
  readonly context: Context;
  readonly connection: InboundConnection;
  readonly exchange: Exchange;
  readonly pool: ApplicationPool;
  edits: HeadEdits | undefined;
  /** Of an authorization, for the access log. */
  details = "";
  /** What holds for it, the same from its first layer to its last. */
  policy: InboundPolicy | undefined;
  /** What its tokens say, once they are known to be good; undefined where nobody asks. */
  authenticated: Authenticated | undefined;
  /** Counts the requests that this object has served: tells one that waited from the next. */
  turn = 0;
  readonly #layers: readonly InboundLayer[];
  readonly #report: InboundReport;
  #reconnects = 0;
  #layer = 0;
  #path = "";
  /** The line of a request id that the request came without; "" until it is sent. */
  #id = "";
  /** Counted as under way to the application. */
  #entered = false;

  constructor(
    context: Context,
    connection: InboundConnection,
    pool: ApplicationPool,
    layers: readonly InboundLayer[],
    report: InboundReport,
  ) {
    this.context = context;
    this.connection = connection;
    this.pool = pool;
    this.#layers = layers;
    this.#report = report;
    this.exchange = new Exchange(context, this);
  }

  // The request as policies see it.

  get principal(): string {
    return this.connection.principal;
  }
  get sourceIp(): string {
    return this.connection.socket.peerAddress;
  }
  get remoteIp(): string {
    return remoteAddress(this.exchange.head.header("x-forwarded-for"), this.connection.socket.peerAddress);
  }
  get destinationIp(): string {
    return this.connection.address;
  }
  get destinationPort(): number {
    return this.connection.port;
  }
  get sni(): string | undefined {
    return this.connection.sni;
  }
  get http(): AuthzHttp {
    return this;
  }
  get method(): string {
    return this.exchange.head.method;
  }
  get host(): string {
    return this.exchange.head.authority;
  }
  get path(): string {
    return this.#path;
  }
  /** Path with query, in normal form. */
  get target(): string {
    return this.edits?.path ?? this.exchange.head.path;
  }
  get token(): TokenClaims | undefined {
    return this.authenticated?.claims;
  }
  /** Made up here for a request that came without; "" otherwise. */
  get requestId(): string {
    return requestIdOf(this.#id);
  }
  /** As the application gets it: what rules about tokens write is what they wrote, not what the client claims. */
  header(name: string): string | undefined {
    switch (name) {
      case ":authority":
      case "host":
        return this.host;
      case ":method":
        return this.method;
      case ":path":
        return this.target;
    }
    if (this.authenticated !== undefined && this.policy?.authenticator?.outputNames.has(name)) {
      return this.authenticated.outputs.get(name);
    }
    return this.exchange.head.header(name);
  }

  request(head: RequestHead): void {
    this.policy = this.context.config.view()?.inbound(this.connection.port);
    this.edits = undefined;
    this.#id = "";
    this.details = "";
    this.authenticated = undefined;
    this.turn++;
    this.#layer = 0;
    this.#reconnects = 0;
    const { caller } = this.connection;
    // The first request on a connection from a peer's proxy says which workload calls; later ones need not.
    if (caller.id !== undefined && head.has(PEER) && caller.workload.workload === UNKNOWN) {
      caller.workload = decodePeer(head.known(PEER), caller.id);
    }
    this.proceed();
  }

  /** Goes on with the next layer: from the first, or after the one that has waited. */
  proceed(): void {
    while (this.#layer < this.#layers.length) {
      const layer = this.#layers[this.#layer++] as InboundLayer;
      if (layer(this) !== "next") return;
    }
  }

  /** Takes the normal form of the path, for policies and for the application alike; false when it has none. */
  normalize(): boolean {
    if (this.method === CONNECT) {
      // It names a host and a port.
      this.#path = "";
      return true;
    }
    const path = normalizePath(this.exchange.head.path);
    if (path === undefined) return false;
    if (path !== this.exchange.head.path) this.edits = { path };
    const query = path.indexOf("?");
    this.#path = query < 0 ? path : path.slice(0, query);
    return true;
  }

  /** Answers for the application; `headers` are whole lines. */
  fail(status: number, flags: string, message: string, headers = ""): InboundVerdict {
    this.exchange.flags = flags;
    this.exchange.reply(status, message, headers);
    return "done";
  }

  /** A request that says or shows a body larger than is taken (RFC 9110 section 15.5.14). */
  oversized(): InboundVerdict {
    this.details = "request_payload_too_large";
    this.pool.forget(this);
    if (!this.exchange.responding)
      return this.fail(413, "-", "the request's body is larger than is taken here\n");
    this.exchange.breakOff();
    return "done";
  }

  /** Counts the request as under way to the application until it ends; false when there are too many. */
  enter(): boolean {
    this.#entered = this.pool.follow(this.policy).breaker.beginRequest();
    return this.#entered;
  }

  /** Too much at once. The application has not seen the request, which does not mean that others have room. */
  overflow(limit: "requests" | "pending"): InboundVerdict {
    countOverflow(this.context.telemetry, "inbound", limit);
    return this.fail(503, "UO", `${overflowText(limit, `port ${this.connection.port}`)}\n`, OVERLOADED);
  }

  /**
   * On a connection to the application: in the version that its port declares, else the client's. `fresh`: not on one that has
   * sat idle.
   */
  send(fresh = false): InboundVerdict {
    const { downstream, head } = this.exchange;
    const { policy } = this;
    // An upgrade between proxies is none for the application.
    const kept = policy?.connectionPool?.useClientProtocol === true ? policy.connectionPool : undefined;
    const version = needsHttp1(head)
      ? 1
      : upstreamVersion(downstream.version, policy?.protocol ?? "auto", kept);
    const upstream = this.pool.acquire(this, version, fresh);
    if (upstream === undefined) return "wait";
    this.acquired(upstream);
    return "done";
  }

  acquired(upstream: Upstream): void {
    const { exchange, connection } = this;
    if (!exchange.active) {
      upstream.decline();
      return;
    }
    const { head } = exchange;
    let additions = connection.clientCert;
    if (!head.has(REQUEST_ID)) {
      // The same for every try.
      this.#id ||= newIdLines(RANDOM, true, false);
      additions += this.#id;
    }
    if (!head.has(FORWARDED_PROTO)) additions += "x-forwarded-proto: http\r\n";
    // A plaintext peer has proved nothing, so it cannot say on whose behalf it calls.
    const drop = connection.clientCert === "" ? DROP_CLIENT_CERT : 0;
    exchange.send(upstream, this.edits, drop, additions);
  }

  unavailable(error: DialError): void {
    if (error === OVERFLOW) {
      this.overflow("pending");
      return;
    }
    const message = `upstream connect error before headers: ${error.message}\n`;
    // A peer's proxy may ask another endpoint, whatever the method: the application never saw the request.
    const unserved = this.connection.caller.id === undefined ? "" : `${PEER_HEADER}: unserved\r\n`;
    this.exchange.flags = "UF";
    this.exchange.reply(503, message, unserved);
  }

  failed(failure: UpstreamFailure): void {
    const { exchange } = this;
    // The application may have closed a connection that sat idle while the request was on its way.
    const untouched =
      failure.kind === "refused" ||
      failure.kind === "unseen" ||
      (failure.reused && !failure.answered && exchange.head.idempotent);
    if (untouched && exchange.replayable && this.#reconnects < 2) {
      this.#reconnects++;
      this.context.telemetry.retries.of("inbound", "idle").value++;
      this.send(true);
      return;
    }
    const malformed = failure.kind === "malformed";
    this.fail(
      malformed ? 502 : 503,
      malformed ? "UPE" : "UC",
      `upstream disconnect or reset before headers: ${failure.message}\n`,
    );
  }

  responding(): boolean {
    return true;
  }

  cancelled(): void {
    this.pool.forget(this);
  }

  ended(): void {
    if (this.#entered) this.pool.breaker.endRequest(this.context.now());
    this.#entered = false;
    this.#report.request(this);
    // A connection that sits idle keeps no configuration that has been replaced.
    this.policy = undefined;
    this.authenticated = undefined;
  }

  refused(code: number): void {
    this.context.telemetry.refusedHttp(code);
  }

  tunnel(client: SpliceEnd, endpoint: SpliceEnd, early: Buffer | undefined, late: Buffer | undefined): void {
    // It stays a connection and a request of its port for as long as it lives.
    const { pool, context } = this;
    this.#entered = false;
    tunnel(context, "inbound", client, endpoint, { fromClient: late, fromEndpoint: early }, () => {
      pool.tunnelEnded();
      pool.breaker.endRequest(context.now());
    });
  }
}
