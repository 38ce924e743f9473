/** Real proxies under Bun for tests: a folder of configuration, ports that the system chooses. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CompiledJson } from "../../proxy/config/testdata.ts";
import { bunPath, LIMITED } from "./bun.ts";
import { anonymousBytes } from "./counts.ts";
import { eventually } from "./poll.ts";

const root = join(import.meta.dirname, "../..");

/** `proxy.json`; its identity is that of `ProxyOptions.identity` when there is one. */
export interface ProxyFile {
  readonly outbound?: readonly { readonly listen: string; readonly destination?: string }[];
  readonly inbound?: readonly { readonly listen: string; readonly destination?: string }[];
  readonly mutual?: string;
  readonly admin?: string;
  readonly readiness?: string;
  readonly identity?: { readonly certificate: string; readonly key: string; readonly trust: string };
  readonly accessLogEncoding?: string;
  readonly probes?: Readonly<Record<string, unknown>>;
}

export interface ProxyOptions {
  readonly file: ProxyFile;
  readonly objects: readonly CompiledJson[];
  readonly identity?: { readonly certificate: string; readonly key: string; readonly trust: string };
  /** Beside `LIMITED`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Put in front of the command, e.g. to enter a namespace. */
  readonly wrapper?: readonly string[];
  /** The executable as it is shipped (`hack/image dist proxy`); by default `$WEFT_PROXY`, else the sources as they are. */
  readonly executable?: string;
  /** Put behind the command. */
  readonly args?: readonly string[];
  /** Runs on the folder before the proxy starts. */
  readonly prepare?: (folder: string) => Promise<void>;
}

/** Where `TestProxy` writes an identity, for `proxy.json`. */
export const IDENTITY_FILES = { certificate: "certificate.pem", key: "key.pem", trust: "trust.pem" };

async function writeIdentity(folder: string, identity: Required<ProxyOptions>["identity"]): Promise<void> {
  await writeFile(join(folder, "proxy", IDENTITY_FILES.key), identity.key, { mode: 0o600 });
  await writeFile(join(folder, "proxy", IDENTITY_FILES.certificate), identity.certificate);
  await writeFile(join(folder, "proxy", IDENTITY_FILES.trust), identity.trust);
}

/** A running proxy; `await using` ends it. */
export class TestProxy implements AsyncDisposable {
  readonly ports: Readonly<Record<string, number>>;
  readonly folder: string;
  readonly #process: ChildProcess;
  readonly #log: string[];
  readonly #output: string[];

  private constructor(
    folder: string,
    process: ChildProcess,
    log: string[],
    output: string[],
    ports: Record<string, number>,
  ) {
    this.folder = folder;
    this.#process = process;
    this.#log = log;
    this.#output = output;
    this.ports = ports;
  }

  static async start(options: ProxyOptions): Promise<TestProxy> {
    const folder = await mkdtemp(join(tmpdir(), "weft-proxy-"));
    await mkdir(join(folder, "proxy"));
    const { identity, executable = process.env.WEFT_PROXY } = options;
    if (identity !== undefined) await writeIdentity(folder, identity);
    const names = identity && IDENTITY_FILES;
    await writeFile(
      join(folder, "proxy", "proxy.json"),
      JSON.stringify(names === undefined ? options.file : { ...options.file, identity: names }),
    );
    await writeFile(join(folder, "objects.json"), JSON.stringify(options.objects));
    await options.prepare?.(folder);
    const command = [
      ...(options.wrapper ?? []),
      ...(executable === undefined ? [bunPath(), join(root, "proxy/main.ts")] : [executable]),
      "--config",
      folder,
      ...(options.args ?? []),
    ];
    const [file = "", ...args] = command;
    const child = spawn(file, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...LIMITED, ...options.env },
    });
    const log: string[] = [];
    const output: string[] = [];
    child.stdout?.setEncoding("utf8").on("data", (text: string) => output.push(text));
    const ports = await new Promise<Record<string, number>>((resolve, reject) => {
      child.stderr?.setEncoding("utf8").on("data", (text: string) => {
        log.push(text);
        for (const line of log.join("").split("\n")) {
          if (line.includes('"msg":"listening"'))
            resolve((JSON.parse(line) as { ports: Record<string, number> }).ports);
        }
      });
      child.once("exit", (code) => reject(new Error(`the proxy ended with ${code}:\n${log.join("")}`)));
      child.once("error", reject);
    });
    return new TestProxy(folder, child, log, output, ports);
  }

  port(name: string): number {
    const port = this.ports[name];
    if (port === undefined)
      throw new Error(`the proxy has no listener ${name}: ${JSON.stringify(this.ports)}`);
    return port;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get log(): string {
    return this.#log.join("");
  }

  /** Its access log. */
  get output(): string {
    return this.#output.join("");
  }

  get running(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Replaces the configuration; the proxy applies it by itself. */
  async configure(objects: readonly CompiledJson[]): Promise<void> {
    await writeFile(join(this.folder, "objects.json"), JSON.stringify(objects));
  }

  /** Replaces `proxy.json`, or writes what stands in its place; see `listening`. */
  async reconfigure(file: ProxyFile | string): Promise<void> {
    const path = join(this.folder, "proxy", "proxy.json");
    await writeFile(path, typeof file === "string" ? file : JSON.stringify(file));
  }

  /** The ports, once it has said `times` times that it listens elsewhere. */
  async listening(times: number): Promise<Readonly<Record<string, number>>> {
    const said = () => this.log.split("\n").filter((line) => line.includes("another proxy.json is in force"));
    await eventually(
      () => said().length >= times,
      5_000,
      () => this.log,
    );
    return (JSON.parse(said()[times - 1] ?? "{}") as { ports: Record<string, number> }).ports;
  }

  /** Replaces its certificate, which it takes in by itself. */
  async identify(identity: Required<ProxyOptions>["identity"]): Promise<void> {
    await writeIdentity(this.folder, identity);
  }

  /** The processes that it has started. */
  async workers(): Promise<number[]> {
    const found: number[] = [];
    for (const name of await readdir("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (Number(parent) === this.pid && state !== "Z") found.push(Number(name));
    }
    return found;
  }

  /** What the process holds for itself, in MB: not the executable's pages, which every proxy of a node shares. */
  anonymousMegabytes(): number {
    return anonymousBytes(this.pid) / 2 ** 20;
  }

  /** Resolves with the exit code when the process ends. */
  async ended(): Promise<number | null> {
    if (this.running) await once(this.#process, "exit");
    return this.#process.exitCode;
  }

  /** The value of the series whose labels include these; their sum when several do. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const response = await fetch(`http://127.0.0.1:${this.port("admin")}/stats/prometheus`);
    const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
    let sum = 0;
    for (const line of (await response.text()).split("\n")) {
      if (!line.startsWith(`${name}{`) && !line.startsWith(`${name} `)) continue;
      if (wanted.every((each) => line.includes(each))) sum += Number(line.slice(line.lastIndexOf(" ") + 1));
    }
    return sum;
  }

  /** Asks it to end; resolves with its exit code. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    if (this.running) {
      const exit = once(this.#process, "exit");
      this.#process.kill(signal);
      await exit;
    }
    return this.#process.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("SIGKILL");
    await rm(this.folder, { recursive: true, force: true });
  }
}
