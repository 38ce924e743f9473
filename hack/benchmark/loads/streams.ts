/** Streams: bytes over TCP by iperf3, and gRPC messages by gRPC's own benchmark. */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { runLoad } from "../processes.ts";
import type { Load } from "./load.ts";

/** A gigabyte from the backend to the client, counted in MB. */
export const gigabyte: Load = async ({ front }) => {
  const argv = [
    "iperf3",
    "--client",
    front.host,
    "--port",
    String(front.port),
    "--bytes",
    "1G",
    "--reverse",
    "--json",
  ];
  for (let attempt = 1; ; attempt++) {
    try {
      const report = JSON.parse(await runLoad(argv, 60_000)) as {
        end: { sum_received: { bytes: number; seconds: number } };
      };
      const { bytes, seconds } = report.end.sum_received;
      if (bytes < 0.99 * 2 ** 30) throw new Error(`${bytes} bytes arrived; expected ${2 ** 30}`);
      return { count: bytes / 1e6, seconds, latency: undefined };
    } catch (error) {
      // One test at a time: it may still be busy with the one before.
      if (attempt === 10) throw error;
      await delay(200);
    }
  }
};

/** Ping-pong of messages on bidirectional streams. */
export function grpcStreams({ connections, streams }: { connections: number; streams: number }): Load {
  return async ({ front, grpc, folder }, seconds) => {
    const numbers = ["-c", String(connections), "-r", String(streams), "-d", String(seconds), "-w", "0"];
    const sizes = ["-req", "64", "-resp", "64"];
    const client = join(grpc, "client");
    const argv = ["env", `TMPDIR=${folder}`, client, "-port", String(front.port), "-rpc_type", "streaming"];
    const output = await runLoad(
      [...argv, "-test_name", "client", ...numbers, ...sizes],
      (seconds + 30) * 1000,
    );
    const rate = Number(/^qps: ([\d.e+]+)/m.exec(output)?.[1] ?? 0);
    const [p50 = Number.NaN, , p99 = Number.NaN] =
      /^Latency: \(50\/90\/99 %ile\): (\S+)\/(\S+)\/(\S+)/m.exec(output)?.slice(1).map(goMilliseconds) ?? [];
    if (rate === 0) throw new Error(`no messages:\n${output}`);
    return { count: rate * seconds, seconds, latency: { p50, p99, p999: undefined } };
  };
}

/** `158.479µs`, `1.24144ms`, `2.1s` in milliseconds. */
function goMilliseconds(text: string): number {
  const [, value = "", unit = ""] = /^([\d.]+)(µs|ms|s)$/.exec(text) ?? [];
  return Number(value) * ({ µs: 0.001, ms: 1, s: 1000 }[unit] ?? Number.NaN);
}
