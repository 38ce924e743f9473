/** Processes of one run, each pinned to a core: all end when the run does, Ctrl-C included, and nothing else is touched. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** The proxy's core has nothing else on it; the load and the backend share the other one. */
export const PROXY_CORE = 0;
export const LOAD_CORE = 1;

const START_MS = 15_000;
const running = new Set<ChildProcess>();

export interface Command {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Where it is reached once it is up. */
  readonly listens?: { readonly host: string; readonly port: number };
  /** A file for all that it says on stderr; the last of it is kept otherwise. */
  readonly log?: string;
}

/** A process under way; `await using` ends it. */
export class Started implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #name: string;
  #output = "";

  constructor(child: ChildProcess, name: string) {
    this.#child = child;
    this.#name = name;
    running.add(child);
    const keep = (text: string) => {
      this.#output = (this.#output + text).slice(-4_000);
    };
    child.stdout?.setEncoding("utf8").on("data", keep);
    child.stderr?.setEncoding("utf8").on("data", keep);
    child.once("error", (error) => keep(String(error)));
    child.once("exit", () => running.delete(child));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get #ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined;
  }

  /** Throws with what it printed when it has ended. */
  assertRunning(): void {
    if (this.#ended) throw new Error(`${this.#name} ended with ${this.#child.exitCode}: ${this.#output}`);
  }

  async stop(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (this.#ended) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill(signal);
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Starts a process on `core` and waits until it listens where it says. */
export async function start(name: string, command: Command, core: number): Promise<Started> {
  const log = command.log === undefined ? undefined : openSync(command.log, "w");
  const child = spawn("taskset", ["-c", String(core), ...command.argv], {
    stdio: ["ignore", "pipe", log ?? "pipe"],
    env: { ...process.env, ...command.env },
  });
  if (log !== undefined) closeSync(log);
  const started = new Started(child, name);
  try {
    if (command.listens !== undefined) await listening(started, command.listens.host, command.listens.port);
    return started;
  } catch (error) {
    await started.stop();
    throw error;
  }
}

async function listening(started: Started, host: string, port: number): Promise<void> {
  const deadline = performance.now() + START_MS;
  while (performance.now() < deadline) {
    started.assertRunning();
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, host, () => resolve(true)).once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (open) return;
    await delay(20);
  }
  throw new Error(`nothing listens on ${host}:${port} after ${START_MS / 1000} s`);
}

/** Runs a load on its core to its end and returns what it printed; throws when it fails or takes over `timeoutMs`. */
export async function runLoad(argv: readonly string[], timeoutMs: number): Promise<string> {
  const child = spawn("taskset", ["-c", String(LOAD_CORE), ...argv], { stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-2_000);
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("close", resolve);
    child.once("error", reject);
  });
  clearTimeout(timer);
  running.delete(child);
  if (code !== 0) {
    throw new Error(`${argv[0]} ended with ${code ?? "a signal"}: ${(errors + output.slice(-2_000)).trim()}`);
  }
  return output;
}

/** Ends everything that was started; the processes themselves are not waited for. */
export function endAll(): void {
  for (const child of running) child.kill("SIGKILL");
  running.clear();
}
