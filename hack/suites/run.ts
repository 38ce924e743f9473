/** What suites share: executables run to their end within a bound of time, and where servers listen. */
import { spawn } from "node:child_process";
import type { AddressInfo } from "node:net";

export interface Ended {
  /** Null when it was stopped for taking too long. */
  readonly code: number | null;
  /** What it said on both streams. */
  readonly output: string;
}

export async function run(
  file: string,
  args: readonly string[],
  options: { readonly timeoutMs: number; readonly verbose: boolean },
): Promise<Ended> {
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
  const parts: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      parts.push(text);
      if (options.verbose) process.stderr.write(text);
    });
  }
  const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("close", resolve);
    child.once("error", reject);
  });
  clearTimeout(timer);
  return { code, output: parts.join("") };
}

/** The last lines of an output, for a case's detail. */
export function tail(output: string, lines = 3): string {
  return output.trimEnd().split("\n").slice(-lines).join(" / ");
}

/** The port that a server listens on. */
export function listeningPort(server: { address(): AddressInfo | string | null }): number {
  const bound = server.address();
  if (typeof bound !== "object" || bound === null) throw new Error("the server does not listen on a port");
  return bound.port;
}
