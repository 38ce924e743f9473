/** One running proxy: its listeners, stacks and admin ports, from parts that Kubernetes or a folder provides. */

import { adminPages, metricsPages, type PageSources, readinessPages } from "../admin/pages.ts";
import { createAdmin } from "../admin/server.ts";
import { after } from "../config/clock.ts";
import { createKernelBuffers } from "../net/kernel-buffers.ts";
import { type ListenOptions, listen } from "../net/listen.ts";
import { PRESSURE } from "../net/pressure.ts";
import { inTrustDomain } from "../net/spiffe.ts";
import { listenMutual } from "../net/tls.ts";
import { ALPN_HTTP1, ALPN_HTTP2, ALPN_TCP } from "../stacks/context.ts";
import { createInbound } from "../stacks/inbound.ts";
import { createOutbound } from "../stacks/outbound.ts";
import type { Encoding } from "../telemetry/access-log.ts";
import { UNKNOWN, workloadOf } from "../telemetry/labels.ts";
import { createContext, type Sources } from "./context.ts";
import {
  type Accept,
  type ListenerLayout,
  type ListenerSettings,
  Listeners,
  type Wanted,
} from "./listeners.ts";
import { Mutual } from "./mutual.ts";
import { WORKER_ADMIN, type Worker } from "./worker.ts";

export interface ProxyParts extends Sources {
  readonly listeners: ListenerLayout;
  /** Who this workload is, for metrics and peers. */
  readonly workload: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly trustDomain: string;
  readonly pages: Pick<PageSources, "appMetrics" | "probe" | "version">;
  readonly quit: () => void;
  /** Where the WorkloadConfig names none. */
  readonly accessLogEncoding: Encoding;
  /** Set when this process shares its ports with others. */
  readonly worker: Worker | undefined;
}

export interface RunningProxy {
  /** Ports by name, for listeners that asked for port 0. */
  readonly ports: Readonly<Record<string, number>>;
  /** What it has carried, in requests; a KiB of opaque bytes counts as one. */
  readonly carried: number;
  /**
   * Listens elsewhere: what is not in the layout any more accepts no more, and its connections live on. Throws ListenError when
   * an address cannot be had; nothing has changed then. A proxy that drains keeps to what it has.
   */
  listen(layout: ListenerLayout): void;
  /** Writes lines of the access log from now on like this. */
  logAs(encoding: Encoding): void;
  /**
   * Takes no new inbound connections and asks those there are to end; outbound ones are still taken, for an application that
   * has last words. Resolves when none is left, or `boundMs` have passed and the rest is broken off. With `stay`, not before
   * `boundMs` have passed: the application is told to end at the same time, and may open connections to the last.
   */
  drain(boundMs: number, stay: boolean): Promise<void>;
  /** Counts an exception that no code of ours expected. */
  countBug(): void;
  close(): void;
}

/** No connection for so long after the last has ended: the application has said its last words. */
const QUIET_MS = 100;

