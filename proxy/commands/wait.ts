/**
 * `weft-proxy wait`: returns when the sidecar is ready; its container's postStart hook, which holds the application back. It
 * runs beside the starting proxy, so it loads nothing of it and asks cheaply, over one kept connection.
 */
import { existsSync } from "node:fs";

const INTERVAL_MS = 5;
const REQUEST = "GET /healthz/ready HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

/** Resolves with 0 once the sidecar is ready and the file `mark`, if named, says that traffic is redirected to it; with 1
 * after `timeoutMs`. */
export async function wait(port: number, timeoutMs: number, mark: string | undefined): Promise<number> {
  const deadline = performance.now() + timeoutMs;
  let last = "no connection";
  while (performance.now() < deadline) {
    last = await askUntilReady(port, deadline);
    if (last === "ready") {
      if (mark === undefined || existsSync(mark)) return 0;
      last = "traffic is not redirected to it yet; see the log of istio-init";
    }
    await Bun.sleep(INTERVAL_MS);
  }
  process.stderr.write(
    `the sidecar is not ready after ${timeoutMs / 1000} s: ${last}. See its container's log.\n`,
  );
  return 1;
}

/** Asks over one connection until it says ready or breaks; resolves with what was said last. */
function askUntilReady(port: number, deadline: number): Promise<string> {
  let last = "no connection";
  return new Promise((resolve) => {
    Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        open: (socket) => void socket.write(REQUEST),
        data(socket, chunk) {
          const text = chunk.toString("latin1");
          last = text.slice(text.indexOf("\r\n\r\n") + 4).trim();
          const ready = text.startsWith("HTTP/1.1 200 ");
          if (ready) last = "ready";
          if (ready || performance.now() > deadline) return socket.terminate();
          setTimeout(() => socket.write(REQUEST), INTERVAL_MS);
        },
        close: () => resolve(last),
        error: (socket) => socket.terminate(),
        connectError: () => resolve(last),
      },
    }).catch(() => resolve(last));
  });
}
