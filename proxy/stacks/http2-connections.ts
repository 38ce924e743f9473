/** HTTP/2's two kinds of connection and what all of them share. `http2.ts` loads this, and all behind it, when first needed. */
import { ClientConnection, type ClientOptions } from "../http2/client-connection.ts";
import type { Shared } from "../http2/connection.ts";
import { HeadDecoder } from "../http2/head-decoder.ts";
import { Turn } from "../http2/output.ts";
import { ReceiveBudget } from "../http2/receive-budget.ts";
import { ServerConnection, type ServerEvents, type ServerOptions } from "../http2/server-connection.ts";
import type { Socket } from "../net/socket.ts";
import type { Multiplexed, MultiplexedOwner } from "../upstream/multiplexed-pool.ts";

const shared: () => Shared = once(() => ({
  turn: new Turn(),
  budget: new ReceiveBudget(),
  heads: new HeadDecoder(),
}));

export type { ServerConnection };

export function serve(
  socket: Socket,
  options: Omit<ServerOptions, "shared">,
  events: ServerEvents,
): ServerConnection {
  return new ServerConnection(socket, { ...options, shared: shared() }, events);
}

export function speak(
  socket: Socket,
  options: Omit<ClientOptions, "shared">,
  owner: MultiplexedOwner,
): Multiplexed {
  return new ClientConnection(socket, { ...options, shared: shared() }, owner);
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
