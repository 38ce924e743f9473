/**
 * HTTP/2 for the stacks, loaded when the first connection wants it: a sidecar whose application speaks HTTP/1.1 alone, as most
 * idle ones do, saves most of a megabyte.
 */
import type { Dial } from "../net/listen.ts";
import type { Socket, SocketEvents } from "../net/socket.ts";
import type { Multiplexed, MultiplexedOwner, PingLimits } from "../upstream/multiplexed-pool.ts";
import type { Connector } from "../upstream/opening.ts";
import { type Context, HEAD_MS } from "./context.ts";

type Connections = typeof import("./http2-connections.ts");

/** Requests at once on a connection to an endpoint that allows more: then there are several, and their losses are smaller. */
const MAX_STREAMS = 1024;

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

/** How a pool speaks HTTP/2 to its endpoint. */
export interface Speaker {
  /** The connector, which dials only once HTTP/2 can be spoken. */
  prepare(connect: Connector): Connector;
  speak(socket: Socket, owner: MultiplexedOwner, keepAlive: PingLimits | undefined): Multiplexed;
}

export function speakerOf({ wheel, now, telemetry, http2 }: Context): Speaker {
  const refused = (code: number) => telemetry.refusedHttp(code);
  return {
    prepare: (connect) => (connected, failed) => {
      if (http2.connections !== undefined) return connect(connected, failed);
      let dial: Dial | undefined;
      let cancelled = false;
      http2.load().then(() => {
        if (!cancelled) dial = connect(connected, failed);
      });
      return {
        cancel() {
          cancelled = true;
          dial?.cancel();
        },
      };
    },
    speak(socket, owner, keepAlive) {
      const { connections } = http2;
      if (connections === undefined) throw new Error("HTTP/2 is spoken before it is loaded");
      return connections.speak(
        socket,
        { wheel, now, headMs: HEAD_MS, maxStreams: MAX_STREAMS, refused, keepAlive },
        owner,
      );
    },
  };
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
