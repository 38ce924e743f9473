/** Two sockets joined: bytes both ways with backpressure, half-close passed on, a reset on one side a reset on the other. */
import type { Socket, SocketEvents } from "./socket.ts";

export interface Splice {
  /** Breaks both off. */
  destroy(): void;
}

/** One direction's source; `to` is where its bytes go. */
class Half implements SocketEvents {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #over: (error: Error | undefined) => void;

  constructor(from: Socket, to: Socket, over: (error: Error | undefined) => void) {
    this.#from = from;
    this.#to = to;
    this.#over = over;
  }

  data(chunk: Buffer): void {
    if (!this.#to.write(chunk, 0, chunk.length)) this.#from.pause();
  }

  /** This side takes bytes again, so the other may send. */
  writable(): void {
    this.#to.resume();
  }

  ended(): void {
    this.#to.shutdown();
  }

  closed(error: Error | undefined): void {
    if (error === undefined) this.#to.end();
    else this.#to.destroy();
    this.#over(error);
  }
}

/**
 * Joins two sockets until both are closed; `over` is called once, with the first error. `early` bytes (read of a side
 * before it was joined) go out first.
 */
export function splice(
  client: Socket,
  endpoint: Socket,
  early: { readonly fromClient?: Buffer | undefined; readonly fromEndpoint?: Buffer | undefined },
  over: (error: Error | undefined) => void,
): Splice {
  let open = 2;
  let first: Error | undefined;
  const closed = (error: Error | undefined) => {
    first ??= error;
    if (--open === 0) over(first);
  };
  const toEndpoint = new Half(client, endpoint, closed);
  const toClient = new Half(endpoint, client, closed);
  client.events = toEndpoint;
  endpoint.events = toClient;
  if (early.fromClient !== undefined) toEndpoint.data(early.fromClient);
  if (early.fromEndpoint !== undefined) toClient.data(early.fromEndpoint);
  // A FIN that came before the sockets were joined is passed on now.
  if (client.ended) endpoint.shutdown();
  if (endpoint.ended) client.shutdown();
  client.resume();
  endpoint.resume();
  if (endpoint.congested) client.pause();
  if (client.congested) endpoint.pause();
  return {
    destroy() {
      client.destroy();
      endpoint.destroy();
    },
  };
}
