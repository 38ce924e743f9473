/** Real proxies under Bun for tests: a folder of configuration, ports that the system chooses, raw sockets around them. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { CompiledJson } from "../../proxy/config/testdata.ts";

const root = join(import.meta.dirname, "../..");

/** Bun's executable, wherever npm has put it. */
export function bunPath(): string {
  const places = ["node_modules/bun/bin/bun.exe", "node_modules/@oven/bun-linux-x64/bin/bun"].map((each) =>
    join(root, each),
  );
  const found = places.find(existsSync);
  if (found === undefined)
    throw new Error(`Bun is not installed: expected one of ${places.join(", ")}; run npm ci`);
  return found;
}

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
  /** Put in front of the command, e.g. to enter a namespace. */
  readonly wrapper?: readonly string[];
  /** The executable as it is shipped (`hack/image dist proxy`); by default `$WEFT_PROXY`, else the sources as they are. */
  readonly executable?: string;
  /** Put behind the command. */
  readonly args?: readonly string[];
  /** Runs on the folder before the proxy starts. */
  readonly prepare?: (folder: string) => Promise<void>;
}

/** What a sidecar's runtime is told of its container, by the injector's default limit. */
export const LIMITED = { BUN_JSC_forceRAMSize: String(128 * 2 ** 20) };

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
      env: { ...process.env, ...LIMITED },
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
  async anonymousMegabytes(): Promise<number> {
    const text = await readFile(`/proc/${this.pid}/smaps_rollup`, "utf8");
    return Number(/^Anonymous:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) / 1024;
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

/** A TCP server that hands each connection to `serve`. */
export class TestServer implements AsyncDisposable {
  readonly port: number;
  readonly sockets: Socket[] = [];
  readonly #server: Server;

  private constructor(server: Server, sockets: Socket[]) {
    this.#server = server;
    this.sockets = sockets;
    const address = server.address();
    this.port = typeof address === "object" && address !== null ? address.port : 0;
  }

  static async start(serve: (socket: Socket) => void, host = "127.0.0.1", port = 0): Promise<TestServer> {
    const sockets: Socket[] = [];
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
      serve(socket);
    });
    server.listen(port, host);
    await once(server, "listening");
    return new TestServer(server, sockets);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}

/** A raw connection that keeps all that it is sent. */
export class TestClient implements Disposable {
  readonly socket: Socket;
  #received = "";
  #ended: "open" | "end" | "reset" = "open";

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      this.#received += text;
    });
    socket.on("end", () => {
      this.#ended = "end";
    });
    socket.on("error", () => {
      this.#ended = "reset";
    });
    socket.on("close", () => {
      if (this.#ended === "open") this.#ended = "reset";
    });
  }

  /** `from` is the client's own address. */
  static async open(port: number, host = "127.0.0.1", from?: string): Promise<TestClient> {
    const own = from === undefined ? {} : { localAddress: from };
    const socket = connect({ port, host, allowHalfOpen: true, ...own });
    const client = new TestClient(socket);
    await new Promise((resolve) => {
      socket.once("connect", resolve);
      socket.once("close", resolve);
    });
    return client;
  }

  get received(): string {
    return this.#received;
  }

  get ended(): "open" | "end" | "reset" {
    return this.#ended;
  }

  send(text: string): this {
    this.socket.write(text, "latin1");
    return this;
  }

  /** Waits until `until` holds of what was received, or the connection has ended. */
  async until(until: (received: string) => boolean, timeoutMs = 5_000): Promise<string> {
    await eventually(
      () => until(this.#received) || this.#ended !== "open",
      timeoutMs,
      () => `received: ${JSON.stringify(this.#received)}`,
    );
    return this.#received;
  }

  /** Waits for so many responses with their bodies, by Content-Length or chunks. */
  async responses(count: number, timeoutMs = 5_000): Promise<string> {
    return this.until((text) => countResponses(text) >= count, timeoutMs);
  }

  /** Waits for the end of the connection. */
  async closed(timeoutMs = 5_000): Promise<"end" | "reset"> {
    await eventually(
      () => this.#ended !== "open",
      timeoutMs,
      () => `received: ${JSON.stringify(this.#received)}`,
    );
    return this.#ended === "end" ? "end" : "reset";
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** Sends bytes on a new connection; resolves with what came back until the connection ended or a response was whole. */
export async function exchange(port: number, text: string, host = "127.0.0.1"): Promise<string> {
  using client = await TestClient.open(port, host);
  return await client.send(text).responses(1);
}

/** The status code of a response. */
export function statusOf(response: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(response)?.[1] ?? 0);
}

function countResponses(text: string): number {
  let count = 0;
  let at = 0;
  for (;;) {
    const end = text.indexOf("\r\n\r\n", at);
    if (end < 0) return count;
    const head = text.slice(at, end).toLowerCase();
    const length = /\r\ncontent-length: *(\d+)/.exec(head)?.[1];
    if (/\r\ntransfer-encoding: *chunked/.test(head)) {
      const last = text.indexOf("\r\n0\r\n", end + 2);
      if (last < 0) return count;
      const over = text.indexOf("\r\n\r\n", last + 3);
      if (over < 0) return count;
      at = over + 4;
    } else {
      at = end + 4 + Number(length ?? 0);
      if (at > text.length) return count;
    }
    count++;
  }
}

/** Waits for a condition by asking again; throws after `timeoutMs` with what `describe` says. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 5_000,
  describe: () => string = () => "",
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms; ${describe()}`);
    await sleep(5);
  }
}

/** An HTTP/1.1 application for tests: answers each request through `answer` with raw bytes. */
export function application(
  answer: (request: string, socket: Socket) => string | undefined,
): (socket: Socket) => void {
  return (socket) => {
    let buffered = "";
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      buffered += text;
      for (;;) {
        const request = takeRequest(buffered);
        if (request === undefined) return;
        buffered = buffered.slice(request.length);
        const response = answer(request, socket);
        if (response !== undefined) socket.write(response, "latin1");
      }
    });
    socket.on("end", () => socket.end());
  };
}

/** The first whole request of a stream. */
function takeRequest(text: string): string | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const head = text.slice(0, end).toLowerCase();
  if (/\r\ntransfer-encoding: *chunked/.test(head)) {
    const last = text.indexOf("\r\n0\r\n", end);
    const over = last < 0 ? -1 : text.indexOf("\r\n\r\n", last + 3);
    return over < 0 ? undefined : text.slice(0, over + 4);
  }
  const length = Number(/\r\ncontent-length: *(\d+)/.exec(head)?.[1] ?? 0);
  return text.length < end + 4 + length ? undefined : text.slice(0, end + 4 + length);
}

/** A response with a body. */
export function ok(body: string, headers = ""): string {
  return `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n${headers}\r\n${body}`;
}
