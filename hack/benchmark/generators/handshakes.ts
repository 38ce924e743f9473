/**
 * Mutual TLS 1.3 connections, one request on each: `handshakes.ts HOST PORT PATH SNI CERTIFICATE KEY TRUST full|resumed LANES
 * SECONDS` prints counts and percentiles of the handshakes as JSON. `resumed` uses the ticket of the lane's last connection.
 */
import { readFileSync } from "node:fs";
import { connect, createSecureContext } from "node:tls";
import { quantile } from "../../../test/support/statistics.ts";

const [
  host = "",
  port = "",
  path = "/",
  servername = "",
  certificate = "",
  key = "",
  trust = "",
  mode = "",
  lanes = "",
  duration = "",
] = process.argv.slice(2);
const secureContext = createSecureContext({
  cert: readFileSync(certificate),
  key: readFileSync(key),
  ca: readFileSync(trust),
  minVersion: "TLSv1.3",
});
const request = `GET ${path} HTTP/1.1\r\nHost: web\r\n\r\n`;
const latencies: number[] = [];
let resumed = 0;

interface Ended {
  readonly session: Buffer | undefined;
}

/** One connection from its start to the response; rejects unless the answer is 200. */
function once(session: Buffer | undefined): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const begun = performance.now();
    let ticket = session;
    let received = "";
    const socket = connect({
      host,
      port: Number(port),
      servername,
      secureContext,
      ALPNProtocols: ["http/1.1"],
      // Identities are URIs, which this check does not know; the chain is verified.
      checkServerIdentity: () => undefined,
      ...(mode === "resumed" && session !== undefined ? { session } : {}),
    });
    socket.once("secureConnect", () => {
      latencies.push(performance.now() - begun);
      if (socket.isSessionReused()) resumed++;
      socket.setNoDelay(true);
      socket.write(request);
    });
    socket.on("session", (fresh: Buffer) => {
      ticket = fresh;
    });
    socket.on("data", (chunk: Buffer) => {
      received += chunk.toString("latin1");
      if (!/\r\n\r\nx+/.test(received)) return;
      socket.destroy();
      if (received.startsWith("HTTP/1.1 200")) resolve({ session: ticket });
      else reject(new Error(`found ${received.slice(0, 100)}; expected 200`));
    });
    socket.once("error", reject);
    socket.once("close", () => reject(new Error(`closed before a response: ${received.slice(0, 100)}`)));
  });
}

// The first of a lane has no ticket to resume with, and does not count.
const sessions = await Promise.all(Array.from({ length: Number(lanes) }, () => once(undefined)));
latencies.length = 0;
resumed = 0;
const started = performance.now();
const end = started + Number(duration) * 1000;
await Promise.all(
  sessions.map(async ({ session }) => {
    while (performance.now() < end) ({ session } = await once(session));
  }),
);
const at = (share: number) => quantile(latencies, share);
console.log(
  JSON.stringify({
    count: latencies.length,
    resumed,
    seconds: (performance.now() - started) / 1000,
    p50: at(0.5),
    p99: at(0.99),
    p999: at(0.999),
  }),
);
