import { execFile, spawn } from "node:child_process";
import { resolve } from "node:path";
import { parseAllDocuments, stringify } from "yaml";
import { type Pace, poll } from "./poll.ts";

/** The repository's root: the end-to-end tests drive the same scripts as a person does. */
export const root = resolve(import.meta.dirname, "../..");

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command and returns what it printed; rejects only when it can't be started or runs out of time. */
export function run(
  command: string,
  args: readonly string[],
  options: { input?: string; timeoutMs?: number } = {},
): Promise<Output> {
  return new Promise((fulfil, reject) => {
    const child = execFile(
      command,
      [...args],
      { cwd: root, maxBuffer: 64 << 20, timeout: options.timeoutMs ?? 120_000, killSignal: "SIGKILL" },
      (error, stdout, stderr) => {
        if (error !== null && typeof error.code !== "number") {
          reject(new Error(`${command} ${args.join(" ")}: ${error.message}\n${stderr}`));
          return;
        }
        fulfil({ code: error === null ? 0 : Number(error.code), stdout, stderr });
      },
    );
    if (options.input !== undefined) child.stdin?.end(options.input);
  });
}

/** `kubectl ARGS`, which must succeed; returns its standard output. */
export async function kubectl(
  args: readonly string[],
  options: { input?: string; timeoutMs?: number } = {},
): Promise<string> {
  const output = await run(resolve(root, "hack/kubectl"), args, options);
  if (output.code !== 0)
    throw new Error(
      `kubectl ${args.join(" ")} exited with ${output.code}:\n${output.stderr}${output.stdout}`,
    );
  return output.stdout;
}

const listeners = new Set<(objects: readonly object[]) => void>();

/** Hears of all objects that this file's tests apply from now on, once the API server has taken them. */
export function onApply(listener: (objects: readonly object[]) => void): void {
  listeners.add(listener);
}

/** `kubectl apply` of manifests as text, which must succeed; returns what it had to say besides, such as warnings. */
export async function applyText(text: string, args: readonly string[] = []): Promise<string> {
  const output = await run(resolve(root, "hack/kubectl"), ["apply", ...args, "-f", "-"], { input: text });
  if (output.code !== 0)
    throw new Error(`kubectl apply exited with ${output.code}:\n${output.stderr}${text}`);
  const objects = parseAllDocuments(text).map((document) => document.toJS() as object);
  for (const tell of listeners) tell(objects);
  return output.stderr;
}

/** Applies objects; rejects with kubectl's own text when the API server refuses one. */
export async function apply(...objects: readonly object[]): Promise<void> {
  await applyText(objects.map((o) => stringify(o)).join("---\n"));
}

/** What `kubectl apply` says of objects that may be refused. */
export function tryApply(...objects: readonly object[]): Promise<Output> {
  return run(resolve(root, "hack/kubectl"), ["apply", "-f", "-"], {
    input: objects.map((o) => stringify(o)).join("---\n"),
  });
}

export async function get<T>(args: readonly string[]): Promise<T> {
  return JSON.parse(await kubectl(["get", ...args, "-o", "json"])) as T;
}

/** The pods of a namespace, those that have the labels when these are given. */
export async function podsIn<Pod>(ns: string, labels?: string): Promise<Pod[]> {
  const selector = labels === undefined ? [] : ["-l", labels];
  return (await get<{ items: Pod[] }>(["pods", "-n", ns, ...selector])).items;
}

/** As `poll`, at the pace of a cluster. */
export function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined | false>,
  pace: Partial<Pace> = {},
): Promise<T> {
  return poll(what, probe, { timeoutMs: 60_000, everyMs: 250, ...pace });
}

/** A namespace with the mesh on or off, deleted with everything in it by `dispose`. */
export async function namespace(
  name: string,
  options: { injected: boolean },
): Promise<AsyncDisposable & { name: string }> {
  await apply({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name, labels: options.injected ? { "istio-injection": "enabled" } : {} },
  });
  return {
    name,
    [Symbol.asyncDispose]: async () => {
      await kubectl(["delete", "namespace", name, "--ignore-not-found", "--wait=true", "--timeout=120s"]);
    },
  };
}

