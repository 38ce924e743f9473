/**
 * `weft-proxy --config DIR`: a proxy without Kubernetes. `DIR/*.json` holds ServiceConfigs and a WorkloadConfig;
 * `DIR/proxy/proxy.json` says where to listen, and names the PEM files of an identity. All of it may change while it runs.
 */
import { createProber, type ProbeEffects } from "../admin/probes.ts";
import { systemClock } from "../config/clock.ts";
import type { Log } from "../config/log.ts";
import { startStaticSource } from "../config/static.ts";
import type { Identity, IdentitySource } from "../identity/source.ts";
import type { OriginalDestination } from "../net/original-destination.ts";
import { resolveName } from "../net/resolve.ts";
import { fileIn, foldersOf, follow, readFileIn } from "./followed-file.ts";
import { type RunningProxy, startProxy } from "./proxy.ts";
import { parseStandaloneFile, type StandaloneSettings } from "./standalone-file.ts";
import type { Ports, Worker } from "./worker.ts";

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

/** Starts the proxy. Throws StandaloneFileError for a `proxy.json` that cannot be used, FolderError for the objects. */
export async function startStandalone(options: StandaloneOptions): Promise<Standalone> {
  const { folder, log, worker } = options;
  const file = fileIn(folder);
  let text = worker?.file ?? (await readFileIn(folder));
  let settings = parseStandaloneFile(file, text);
  const identity = new StandaloneIdentity();
  identity.replace(await identityOf(file, settings));
  const config = await startStaticSource({
    folder,
    clusterDomain: "cluster.local",
    clock: systemClock,
    random: Math.random,
    resolve: resolveName,
    log,
  });
  const view = config.view();
  const proberOf = ({ probes }: StandaloneSettings) =>
    createProber(probes, { address: "127.0.0.1", ...options.probeEffects });
  let prober = proberOf(settings);
  const proxy = startProxy({
    config,
    identity,
    credentials: undefined,
    originalDestination: options.originalDestination,
    listeners: settings.listeners,
    workload: {
      name: view?.workload.name ?? "standalone",
      namespace: view?.workload.namespace ?? "default",
      labels: view?.workload.labels ?? {},
    },
    trustDomain: view?.trustDomain ?? "cluster.local",
    pages: { appMetrics: undefined, probe: (path) => prober(path), version: options.version },
    quit: options.quit,
    accessLogEncoding: settings.accessLogEncoding,
    log,
    worker,
  });

  /** Takes all of it or, when it throws, nothing. */
  const take = async (nextText: string): Promise<Ports> => {
    const next = parseStandaloneFile(file, nextText);
    const nextIdentity = await identityOf(file, next);
    const isAnother = !isSame(nextIdentity, identity.current());
    if (nextText !== text) {
      const previous = identity.replace(nextIdentity);
      try {
        proxy.listen(next.listeners);
      } catch (error) {
        identity.replace(previous);
        throw error;
      }
      [text, settings, prober] = [nextText, next, proberOf(next)];
      proxy.logAs(next.accessLogEncoding);
      // Of several processes the supervisor speaks.
      if (worker === undefined) log("info", "another proxy.json is in force", { ports: proxy.ports });
    }
    if (isAnother) {
      identity.replace(nextIdentity);
      if (nextIdentity !== undefined)
        log("info", "another certificate is in use", { identity: nextIdentity.spiffeId });
      identity.tell();
    }
    return proxy.ports;
  };
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = (act: () => Promise<Ports>): Promise<Ports> => {
    const result = last.then(act);
    last = result.catch(() => {});
    return result;
  };
  worker?.onFile((next) => inTurn(() => take(next)));
  const unfollow = follow({
    folders: () => foldersOf(folder, settings),
    // A worker hears of another `proxy.json` from its supervisor; certificates it reads itself.
    apply: async () =>
      void (await inTurn(async () => take(worker === undefined ? await readFileIn(folder) : text))),
    clock: systemClock,
    log,
  });
  return {
    proxy,
    async close() {
      unfollow();
      await config.close();
    },
  };
}

async function identityOf(file: string, { identity }: StandaloneSettings): Promise<Identity | undefined> {
  if (identity === undefined) return undefined;
  // Who has no identity does not pay for `node:crypto`.
  const { readIdentity } = await import("./standalone-identity.ts");
  try {
    return await readIdentity(file.slice(0, file.lastIndexOf("/")), identity);
  } catch (error) {
    throw new TypeError(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function isSame(a: Identity | undefined, b: Identity | undefined): boolean {
  return a?.certChainPem === b?.certChainPem && a?.keyPem === b?.keyPem && a?.trustBundle === b?.trustBundle;
}

/** An identity that is replaced by hand. */
class StandaloneIdentity implements IdentitySource {
  #current: Identity | undefined;
  readonly #listeners = new Set<() => void>();

  current(): Identity | undefined {
    return this.#current;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Returns what was there. Nobody is told yet. */
  replace(next: Identity | undefined): Identity | undefined {
    const previous = this.#current;
    this.#current = next;
    return previous;
  }

  tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
