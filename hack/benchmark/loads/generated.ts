/** Loads by generators of our own: an open loop, and handshakes. */
import { join } from "node:path";
import { bunPath } from "../../../test/support/bun.ts";
import { runLoad } from "../processes.ts";
import type { Address } from "../shape.ts";
import type { Found, Load } from "./load.ts";

const generator = (name: string) => join(import.meta.dirname, "../generators", `${name}.ts`);

export interface OpenLoopOptions {
  readonly rate: number;
  readonly connections: number;
}

/** Requests at a rate, each due at its own time. */
export function openLoop(options: OpenLoopOptions): Load {
  return async ({ front, path }, seconds) =>
    foundIn(await runLoad(openLoopCommand(front, path, options, seconds), (seconds + 30) * 1000));
}

export function openLoopCommand(
  { host, port }: Address,
  path: string,
  { rate, connections }: OpenLoopOptions,
  seconds: number,
): string[] {
  const numbers = [rate, connections, seconds].map(String);
  return [bunPath(), generator("open-loop"), host, String(port), path, ...numbers];
}

/** New connections with mutual TLS, straight to the server's proxy. */
export function handshakes(mode: "full" | "resumed"): Load {
  return async ({ mutual, path, identities, backendPort }, seconds) => {
    const { certificate, key, trust } = identities.client;
    const sni = `outbound_.${backendPort}_._.web.demo.svc.cluster.local`;
    const files = [certificate, key, trust];
    const argv = [
      process.execPath,
      generator("handshakes"),
      mutual.host,
      String(mutual.port),
      path,
      sni,
      ...files,
      mode,
    ];
    const output = await runLoad([...argv, "16", String(seconds)], (seconds + 30) * 1000);
    const { count = 0, resumed = 0 } = JSON.parse(output) as Record<string, number>;
    if (mode === "resumed" && resumed < count * 0.9) {
      throw new Error(`it resumes no sessions: ${resumed} of ${count} handshakes were resumed`);
    }
    if (mode === "full" && resumed > 0)
      throw new Error(`${resumed} of ${count} handshakes were not full ones`);
    return foundIn(output);
  };
}

/** Reads what a generator printed. */
export function foundIn(output: string): Found {
  const { count = 0, seconds = 1, p50 = 0, p99 = 0, p999 = 0 } = JSON.parse(output) as Record<string, number>;
  return { count, seconds, latency: { p50, p99, p999 } };
}
