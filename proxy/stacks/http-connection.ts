/** One client connection that speaks HTTP, either side: its requests each get an exchange, its end is counted. */
import type { Exchange } from "../http/exchange.ts";
import {
  type ConnectionEvents,
  type Downstream,
  type DownstreamEvents,
  NO_ERROR,
  type Version,
} from "../http/streams.ts";
import { ServerConnection } from "../http1/server-connection.ts";
import type { ServerEvents, ServerOptions } from "../http2/server-connection.ts";
import type { Socket } from "../net/socket.ts";
import type { Register } from "./connections.ts";
import { type Context, DOWNSTREAM_IDLE_MS, HEAD_MS } from "./context.ts";
import { whenLoaded } from "./http2.ts";
import type { ServerConnection as Http2ServerConnection } from "./http2-connections.ts";
import type { Peer } from "./idle-peers.ts";

/** Makes what serves one request, or on HTTP/1 all of a connection's one after another. */
export type CreateRequest = () => { readonly exchange: Exchange };

/** Takes the connection on, and has it in `register` until it ends; `first` are bytes that were read of it already. */
export function serveHttp(
  context: Context,
  register: Register<Peer>,
  socket: Socket,
  version: Version,
  first: Buffer | undefined,
  create: CreateRequest,
): void {
  const { connections: http2 } = context.http2;
  if (version === 2 && http2 === undefined) {
    whenLoaded(context.http2, socket, first, (all) =>
      serveHttp(context, register, socket, version, all, create),
    );
    return;
  }
  const connection =
    version === 1 || http2 === undefined
      ? new Http1(context, register, socket, create().exchange)
      : new Http2(context, register, create, (events, options) => http2.serve(socket, options, events));
  register.add(connection);
  if (first !== undefined) connection.server.data(first);
  // Whoever had the socket before has been told of this already.
  if (socket.ended) connection.server.ended();
}

abstract class HttpConnection implements ConnectionEvents, Peer {
  abstract readonly server: Pick<Peer, "idle" | "drain">;
  readonly #context: Context;
  readonly #register: Register<Peer>;

  constructor(context: Context, register: Register<Peer>) {
    this.#context = context;
    this.#register = register;
  }

  refused(code: number): void {
    this.#context.telemetry.refusedHttp(code);
  }

  closed(): void {
    this.#register.delete(this);
  }

  get idle(): boolean {
    return this.server.idle;
  }

  drain(now: boolean): void {
    this.server.drain(now);
  }

  abstract destroy(): void;
}

class Http1 extends HttpConnection {
  readonly server: ServerConnection;
  readonly #exchange: Exchange;

  constructor(context: Context, register: Register<Peer>, socket: Socket, exchange: Exchange) {
    super(context, register);
    this.#exchange = exchange;
    const { wheel, writer } = context;
    const options = { wheel, writer, idleMs: DOWNSTREAM_IDLE_MS, headMs: HEAD_MS };
    this.server = new ServerConnection(socket, options, exchange, this);
    exchange.downstream = this.server;
  }

  destroy(): void {
    if (this.#exchange.active) this.#exchange.aborted("gone");
    else this.server.break(NO_ERROR);
  }
}

/** Exchanges that a connection keeps for its next requests: as many as most clients have under way. */
const MAX_SPARE = 8;

class Http2 extends HttpConnection {
  readonly server: Http2ServerConnection;
  readonly #create: CreateRequest;
  /** Of requests that are over. */
  readonly #spare: Exchange[] = [];

  constructor(
    context: Context,
    register: Register<Peer>,
    create: CreateRequest,
    serve: (events: ServerEvents, options: Omit<ServerOptions, "shared">) => Http2ServerConnection,
  ) {
    super(context, register);
    this.#create = create;
    const { wheel, now } = context;
    this.server = serve(this, { wheel, now, idleMs: DOWNSTREAM_IDLE_MS, headMs: HEAD_MS });
  }

  stream(stream: Downstream): DownstreamEvents {
    const exchange = this.#spare.pop() ?? this.#make();
    exchange.downstream = stream;
    return exchange;
  }

  #make(): Exchange {
    const { exchange } = this.#create();
    exchange.idle = () => {
      if (this.#spare.length < MAX_SPARE) this.#spare.push(exchange);
    };
    return exchange;
  }

  destroy(): void {
    this.server.destroy();
  }
}
