/**
 * `weft-proxy --config DIR`: a proxy without Kubernetes. `DIR/*.json` holds ServiceConfigs and a WorkloadConfig;
 * `DIR/proxy/proxy.json` says where to listen, and names the PEM files of an identity beside it.
 */
import { readFile } from "node:fs/promises";
import { createProber, type ProbeEffects, parseProbes } from "../admin/probes.ts";
import { systemClock } from "../config/clock.ts";
import type { Log } from "../config/log.ts";
import { startStaticSource } from "../config/static.ts";
import type { IdentitySource } from "../config/view.ts";
import type { OriginalDestination } from "../net/original-destination.ts";
import { resolveName } from "../net/resolve.ts";
import { ENCODINGS, type Encoding } from "../telemetry/access-log.ts";
import { type ListenerSettings, type ProxyParts, type RunningProxy, startProxy } from "./proxy.ts";
import type { IdentityFiles } from "./standalone-identity.ts";
import type { Worker } from "./worker.ts";

/** `DIR/proxy/proxy.json`. Addresses are `HOST:PORT`; port 0 lets the system choose. */
interface StandaloneFile {
  readonly outbound?: readonly { readonly listen: string; readonly destination?: string }[];
  readonly inbound?: readonly { readonly listen: string; readonly destination?: string }[];
  readonly mutual?: string;
  readonly admin?: string;
  readonly readiness?: string;
  readonly metrics?: string;
  /** File names in `DIR/proxy`. */
  readonly identity?: IdentityFiles;
  /** `TEXT`, which is the default, or `JSON`; that there is an access log, the WorkloadConfig says. */
  readonly accessLogEncoding?: string;
  /** As `WEFT_APP_PROBES`. */
  readonly probes?: Readonly<Record<string, unknown>>;
}

export interface StandaloneOptions {
  readonly folder: string;
  readonly originalDestination: OriginalDestination;
  readonly probeEffects: Omit<ProbeEffects, "address">;
  readonly version: string;
  readonly quit: () => void;
  readonly log: Log;
  readonly worker: Worker | undefined;
}

export interface Standalone {
  readonly proxy: RunningProxy;
  close(): Promise<void>;
}

/** Starts the proxy. Throws TypeError for a `proxy.json` that cannot be used, ConfigError for the objects. */
export async function startStandalone(options: StandaloneOptions): Promise<Standalone> {
  const { folder, log } = options;
  const file = await readProxyFile(`${folder}/proxy/proxy.json`);
  const config = await startStaticSource({
    folder,
    clusterDomain: "cluster.local",
    clock: systemClock,
    random: Math.random,
    resolve: resolveName,
    log,
  });
  const view = config.view();
  const identity =
    file.identity === undefined
      ? undefined
      : await (await import("./standalone-identity.ts")).startFileIdentity(
          `${folder}/proxy`,
          file.identity,
          log,
        );
  const proxy = startProxy({
    config,
    identity: identity ?? NO_IDENTITY,
    originalDestination: options.originalDestination,
    outbound: (file.outbound ?? []).map(listener),
    inbound: (file.inbound ?? []).map(listener),
    mutual: file.mutual === undefined ? undefined : address(file.mutual),
    admin: adminIn(file),
    workload: {
      name: view?.workload.name ?? "standalone",
      namespace: view?.workload.namespace ?? "default",
      labels: view?.workload.labels ?? {},
    },
    trustDomain: view?.trustDomain ?? "cluster.local",
    pages: {
      appMetrics: undefined,
      probe: createProber(parseProbes(JSON.stringify(file.probes ?? {})), {
        address: "127.0.0.1",
        ...options.probeEffects,
      }),
      version: options.version,
    },
    quit: options.quit,
    accessLogEncoding: encodingOf(file.accessLogEncoding),
    log,
    worker: options.worker,
  });
  return {
    proxy,
    async close() {
      identity?.close();
      await config.close();
    },
  };
}

/** Where the folder's proxy answers for itself. */
export async function adminOf(folder: string): Promise<ProxyParts["admin"]> {
  return adminIn(await readProxyFile(`${folder}/proxy/proxy.json`));
}

function adminIn(file: StandaloneFile): ProxyParts["admin"] {
  return {
    ...(file.admin === undefined ? {} : { all: address(file.admin) }),
    ...(file.readiness === undefined ? {} : { readiness: address(file.readiness) }),
    ...(file.metrics === undefined ? {} : { metrics: address(file.metrics) }),
  };
}

function encodingOf(text = "TEXT"): Encoding {
  const encoding = ENCODINGS.find((each) => each === text);
  if (encoding === undefined) {
    throw new TypeError(`proxy.json: accessLogEncoding: expected ${ENCODINGS.join(" or ")}, found ${text}`);
  }
  return encoding;
}

const NO_IDENTITY: IdentitySource = { current: () => undefined, onChange: () => () => {} };

async function readProxyFile(path: string): Promise<StandaloneFile> {
  const value: unknown = JSON.parse(await readFile(path, "utf8"));
  if (typeof value !== "object" || value === null) throw new TypeError(`${path}: expected a JSON object`);
  return value as StandaloneFile;
}

function listener({
  listen,
  destination,
}: {
  readonly listen: string;
  readonly destination?: string;
}): ListenerSettings {
  if (destination === undefined) return address(listen);
  const { host, port } = address(destination);
  return { ...address(listen), destination: { address: host, port } };
}

function address(text: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw new TypeError(`proxy.json: expected HOST:PORT, found ${text}`);
  return { host: match[1] ?? match[2] ?? "", port };
}
