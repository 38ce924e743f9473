/** HTTP/1.1 as fast as it goes on a number of connections, by wrk. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { runLoad } from "../processes.ts";
import type { Address } from "../shape.ts";
import type { Found, Load } from "./load.ts";

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

export function wrk(options: WrkOptions): Load {
  return async ({ folder, front, path }, seconds) =>
    wrkFound(
      await runLoad(wrkCommand(folder, front, options.path ?? path, options, seconds), (seconds + 20) * 1000),
    );
}

/** `folder` takes the script that reports. */
export function wrkCommand(
  folder: string,
  { host, port }: Address,
  path: string,
  { connections, close = false }: WrkOptions,
  seconds: number,
): string[] {
  const script = join(folder, "report.lua");
  writeFileSync(script, REPORT);
  const argv = ["wrk", "-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "10s", "-s", script];
  const headers = ["-H", "Host: web", ...(close ? ["-H", "Connection: close"] : [])];
  return [...argv, ...headers, `http://${host}:${port}${path}`];
}

/** Reads what wrk printed; throws when a request failed. */
export function wrkFound(output: string): Found {
  const report = JSON.parse(output.slice(output.lastIndexOf('\n{"requests"'))) as Record<string, number>;
  const { requests = 0, micros = 0, errors = 0, p50 = 0, p99 = 0, p999 = 0 } = report;
  if (errors > 0 || requests === 0) throw new Error(`${errors} of ${requests} requests failed:\n${output}`);
  const latency = { p50: p50 / 1000, p99: p99 / 1000, p999: p999 / 1000 };
  return { count: requests, seconds: micros / 1e6, latency };
}