/** Starts listening at once; mutual TLS as soon as there is an identity. */
export function startProxy(parts: ProxyParts): RunningProxy {
  const { config, identity, log } = parts;
  PRESSURE.buffers = createKernelBuffers();
  PRESSURE.collect = () => void after(0, () => Bun.gc(true));
  const context = createContext(parts);
  const { telemetry, accessLog, connections, wheel, now } = context;
  let { accessLogEncoding } = parts;
  const logAsConfigured = () => {
    const { accessLog: enabled = false, accessLogEncoding: encoding } = config.view()?.telemetry ?? {};
    accessLog.enabled = enabled;
    accessLog.encoding = encoding ?? accessLogEncoding;
  };
  logAsConfigured();
  const self = workloadOf(parts.workload.name, parts.workload.namespace, parts.workload.labels, UNKNOWN);
  const outbound = createOutbound(context, self);
  const inbound = createInbound(context, self);

  const { worker } = parts;
  let draining = false;
  const mutual = new Mutual((where, current) =>
    listenMutual(
      {
        ...where,
        port: where.sharedPort ?? where.port,
        alpn: [ALPN_HTTP2, ALPN_HTTP1, ALPN_TCP],
        wheel,
        now: Date.now,
        accepts: (id: string) => inTrustDomain(id, config.view()?.trustDomain ?? parts.trustDomain),
        refused: (reason: string) => void telemetry.handshakeFailures.of(reason).value++,
      },
      current,
      inbound.mutual,
    ),
  );
  const pages: PageSources = {
    ...parts.pages,
    config,
    identity,
    get needsIdentity() {
      return mutual.isWanted;
    },
    draining: () => draining,
    metrics: () => telemetry.page(),
    drain: () => startDraining(),
    quit: parts.quit,
  };
  const adminOptions = {
    wheel,
    writer: context.writer,
    refused: (code: number) => telemetry.refusedHttp(code),
  };
  const accepts = {
    outbound,
    inbound: inbound.plaintext,
    admin: createAdmin(adminPages(pages), adminOptions),
    readiness: createAdmin(readinessPages(pages), adminOptions),
    metrics: createAdmin(metricsPages(pages), adminOptions),
  };
  const listeners = new Listeners(listen);
  const mutualFor = ({ mutual: where }: ListenerLayout) => where && shared(worker, "mutual", where);
  const change = (layout: ListenerLayout) => {
    const plain = listeners.prepare(wantedOf(layout, accepts, worker));
    try {
      mutual.prepare(mutualFor(layout), identity.current()).commit();
    } catch (error) {
      plain.abandon();
      throw error;
    }
    plain.commit();
    log("debug", "listening", { ports: portsNow() });
  };
  const portsNow = (): Record<string, number> => {
    const { port } = mutual;
    return port === undefined ? listeners.ports : { ...listeners.ports, mutual: port };
  };
  change(parts.listeners);
  worker?.listening(portsNow());

  const identified = () => {
    const had = mutual.port !== undefined;
    if (mutual.use(identity.current())) telemetry.rotations.of().value++;
    else if (!had && mutual.port !== undefined) worker?.listening(portsNow());
  };
  const configured = () => {
    telemetry.configChanges.of().value++;
    logAsConfigured();
  };
  const stopWatching = [identity.onChange(identified), config.onChange(configured)];
  if (config.view() !== undefined) configured();

  const startDraining = () => {
    if (draining) return;
    draining = true;
    listeners.stop((name) => name.startsWith("inbound"));
    mutual.stop();
    connections.drain();
  };

  return {
    get ports() {
      return portsNow();
    },
    get carried() {
      return telemetry.requests.total + telemetry.tcp.bytes / 1024;
    },
    listen(layout) {
      if (!draining) change(layout);
    },
    logAs(encoding) {
      accessLogEncoding = encoding;
      logAsConfigured();
    },
    async drain(boundMs, stay) {
      startDraining();
      const deadline = now() + boundMs;
      let quietSince = now();
      while (now() < deadline) {
        if (connections.size > 0) quietSince = now();
        else if (!stay && now() - quietSince >= QUIET_MS) break;
        await new Promise<void>((resolve) => void after(20, resolve));
      }
      if (connections.size > 0)
        log("warn", "connections were broken off: the drain took too long", { open: connections.size });
      connections.destroy();
    },
    countBug() {
      telemetry.bugs.of().value++;
    },
    close() {
      for (const stop of stopWatching) stop();
      listeners.stop(() => true);
      mutual.stop();
      connections.destroy();
      accessLog.flush();
      wheel.close();
    },
  };
}

/** Each listener with its name and its handler. */
function wantedOf(
  layout: ListenerLayout,
  accepts: Readonly<Record<"outbound" | "inbound" | "admin" | "readiness" | "metrics", Accept>>,
  worker: Worker | undefined,
): Wanted[] {
  const wanted: Wanted[] = [];
  const add = (name: string, where: ListenerSettings | undefined, accept: Accept) => {
    if (where !== undefined) wanted.push({ ...shared(worker, name, where), name, accept });
  };
  for (const side of ["outbound", "inbound"] as const) {
    for (const [at, each] of layout[side].entries()) add(`${side}${at || ""}`, each, accepts[side]);
  }
  // A worker answers its supervisor, which answers everybody else.
  const { all, readiness, metrics } =
    worker === undefined ? layout.admin : { all: WORKER_ADMIN, readiness: undefined, metrics: WORKER_ADMIN };
  add("admin", all, accepts.admin);
  add("readiness", readiness, accepts.readiness);
  add("metrics", metrics, accepts.metrics);
  return wanted;
}

/** Several processes listen at one address; the port that the system has chosen for the first is everyone's. */
function shared<T extends ListenOptions>(
  worker: Worker | undefined,
  name: string,
  where: T,
): T & { readonly sharedPort?: number | undefined } {
  return worker === undefined || where === WORKER_ADMIN
    ? where
    : { ...where, shared: true, sharedPort: worker.portOf(name) };
}
