/** `weft-proxy`: the sidecar in its pod, or with `--config DIR` a proxy on its own. */

import { checkGrpcHealth } from "../admin/grpc-health.ts";
import { createProber, type ProbeEffects, parseProbes } from "../admin/probes.ts";
import { createApi } from "../config/api/api.ts";
import { after, systemClock } from "../config/clock.ts";
import { createLastGoodStore } from "../config/last-good.ts";
import type { Log } from "../config/log.ts";
import { startKubernetesSource } from "../config/source.ts";
import { createAuthority } from "../identity/authority.ts";
import { startIdentity } from "../identity/identity.ts";
import { dial } from "../net/listen.ts";
import { createOriginalDestination } from "../net/original-destination.ts";
import { createProgramPages } from "../net/program-pages.ts";
import { resolveName } from "../net/resolve.ts";
import { ownThreads } from "../net/threads.ts";
import { dialUnverified } from "../net/tls-unverified.ts";
import { TURN } from "../net/turn.ts";
import { createCredentialReader } from "../origination/credential-objects.ts";
import { Credentials } from "../origination/credentials.ts";
import { ask } from "../upstream/ask.ts";
import { createCompilerDemotion } from "./compilers.ts";
import { createLog } from "./log.ts";
import { partOfMemory } from "./memory.ts";
import { type RunningProxy, startProxy } from "./proxy.ts";
import { collectAtRest } from "./rest.ts";
import { readSettings, type Settings } from "./settings.ts";
import { type Worker, workerOf } from "./worker.ts";

const IDENTITY_FOLDER = "/var/run/secrets/weft";
const STATE_FOLDER = "/var/lib/weft";
/** As many bytes of an application's metrics as a scrape may reasonably have. */
const MAX_APP_METRICS = 16 * 1024 * 1024;
const APP_METRICS_MS = 5_000;

/** A compiler thread lives for seconds at least. */
const NEW_THREADS_MS = 200;

const QUIT = "quitquitquit";

/** A proxy with what it stands on. */
interface Running {
  readonly proxy: RunningProxy;
  readonly drainMs: number;
  /** It drains for all of `drainMs`, connections or not. */
  readonly stays: boolean;
  close(): Promise<void>;
}

/** Runs as `concurrency` processes (0: one a core) until SIGTERM, SIGINT or `POST /quitquitquit`, then drains; resolves with the exit code. */
export async function run(folder: string | undefined, version: string, concurrency: number): Promise<number> {
  let end: (reason: string) => void = () => {};
  const ended = new Promise<string>((resolve) => {
    end = resolve;
  });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => end(signal));

  const quit = () => end(QUIT);
  const worker = workerOf(process.env);
  worker?.orphaned(() => end("the supervisor is gone"));
  if (worker === undefined && concurrency !== 1) {
    const { availableParallelism } = await import("node:os");
    const count = concurrency === 0 ? availableParallelism() : concurrency;
    if (count > 1) return await runWorkers(count, folder, ended, quit);
  }
  const { log, running } =
    folder === undefined
      ? await startSidecar(process.env, version, quit, worker)
      : await startAlone(folder, version, quit, worker);
  process.on("uncaughtException", (error) => {
    running.proxy.countBug();
    log("error", "a bug: one connection was closed for it", { error: error.stack ?? error.message });
  });
  log("info", worker === undefined ? "listening" : "a worker listens", {
    version,
    ports: running.proxy.ports,
  });
  TURN.whileWorking(
    NEW_THREADS_MS,
    createCompilerDemotion(ownThreads(), () => performance.now()),
  );
  const stopCollecting = collectAtRest({
    cpuMs: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    },
    carried: () => running.proxy.carried,
    collect: () => Bun.gc(true),
    forgetCode() {
      Bun.gc(true);
      // As soon as nothing runs.
      Bun.shrink();
    },
    dropProgram: createProgramPages(),
    every: (ms, act) => {
      const timer = setInterval(act, ms);
      return () => clearInterval(timer);
    },
  });
  const reason = await ended;
  stopCollecting();
  log("info", "draining", { reason, boundMs: running.drainMs });
  // Who asks over HTTP knows that the application is done.
  await running.proxy.drain(running.drainMs, running.stays && reason !== QUIT);
  running.proxy.close();
  await running.close();
  log("info", "ended", { reason });
  return 0;
}

const probeEffects: Omit<ProbeEffects, "address"> = {
  plain: dial,
  tls: dialUnverified,
  grpc: checkGrpcHealth,
  after,
};

async function startAlone(
  folder: string,
  version: string,
  quit: () => void,
  worker: Worker | undefined,
): Promise<{ log: Log; running: Running }> {
  const log = logTo("info");
  // A sidecar does not carry what only a proxy on its own needs.
  const { startStandalone } = await import("./standalone.ts");
  const originalDestination = createOriginalDestination();
  const { proxy, close } = await startStandalone({
    folder,
    originalDestination,
    probeEffects,
    version,
    quit,
    log,
    worker,
  });
  return { log, running: { proxy, drainMs: 5_000, stays: false, close } };
}

