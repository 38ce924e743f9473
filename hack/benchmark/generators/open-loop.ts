/**
 * Requests at a fixed rate whatever the answers do, over HTTP/1.1 connections that are open from the start. Runs under Bun:
 * `open-loop.ts HOST PORT PATH RATE CONNECTIONS SECONDS` prints counts and percentiles as JSON.
 *
 * A request is due at a time of its own. When all connections wait for answers then it waits, and its latency counts from when
 * it could first have been sent: a proxy that stalls is charged for everyone who stood in line (coordinated omission). What
 * this process itself comes too late, as its timer ticks by the millisecond, is not the proxy's and is not counted.
 */
import { quantile } from "../../../test/support/statistics.ts";

const [host = "", port = "", path = "/", rateText = "", connectionsText = "", secondsText = ""] =
  process.argv.slice(2);
const rate = Number(rateText);
const connections = Number(connectionsText);
const seconds = Number(secondsText);
const total = Math.round(rate * seconds);
const request = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: web\r\n\r\n`);

interface Lane {
  readonly socket: { write(data: Uint8Array): number };
  since: number;
  received: string;
}

const idle: Lane[] = [];
/** When each waiting request could have been sent. */
const waiting: number[] = [];
const latencies: number[] = [];
let failures = 0;
let issued = 0;
let started = 0;

function send(lane: Lane, since: number): void {
  lane.since = since;
  lane.received = "";
  if (lane.socket.write(request) !== request.length) failures++;
}

function received(lane: Lane, chunk: Buffer): void {
  lane.received += chunk.toString("latin1");
  const end = lane.received.indexOf("\r\n\r\n");
  if (end < 0) return;
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(lane.received)?.[1] ?? Number.NaN);
  if (!lane.received.startsWith("HTTP/1.1 200") || Number.isNaN(length)) {
    failures++;
    finish();
  }
  if (lane.received.length < end + 4 + length) return;
  const now = performance.now();
  latencies.push(now - lane.since);
  const next = waiting.shift();
  if (next !== undefined) send(lane, next);
  else idle.push(lane);
  if (latencies.length === total) finish();
}

function tick(): void {
  const now = performance.now();
  const due = Math.min(total, Math.floor(((now - started) * rate) / 1000));
  while (issued < due) {
    issued++;
    const lane = idle.shift();
    if (lane !== undefined) send(lane, performance.now());
    else waiting.push(now);
  }
  if (issued < total) setTimeout(tick, 1);
}

function finish(): never {
  const elapsed = (performance.now() - started) / 1000;
  const at = (share: number) => quantile(latencies, share);
  console.log(
    JSON.stringify({
      count: latencies.length,
      failures,
      seconds: elapsed,
      p50: at(0.5),
      p99: at(0.99),
      p999: at(0.999),
    }),
  );
  process.exit(failures > 0 ? 1 : 0);
}

for (let i = 0; i < connections; i++) {
  await Bun.connect<{ lane: Lane | undefined }>({
    hostname: host,
    port: Number(port),
    data: { lane: undefined },
    socket: {
      open(socket) {
        socket.setNoDelay(true);
        const lane = { socket, since: 0, received: "" };
        socket.data = { lane };
        idle.push(lane);
      },
      data(socket, chunk) {
        if (socket.data.lane !== undefined) received(socket.data.lane, chunk);
      },
      close() {
        failures++;
      },
    },
  });
}
started = performance.now();
// Answers that never come are failures, too.
setTimeout(
  () => {
    failures += total - latencies.length;
    finish();
  },
  (seconds + 10) * 1000,
);
tick();
