/**
 * The kubelet's probes on the application's behalf: asked of us on an admin port, asked by us of the application at the pod's
 * own address, as the kubelet would, so that STRICT mutual TLS does not fail them.
 */
import type { Dial, DialEvents } from "../net/listen.ts";
import { ask } from "../upstream/ask.ts";
import type { AdminResponse } from "./server.ts";

/** One rewritten probe, as the injector wrote it: the kubelet's own fields, ports resolved. */
export interface AppProbe {
  readonly timeoutSeconds?: number;
  readonly httpGet?: {
    readonly path?: string;
    readonly port: number;
    readonly scheme?: string;
    readonly httpHeaders?: readonly { readonly name: string; readonly value: string }[];
  };
  readonly tcpSocket?: { readonly port: number };
  readonly grpc?: { readonly port: number; readonly service?: string };
}

export interface ProbeEffects {
  /** The address of the application: the pod's. */
  readonly address: string;
  plain(host: string, port: number, events: DialEvents): Dial;
  /** TLS without verification, as the kubelet's. */
  tls(host: string, port: number, events: DialEvents): Dial;
  /** gRPC health check: true when SERVING. */
  grpc(host: string, port: number, service: string, timeoutMs: number): Promise<boolean>;
  after(ms: number, run: () => void): () => void;
}

/** The kubelet reads no more than 10 KiB of a probe's answer. */
const MAX_BYTES = 10 * 1024;

/** The probe table of `WEFT_APP_PROBES`. Throws TypeError for text that is no JSON object. */
export function parseProbes(text: string | undefined): ReadonlyMap<string, AppProbe> {
  if (text === undefined || text === "") return new Map();
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError("WEFT_APP_PROBES: expected a JSON object of probes by path");
  }
  return new Map(Object.entries(value as Record<string, AppProbe>));
}

/** Asks the application; undefined when no probe has this path. */
export function createProber(
  probes: ReadonlyMap<string, AppProbe>,
  effects: ProbeEffects,
): (path: string) => Promise<AdminResponse> | undefined {
  return (path) => {
    const probe = probes.get(path);
    return probe === undefined ? undefined : run(probe, effects);
  };
}

async function run(probe: AppProbe, effects: ProbeEffects): Promise<AdminResponse> {
  const timeoutMs = Math.max(probe.timeoutSeconds ?? 1, 1) * 1000;
  try {
    if (probe.httpGet !== undefined) return await http(probe.httpGet, effects, timeoutMs);
    if (probe.tcpSocket !== undefined) return await tcp(probe.tcpSocket.port, effects, timeoutMs);
    if (probe.grpc !== undefined) {
      const serving = await effects.grpc(
        effects.address,
        probe.grpc.port,
        probe.grpc.service ?? "",
        timeoutMs,
      );
      return serving ? OK : { status: 503, body: "the application's gRPC health is not SERVING\n" };
    }
    return { status: 500, body: "the probe has none of httpGet, tcpSocket and grpc\n" };
  } catch (error) {
    return { status: 503, body: `${error instanceof Error ? error.message : String(error)}\n` };
  }
}

const OK: AdminResponse = { status: 200, body: "" };

async function http(
  get: NonNullable<AppProbe["httpGet"]>,
  effects: ProbeEffects,
  timeoutMs: number,
): Promise<AdminResponse> {
  const { address } = effects;
  const headers = (get.httpHeaders ?? []).map(({ name, value }) => [name, value] as const);
  const has = (name: string) => headers.some(([each]) => each.toLowerCase() === name);
  const authority = `${address.includes(":") ? `[${address}]` : address}:${get.port}`;
  const defaults: [string, string][] = [];
  if (!has("host")) defaults.push(["host", authority]);
  if (!has("user-agent")) defaults.push(["user-agent", "kube-probe/weft"]);
  if (!has("accept")) defaults.push(["accept", "*/*"]);
  const dial = get.scheme === "HTTPS" ? effects.tls : effects.plain;
  const path = get.path === undefined || get.path === "" ? "/" : get.path;
  const answer = await ask({
    connect: (events) => dial(address, get.port, events),
    method: "GET",
    path: path.startsWith("/") ? path : `/${path}`,
    headers: [...defaults, ...headers],
    timeoutMs,
    maxBytes: MAX_BYTES * 100,
    after: effects.after,
  });
  return { status: answer.status, body: answer.body.toString("utf8", 0, MAX_BYTES) };
}

function tcp(port: number, effects: ProbeEffects, timeoutMs: number): Promise<AdminResponse> {
  return new Promise((resolve, reject) => {
    const cancel = effects.after(timeoutMs, () => {
      dial.cancel();
      reject(new Error(`no connection within ${timeoutMs} ms`));
    });
    const dial = effects.plain(effects.address, port, {
      connected(socket) {
        cancel();
        socket.destroy();
        resolve(OK);
      },
      failed(error) {
        cancel();
        reject(new Error(error.message));
      },
    });
  });
}
