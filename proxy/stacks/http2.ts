/** Where the stacks get HTTP/2's connections from. */

import type { Socket } from "../net/socket.ts";
import type { Multiplexed, MultiplexedOwner } from "../upstream/multiplexed-pool.ts";
import type { Context } from "./context.ts";

export function speakerOf(_context: Context): (socket: Socket, owner: MultiplexedOwner) => Multiplexed {
  return () => {
    throw new Error("HTTP/2 is not spoken yet");
  };
}
