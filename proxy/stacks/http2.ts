/** What all HTTP/2 connections of the process share, made when the first one comes, and how an endpoint is spoken to in it. */
import { ClientConnection } from "../http2/client-connection.ts";
import type { Shared } from "../http2/connection.ts";
import { HeadDecoder } from "../http2/head-decoder.ts";
import { Turn } from "../http2/output.ts";
import { ReceiveBudget } from "../http2/receive-budget.ts";
import type { Socket } from "../net/socket.ts";
import type { Multiplexed, MultiplexedOwner } from "../upstream/multiplexed-pool.ts";
import { type Context, HEAD_MS } from "./context.ts";

/** Requests at once on a connection to an endpoint that allows more: then there are several, and their losses are smaller. */
const MAX_STREAMS = 1024;

export class Http2 {
  #shared: Shared | undefined;

  get shared(): Shared {
    this.#shared ??= { turn: new Turn(), budget: new ReceiveBudget(), heads: new HeadDecoder() };
    return this.#shared;
  }
}

/** Speaks HTTP/2 on new connections to endpoints. */
export function speakerOf(context: Context): (socket: Socket, owner: MultiplexedOwner) => Multiplexed {
  const { wheel, now, telemetry, http2 } = context;
  const refused = (code: number) => telemetry.refusedHttp(code);
  return (socket, owner) => {
    const options = { wheel, shared: http2.shared, now, headMs: HEAD_MS, maxStreams: MAX_STREAMS, refused };
    return new ClientConnection(socket, options, owner);
  };
}
