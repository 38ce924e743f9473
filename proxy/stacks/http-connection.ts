/** One client connection that speaks HTTP, either side: its requests each get an exchange, its end is counted. */
import type { Exchange } from "../http/exchange.ts";
import { type ConnectionEvents, NO_ERROR } from "../http/streams.ts";
import { ServerConnection } from "../http1/server-connection.ts";
import type { Socket } from "../net/socket.ts";
import type { Side } from "../telemetry/telemetry.ts";
import type { Drainable } from "./connections.ts";
import { type Context, DOWNSTREAM_IDLE_MS, HEAD_MS } from "./context.ts";

/** Makes what serves a request, or on HTTP/1 all of a connection's one after another. */
export type CreateRequest = () => { readonly exchange: Exchange };

/** Takes the connection on; `first` are bytes that were read of it already. */
export function serveHttp(
  context: Context,
  side: Side,
  socket: Socket,
  first: Buffer | undefined,
  create: CreateRequest,
): void {
  const connection = new Http1(context, side, socket, create().exchange);
  if (first !== undefined) connection.server.data(first);
  // Whoever had the socket before has been told of this already.
  if (socket.ended) connection.server.ended();
}

class Http1 implements ConnectionEvents, Drainable {
  readonly server: ServerConnection;
  readonly #context: Context;
  readonly #side: Side;
  readonly #exchange: Exchange;

  constructor(context: Context, side: Side, socket: Socket, exchange: Exchange) {
    this.#context = context;
    this.#side = side;
    this.#exchange = exchange;
    const { wheel, writer } = context;
    const options = { wheel, writer, idleMs: DOWNSTREAM_IDLE_MS, headMs: HEAD_MS };
    this.server = new ServerConnection(socket, options, exchange, this);
    exchange.downstream = this.server;
    context.connections.add(side, this);
  }

  refused(code: number): void {
    this.#context.telemetry.refusedHttp(code);
  }

  closed(): void {
    this.#context.connections.delete(this.#side, this);
  }

  drain(now: boolean): void {
    this.server.drain(now);
  }

  destroy(): void {
    if (this.#exchange.active) this.#exchange.aborted("gone");
    else this.server.break(NO_ERROR);
  }
}
