/** TLS to the application in this pod, whose certificate nobody vouches for: for its HTTPS probes alone, as the kubelet does. */
import type { Socket as BunSocket } from "bun";
import { asRaw, type Dial, type DialEvents, dialError, socketEvents } from "./listen.ts";
import { Socket } from "./socket.ts";

/** Opens a connection without verifying whom it reaches. */
export function dialUnverified(host: string, port: number, events: DialEvents): Dial {
  let settled = false;
  let open: BunSocket<{ socket: Socket | undefined }> | undefined;
  const fail = (error: Error) => {
    if (settled) return;
    settled = true;
    open?.terminate();
    events.failed(dialError(error, host, port));
  };
  Bun.connect<{ socket: Socket | undefined }>({
    hostname: host,
    port,
    allowHalfOpen: true,
    data: { socket: undefined },
    tls: { rejectUnauthorized: false },
    socket: {
      ...socketEvents,
      open(raw) {
        open = raw;
        if (settled) raw.terminate();
      },
      handshake(raw, success, error) {
        // With `rejectUnauthorized: false` only a failed handshake has no cipher; a chain that does not verify is expected.
        if (!success && raw.getTLSVersion() === "unknown")
          return fail(error ?? new Error("the TLS handshake failed"));
        if (settled) return;
        settled = true;
        const socket = new Socket(asRaw(raw), host);
        raw.data.socket = socket;
        events.connected(socket);
      },
      connectError: (_raw, error) => fail(error),
      close(raw, error) {
        fail(error ?? new Error("closed during the handshake"));
        raw.data.socket?.onClose(error);
      },
    },
  }).catch(fail);
  return {
    cancel() {
      if (settled) return;
      settled = true;
      open?.terminate();
    },
  };
}
