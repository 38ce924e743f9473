/** HTTP/2 by prior knowledge as fast as it goes, by h2load. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runLoad } from "../processes.ts";
import type { Load } from "./load.ts";

export interface H2Options {
  readonly connections: number;
  readonly streams: number;
  /** Posted as a gRPC message. */
  readonly message?: Uint8Array;
  readonly path?: string;
}

export function h2load({ connections, streams, message, path }: H2Options): Load {
  return async (target, seconds) => {
    const { host, port } = target.front;
    // In a folder of its own: proxies watch the one that has their certificates, and a line is written for each request.
    const folder = join(target.folder, "h2load");
    mkdirSync(folder, { recursive: true });
    const log = join(folder, "h2load.log");
    rmSync(log, { force: true });
    const argv = [
      "h2load",
      "-t1",
      `-c${connections}`,
      `-m${streams}`,
      `-D${seconds}`,
      `--log-file=${log}`,
      "-H",
      ":authority: web",
    ];
    if (message !== undefined) {
      const file = join(target.folder, "message");
      writeFileSync(file, message);
      argv.push("-d", file, "-H", "content-type: application/grpc", "-H", "te: trailers");
    }
    const output = await runLoad(
      [...argv, `http://${host}:${port}${path ?? target.path}`],
      (seconds + 20) * 1000,
    );
    const [failed = 0, errored = 0, timeout = 0] =
      /(\d+) failed, (\d+) errored, (\d+) timeout/.exec(output)?.slice(1).map(Number) ?? [];
    const statuses =
      /status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/.exec(output)?.slice(1).map(Number) ?? [];
    const [ok = 0, ...others] = statuses;
    const rate = Number(/finished in [^,]+, ([\d.]+) req\/s/.exec(output)?.[1] ?? 0);
    if (failed + errored + timeout > 0 || others.some((each) => each > 0) || ok === 0 || rate === 0) {
      throw new Error(`requests failed:\n${output}`);
    }
    // Start, status, and microseconds of each request: the summary has no percentiles.
    const times = readFileSync(log, "latin1")
      .trimEnd()
      .split("\n")
      .map((line) => Number(line.slice(line.lastIndexOf("\t") + 1)) / 1000);
    const sorted = Float64Array.from(times).sort();
    const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
    return { count: ok, seconds: ok / rate, latency: { p50: at(0.5), p99: at(0.99), p999: at(0.999) } };
  };
}