async function startSidecar(
  env: Readonly<Record<string, string | undefined>>,
  version: string,
  quit: () => void,
  worker: Worker | undefined,
): Promise<{ log: Log; running: Running }> {
  const settings = readSettings(env);
  const log = logTo(settings.logLevel);
  // The certificate takes a round trip to control: ask first, read configuration meanwhile.
  const identity = startIdentity({
    authority: createAuthority({ url: settings.caUrl, tokenFile: `${IDENTITY_FOLDER}/ca-token` }),
    anchors: settings.caRoot,
    clock: systemClock,
    random: Math.random,
    log,
  });
  const api = createApi({
    url: settings.apiUrl,
    tokenFile: `${IDENTITY_FOLDER}/api-token`,
    caFile: `${IDENTITY_FOLDER}/kube-ca.crt`,
  });
  const { namespace } = settings;
  const config = await startKubernetesSource({
    api,
    revision: settings.revision,
    namespace,
    workload: settings.workload,
    labels: settings.labels,
    node: settings.node,
    clusterDomain: settings.clusterDomain,
    lastGood: createLastGoodStore(STATE_FOLDER, systemClock, log),
    clock: systemClock,
    random: Math.random,
    resolve: resolveName,
    log,
  });
  const trust = () => identity.updateTrustBundle(config.view()?.trustBundle ?? "");
  config.onChange(trust);
  identity.onChange(trust);
  const proxy = startProxy({
    config,
    identity,
    credentials: new Credentials({
      namespace,
      read: createCredentialReader(api, namespace),
      clock: systemClock,
    }),
    originalDestination: createOriginalDestination(),
    listeners: {
      outbound: [{ host: ANY, port: 15001 }],
      inbound: [{ host: ANY, port: 15006 }],
      mutual: { host: ANY, port: 15008 },
      admin: SIDECAR_ADMIN,
    },
    workload: { name: settings.workload, namespace, labels: settings.labels },
    trustDomain: settings.trustDomain,
    accessLogEncoding: "TEXT",
    pages: {
      appMetrics: appMetrics(settings),
      probe: createProber(parseProbes(settings.appProbes), {
        address: podAddress(settings),
        ...probeEffects,
      }),
      version,
    },
    quit,
    log,
    worker,
  });
  return {
    log,
    running: {
      proxy,
      drainMs: settings.drainSeconds * 1000,
      // A native sidecar is told to end when its application has.
      stays: settings.endsWithApplication,
      async close() {
        await Promise.all([config.close(), identity.close()]);
      },
    },
  };
}

/** IPv6 and IPv4 alike. */
const ANY = "::";
const SIDECAR_ADMIN = {
  all: { host: ANY, port: 15020 },
  readiness: { host: ANY, port: 15021 },
  metrics: { host: ANY, port: 15090 },
};

/** So many workers and a supervisor; see `supervisor.ts`, which a proxy of one process does not load. */
async function runWorkers(
  count: number,
  folder: string | undefined,
  ended: Promise<string>,
  quit: () => void,
): Promise<number> {
  const { supervise } = await import("./supervisor.ts");
  const { ownCommand } = await import("../net/workers.ts");
  const settings = folder === undefined ? readSettings(process.env) : undefined;
  const log = logTo(settings?.logLevel ?? "info");
  const file =
    folder === undefined
      ? undefined
      : await (await import("./supervised-file.ts")).superviseFile(folder, log);
  return await supervise(
    {
      count,
      command: [...ownCommand(), ...(folder === undefined ? [] : ["--config", folder])],
      env: { ...process.env, ...partOfMemory(process.env, count) },
      admin: file?.admin ?? SIDECAR_ADMIN,
      file,
      appMetrics: settings === undefined ? undefined : appMetrics(settings),
      log,
    },
    ended,
    quit,
  );
}

function podAddress(settings: Settings): string {
  return settings.podIps[0] ?? "127.0.0.1";
}

function appMetrics(settings: Settings): (() => Promise<string>) | undefined {
  const target = settings.appMetrics;
  if (target === undefined) return undefined;
  const address = podAddress(settings);
  return async () => {
    const answer = await ask({
      connect: (events) => dial(address, target.port, events),
      method: "GET",
      path: target.path,
      headers: [
        ["host", `${address}:${target.port}`],
        ["accept", "text/plain; version=0.0.4"],
      ],
      timeoutMs: APP_METRICS_MS,
      maxBytes: MAX_APP_METRICS,
      after,
    });
    if (answer.status !== 200) throw new Error(`GET :${target.port}${target.path} answered ${answer.status}`);
    return answer.body.toString("utf8");
  };
}

function logTo(level: Settings["logLevel"]): Log {
  // `console.error` adds the line's end; `process.stderr` would cost the idle sidecar 2 MB of stream machinery.
  return createLog(level, (line) => console.error(line.trimEnd()), Date.now);
}
