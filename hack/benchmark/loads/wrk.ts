/** HTTP/1.1 as fast as it goes on a number of connections, by wrk. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { runLoad } from "../processes.ts";
import type { Load } from "./load.ts";

const REPORT = `done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\\n{"requests":%d,"micros":%d,"errors":%d,"p50":%f,"p99":%f,"p999":%f}\\n', summary.requests,
    summary.duration, e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99),
    latency:percentile(99.9)))
end
`;

export interface WrkOptions {
  readonly connections: number;
  readonly path?: string;
  /** A new connection for every request. */
  readonly close?: boolean;
}

export function wrk({ connections, path, close = false }: WrkOptions): Load {
  return async (target, seconds) => {
    const script = join(target.folder, "report.lua");
    writeFileSync(script, REPORT);
    const { host, port } = target.front;
    const argv = [
      "wrk",
      "-t1",
      `-c${connections}`,
      `-d${seconds}s`,
      "--timeout",
      "10s",
      "-s",
      script,
      "-H",
      "Host: web",
    ];
    if (close) argv.push("-H", "Connection: close");
    const output = await runLoad(
      [...argv, `http://${host}:${port}${path ?? target.path}`],
      (seconds + 20) * 1000,
    );
    const report = JSON.parse(output.slice(output.lastIndexOf('\n{"requests"'))) as Record<string, number>;
    const { requests = 0, micros = 0, errors = 0, p50 = 0, p99 = 0, p999 = 0 } = report;
    if (errors > 0 || requests === 0) throw new Error(`${errors} of ${requests} requests failed:\n${output}`);
    return {
      count: requests,
      seconds: micros / 1e6,
      latency: { p50: p50 / 1000, p99: p99 / 1000, p999: p999 / 1000 },
    };
  };
}
