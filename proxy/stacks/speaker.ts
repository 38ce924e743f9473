/** How a pool speaks HTTP/2 to its endpoint, once that is loaded. */
import type { Dial } from "../net/listen.ts";
import type { Socket } from "../net/socket.ts";
import type { Multiplexed, MultiplexedOwner, PingLimits } from "../upstream/multiplexed-pool.ts";
import type { Connector } from "../upstream/opening.ts";
import { type Context, HEAD_MS } from "./context.ts";

/** Requests at once on a connection to an endpoint that allows more: then there are several, and their losses are smaller. */
const MAX_STREAMS = 1024;

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
