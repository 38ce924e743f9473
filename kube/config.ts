import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { parse } from "yaml";

/** Secret material: given inline, or in a file that may change under us (rotated tokens and certificates). */
export type Source = { readonly data: string } | { readonly file: string };

/** Runs a program that prints an ExecCredential (client.authentication.k8s.io), as cloud providers' kubeconfigs ask. */
export interface ExecPlugin {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly apiVersion: string;
}

/** How to reach one API server, and as whom. */
export interface ClusterConfig {
  /** Base URL, without a trailing slash. */
  readonly server: string;
  /** The context's namespace, or the pod's own in a cluster. */
  readonly namespace: string;
  readonly tlsServerName?: string;
  readonly insecureSkipTlsVerify?: boolean;
  readonly ca?: Source;
  readonly clientCertificate?: Source;
  readonly clientKey?: Source;
  readonly token?: Source;
  readonly basic?: { readonly username: string; readonly password: string };
  readonly exec?: ExecPlugin;
}

const serviceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * Finds the cluster: the kubeconfig named, else $KUBECONFIG, else the service account this pod runs with,
 * else ~/.kube/config. Throws an error that names the file and the entry that is missing.
 */
export async function loadConfig(
  options: {
    kubeconfig?: string | undefined;
    context?: string | undefined;
    env?: NodeJS.ProcessEnv | undefined;
    serviceAccountDirectory?: string | undefined;
  } = {},
): Promise<ClusterConfig> {
  const env = options.env ?? process.env;
  const named = options.kubeconfig ?? env.KUBECONFIG?.split(":").find((part) => part !== "");
  if (named !== undefined) return readKubeconfig(named, options.context);
  const host = env.KUBERNETES_SERVICE_HOST;
  if (host !== undefined && host !== "") {
    return inCluster(host, env.KUBERNETES_SERVICE_PORT ?? "443", options.serviceAccountDirectory);
  }
  return readKubeconfig(join(env.HOME ?? homedir(), ".kube", "config"), options.context);
}

async function inCluster(
  host: string,
  port: string,
  directory = serviceAccountDirectory,
): Promise<ClusterConfig> {
  const namespace = await readFile(join(directory, "namespace"), "utf8").catch(() => "default");
  return {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    namespace: namespace.trim(),
    ca: { file: join(directory, "ca.crt") },
    token: { file: join(directory, "token") },
  };
}

async function readKubeconfig(path: string, context?: string): Promise<ClusterConfig> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new Error(
      `kubeconfig ${path} cannot be read; set KUBECONFIG or pass --kubeconfig with the path of one that can`,
      { cause: error },
    );
  });
  return parseKubeconfig(text, { path, context });
}

/** Reads one context of a kubeconfig; file names in it are relative to the kubeconfig's own folder. */
export function parseKubeconfig(
  text: string,
  where: { path: string; context?: string | undefined },
): ClusterConfig {
  const document = record(parse(text)) ?? {};
  const contextName = where.context ?? string(document["current-context"]) ?? "";
  const entry = (list: string, kind: string, name: string) => {
    const found = array(document[list]).find((item) => string(record(item)?.name) === name);
    const value = record(record(found)?.[kind]);
    if (value !== undefined) return value;
    const names = array(document[list]).map((item) => string(record(item)?.name) ?? "?");
    throw new Error(
      `kubeconfig ${where.path}: ${list} has no entry named "${name}" (found: ${names.join(", ") || "none"})`,
    );
  };
  const context = entry("contexts", "context", contextName);
  const cluster = entry("clusters", "cluster", string(context.cluster) ?? "");
  const userName = string(context.user);
  const user = userName === undefined || userName === "" ? {} : entry("users", "user", userName);
  const server = string(cluster.server);
  if (server === undefined) {
    throw new Error(`kubeconfig ${where.path}: cluster "${string(context.cluster)}" has no server URL`);
  }
  const source = (from: Record<string, unknown>, field: string): Source | undefined => {
    const data = string(from[`${field}-data`]);
    if (data !== undefined) return { data: Buffer.from(data, "base64").toString("utf8") };
    const file = string(from[field]);
    return file === undefined
      ? undefined
      : { file: isAbsolute(file) ? file : join(dirname(where.path), file) };
  };
  const token = string(user.token);
  const username = string(user.username);
  return defined({
    server: server.replace(/\/+$/, ""),
    namespace: string(context.namespace) ?? "default",
    tlsServerName: string(cluster["tls-server-name"]),
    insecureSkipTlsVerify: cluster["insecure-skip-tls-verify"] === true ? true : undefined,
    ca: source(cluster, "certificate-authority"),
    clientCertificate: source(user, "client-certificate"),
    clientKey: source(user, "client-key"),
    token: token === undefined ? tokenFile(user, where.path) : { data: token },
    basic: username === undefined ? undefined : { username, password: string(user.password) ?? "" },
    exec: execPlugin(record(user.exec), where.path),
  });
}

function tokenFile(user: Record<string, unknown>, path: string): Source | undefined {
  const file = string(user.tokenFile);
  return file === undefined ? undefined : { file: isAbsolute(file) ? file : join(dirname(path), file) };
}

function execPlugin(exec: Record<string, unknown> | undefined, path: string): ExecPlugin | undefined {
  if (exec === undefined) return undefined;
  const command = string(exec.command);
  if (command === undefined) throw new Error(`kubeconfig ${path}: the user's exec entry has no command`);
  const env: Record<string, string> = {};
  for (const item of array(exec.env)) {
    const name = string(record(item)?.name);
    if (name !== undefined) env[name] = string(record(item)?.value) ?? "";
  }
  return {
    command: command.includes("/") && !isAbsolute(command) ? join(dirname(path), command) : command,
    args: array(exec.args).filter((arg) => typeof arg === "string"),
    env,
    apiVersion: string(exec.apiVersion) ?? "client.authentication.k8s.io/v1",
  };
}

function defined(config: { [K in keyof ClusterConfig]: ClusterConfig[K] | undefined }): ClusterConfig {
  return Object.fromEntries(
    Object.entries(config).filter(([, value]) => value !== undefined),
  ) as unknown as ClusterConfig;
}

const string = (value: unknown) => (typeof value === "string" ? value : undefined);
const array = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const record = (value: unknown) =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
