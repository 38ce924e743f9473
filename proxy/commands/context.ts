/** The world of one proxy's stacks: the real clock, dials, files and descriptors, and what the process has one of. */
import { writeSync } from "node:fs";
import { after } from "../config/clock.ts";
import type { Log } from "../config/log.ts";
import type { ConfigSource } from "../config/view.ts";
import { HeadWriter } from "../http1/head-writer.ts";
import type { IdentitySource } from "../identity/source.ts";
import { dial } from "../net/listen.ts";
import type { OriginalDestination } from "../net/original-destination.ts";
import { TimerWheel } from "../net/timer-wheel.ts";
import { dialMutual } from "../net/tls.ts";
import { dialOrigin } from "../net/tls-origin.ts";
import { TURN } from "../net/turn.ts";
import type { Credentials } from "../origination/credentials.ts";
import { systemFiles, TlsFiles } from "../origination/files.ts";
import { TlsMaterials } from "../origination/material.ts";
import { Connections } from "../stacks/connections.ts";
import type { Context, KeepAlive } from "../stacks/context.ts";
import { Http2 } from "../stacks/http2.ts";
import { AccessLog } from "../telemetry/access-log.ts";
import { Telemetry } from "../telemetry/telemetry.ts";
import { IdleConnections, mostIdleConnections } from "../upstream/idle-connections.ts";
import { memoryBytes } from "./memory.ts";

const TICK_MS = 10;
/** Lines of the access log wait so long for others. */
const LOG_MS = 200;

/** Where the proxy's parts come from: Kubernetes or a folder. */
export interface Sources {
  readonly config: ConfigSource;
  readonly identity: IdentitySource;
  /** Undefined where there is no API server. */
  readonly credentials: Credentials | undefined;
  readonly originalDestination: OriginalDestination;
  readonly log: Log;
}

export function createContext(sources: Sources): Context {
  const { config, identity, originalDestination, log } = sources;
  const now = () => TURN.now();
  const memory = memoryBytes(process.env);
  const telemetry = new Telemetry({
    certificateExpiry: () => Math.round((identity.current()?.notAfter ?? 0) / 1000),
    residentBytes: () => process.memoryUsage.rss(),
    outliers: () => config.outliers(now()),
    configObjects: () => config.dump().objects.length,
  });
  return {
    config,
    identity,
    dialler: {
      plain: dial,
      mutual: (host, port, options, events) => dialMutual(host, port, { ...options, now: Date.now }, events),
      origin: (host, port, options, events) => dialOrigin(host, port, { ...options, now: Date.now }, events),
    },
    tls: new TlsMaterials(new TlsFiles(systemFiles), sources.credentials),
    originalDestination,
    keepAlive: lazyKeepAlive(),
    telemetry,
    accessLog: new AccessLog(
      { write: writeStandardOutput, defer: (run) => void after(LOG_MS, run) },
      () => telemetry.accessLogDropped.of().value++,
    ),
    connections: new Connections(telemetry),
    idle: new IdleConnections(mostIdleConnections(memory), () => {
      telemetry.idleConnectionsEnded.of().value++;
    }),
    writer: new HeadWriter(),
    http2: new Http2(),
    wheel: new TimerWheel({ now, after }, TICK_MS),
    memoryBytes: memory,
    now,
    unixNow: Date.now,
    log,
  };
}

/** Loaded with the first connection that wants it. */
function lazyKeepAlive(): KeepAlive {
  let loaded: Promise<ReturnType<typeof import("../net/keep-alive.ts")["createKeepAlive"]>> | undefined;
  return (socket, settings) => {
    loaded ??= import("../net/keep-alive.ts").then((module) => module.createKeepAlive());
    void loaded.then((apply) => {
      if (!socket.closed) apply(socket.fd, settings);
    });
  };
}

/** Straight to the descriptor: the runtime's stream would cost 2 MB. False when the reader is full. */
function writeStandardOutput(text: string): boolean {
  try {
    writeSync(1, text);
    return true;
  } catch {
    return false;
  }
}
