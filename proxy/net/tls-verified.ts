/** TLS to a server with a name: the API server, control. Chain and name are verified before a byte is sent. */
import type { Socket as BunSocket } from "bun";
import { asRaw, type Dial, type DialEvents, dialError, socketEvents } from "./listen.ts";
import { Socket } from "./socket.ts";

type Slot = { socket: Socket | undefined };

/** Opens a connection to `host`, which may be an IP address, whose certificate must lead to `anchors` (PEM) and name it. */
export function dialVerified(host: string, port: number, anchors: string, events: DialEvents): Dial {
  let settled = false;
  let open: BunSocket<Slot> | undefined;
  const fail = (reason: string, message: string) => {
    if (settled) return;
    settled = true;
    open?.terminate();
    events.failed({ reason, message });
  };
  const failed = (error: Error) => {
    const { reason, message } = dialError(error, host, port);
    fail(reason, message);
  };
  Bun.connect<Slot>({
    hostname: host,
    port,
    allowHalfOpen: true,
    data: { socket: undefined },
    tls: { ca: anchors, serverName: host, rejectUnauthorized: true },
    socket: {
      ...socketEvents,
      open(raw) {
        open = raw;
        if (settled) raw.terminate();
      },
      handshake(raw, success, error) {
        if (settled) return;
        // On raw sockets the runtime reports its verdict on chain and name and leaves acting on it to us.
        if (!success || error !== null) {
          const code = (error as { code?: string } | null)?.code ?? error?.message ?? "the handshake failed";
          return fail("tls", `TLS to ${host}:${port}: ${code}`);
        }
        settled = true;
        const socket = new Socket(asRaw(raw), host);
        raw.data.socket = socket;
        events.connected(socket);
      },
      connectError: (_raw, error) => failed(error),
      close(raw, error) {
        fail("reset", `TLS to ${host}:${port}: closed during the handshake`);
        raw.data.socket?.onClose(error);
      },
    },
  }).catch(failed);
  return {
    cancel() {
      if (settled) return;
      settled = true;
      open?.terminate();
    },
  };
}