export interface Workload {
  readonly name: string;
  readonly namespace: string;
  readonly app?: string;
  readonly version?: string;
  readonly replicas?: number;
  readonly serviceAccount?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

/** A Deployment of the test application (container `app`, port 8080), with its ServiceAccount. */
export function deployment(workload: Workload): object[] {
  const { name, namespace: ns, app = name, version = "v1", serviceAccount = app } = workload;
  const labels = { app, version, ...workload.labels };
  const environment = { PORT: "8080", SERVICE: app, VERSION: version, ...workload.env };
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: serviceAccount, namespace: ns } },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name, namespace: ns },
      spec: {
        replicas: workload.replicas ?? 1,
        selector: { matchLabels: { app, version } },
        template: {
          metadata: { labels, annotations: workload.annotations ?? {} },
          spec: {
            serviceAccountName: serviceAccount,
            terminationGracePeriodSeconds: 30,
            containers: [
              {
                name: "app",
                image: "weft.dev/test-app:dev",
                imagePullPolicy: "IfNotPresent",
                ports: [{ name: "http", containerPort: 8080 }],
                env: Object.entries(environment).map(([key, value]) => ({ name: key, value })),
                readinessProbe: { httpGet: { path: "/healthz", port: "http" }, periodSeconds: 1 },
              },
            ],
          },
        },
      },
    },
  ];
}

/** A Service on port 8080 named `http`, for all pods with label `app`. */
export function service(ns: string, app: string, options: { portName?: string; name?: string } = {}): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: options.name ?? app, namespace: ns },
    spec: { selector: { app }, ports: [{ name: options.portName ?? "http", port: 8080, targetPort: 8080 }] },
  };
}

export async function rollout(ns: string, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    await kubectl(["rollout", "status", `deployment/${name}`, "-n", ns, "--timeout=90s"]);
  }
}

/** What `app call` prints. */
export interface CallSummary {
  readonly requests: number;
  readonly ok: number;
  readonly byVersion: Readonly<Record<string, number>>;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly errors: Readonly<Record<string, number>>;
  readonly latency_ms: {
    readonly p50: number;
    readonly p90: number;
    readonly p99: number;
    readonly max: number;
  };
}

export interface CallOptions {
  readonly count?: number;
  readonly concurrency?: number;
  readonly rate?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: string;
  readonly keepalive?: boolean;
  readonly timeoutMs?: number;
}

export function callArguments(url: string, options: CallOptions): string[] {
  return [
    "app",
    "call",
    "--url",
    url,
    "--count",
    String(options.count ?? 1),
    "--concurrency",
    String(options.concurrency ?? 1),
    ...(options.rate === undefined ? [] : ["--rate", String(options.rate)]),
    ...(options.method === undefined ? [] : ["--method", options.method]),
    ...(options.keepalive === undefined ? [] : [`--keepalive=${options.keepalive}`]),
    ...(options.timeoutMs === undefined ? [] : ["--timeout", `${options.timeoutMs}ms`]),
    ...Object.entries(options.headers ?? {}).flatMap(([name, value]) => ["--header", `${name}:${value}`]),
    "-o",
    "json",
  ];
}

/** Requests from inside `from` (`deploy/NAME` or `pod/NAME`), as the application there would make them. */
export async function call(
  ns: string,
  from: string,
  url: string,
  options: CallOptions = {},
): Promise<CallSummary> {
  const output = await run(resolve(root, "hack/kubectl"), [
    "exec",
    "-n",
    ns,
    from,
    "-c",
    "app",
    "--",
    ...callArguments(url, options),
  ]);
  try {
    return JSON.parse(output.stdout) as CallSummary;
  } catch {
    throw new Error(`app call ${url} from ${from} printed no summary: ${output.stderr}${output.stdout}`);
  }
}

/** One answer. */
export interface Answer {
  readonly status: number;
  /** By their lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

/** One request from inside `from`, and what came back. */
export async function ask(
  ns: string,
  from: string,
  url: string,
  options: Pick<CallOptions, "method" | "headers"> = {},
): Promise<Answer> {
  const [, ...args] = callArguments(url, options);
  return app(ns, from, ...args, "--answer");
}

/** What a command of the test application prints when it runs inside `from`. */
export async function app<T>(ns: string, from: string, ...args: readonly string[]): Promise<T> {
  return JSON.parse(await kubectl(["exec", "-n", ns, from, "-c", "app", "--", "app", ...args])) as T;
}

/** Traffic that runs in the background until `stop`, which returns the summary of all of it. */
export function traffic(
  ns: string,
  from: string,
  url: string,
  options: CallOptions,
): { stop(): Promise<CallSummary> } {
  const result = call(ns, from, url, options);
  result.catch(() => undefined);
  return { stop: () => result };
}

/** A process on this machine that the test started and will end. */
export function start(command: string, args: readonly string[]): { stop(): Promise<void> } {
  const child = spawn(command, args, { cwd: root, stdio: "ignore" });
  const ended = new Promise<void>((fulfil) => child.on("exit", () => fulfil()));
  return {
    stop: async () => {
      child.kill("SIGTERM");
      await ended;
    },
  };
}
