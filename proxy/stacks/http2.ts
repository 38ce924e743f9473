/**
 * HTTP/2 for the stacks, loaded when the first connection wants it: a sidecar whose application speaks HTTP/1.1 alone, as most
 * idle ones do, saves most of a megabyte.
 */
import type { Socket, SocketEvents } from "../net/socket.ts";

type Connections = typeof import("./http2-connections.ts");

export class Http2 {
  #connections: Connections | undefined;

  /** Undefined until `load` has resolved once. */
  get connections(): Connections | undefined {
    return this.#connections;
  }

  async load(): Promise<Connections> {
    this.#connections ??= await import("./http2-connections.ts");
    return this.#connections;
  }
}

/** Keeps what a client says until HTTP/2 is loaded, then calls `loaded` with all of it; never when it has left by then. */
export function whenLoaded(
  http2: Http2,
  socket: Socket,
  first: Buffer | undefined,
  loaded: (first: Buffer | undefined) => void,
): void {
  const chunks = first === undefined ? [] : [first];
  let gone = false;
  const events: SocketEvents = {
    data: (chunk) => void chunks.push(chunk),
    writable() {},
    ended() {},
    closed() {
      gone = true;
    },
  };
  socket.events = events;
  socket.pause();
  http2.load().then(() => {
    if (gone) return;
    socket.resume();
    loaded(chunks.length === 0 ? undefined : Buffer.concat(chunks));
  });
}
