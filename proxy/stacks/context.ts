/** What both stacks are given: the world's effects, and what the process shares among its connections. */

import type { Log } from "../config/log.ts";
import type { ConfigSource, ConnectionPool } from "../config/view.ts";
import type { HeadWriter } from "../http1/head-writer.ts";
import type { IdentitySource } from "../identity/source.ts";
import type { Dial, DialEvents } from "../net/listen.ts";
import type { OriginalDestination } from "../net/original-destination.ts";
import type { Socket } from "../net/socket.ts";
import type { TimerWheel } from "../net/timer-wheel.ts";
import type { MutualDialOptions } from "../net/tls.ts";
import type { OriginDialOptions } from "../net/tls-origin.ts";
import type { TlsMaterials } from "../origination/material.ts";
import type { AccessLog } from "../telemetry/access-log.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { IdleConnections } from "../upstream/idle-connections.ts";
import type { Connections } from "./connections.ts";
import type { Http2 } from "./http2.ts";

/** Opens connections; `net/` has the real one. */
export interface Dialler {
  plain(host: string, port: number, events: DialEvents): Dial;
  mutual(host: string, port: number, options: Omit<MutualDialOptions, "now">, events: DialEvents): Dial;
  origin(host: string, port: number, options: Omit<OriginDialOptions, "now">, events: DialEvents): Dial;
}

/** Turns keep-alive on for a connection. */
export type KeepAlive = (socket: Socket, settings: NonNullable<ConnectionPool["tcpKeepalive"]>) => void;

export interface Context {
  readonly config: ConfigSource;
  readonly identity: IdentitySource;
  readonly dialler: Dialler;
  /** What policies name that originate TLS. */
  readonly tls: TlsMaterials;
  readonly originalDestination: OriginalDestination;
  readonly keepAlive: KeepAlive;
  readonly telemetry: Telemetry;
  readonly accessLog: AccessLog;
  readonly connections: Connections;
  /** To endpoints, by TLS. */
  readonly idle: IdleConnections;
  readonly writer: HeadWriter;
  readonly http2: Http2;
  /** Milliseconds: deadlines of requests and handshakes. */
  readonly wheel: TimerWheel;
  /** What this process may have of the machine's memory; Infinity when nobody said. */
  readonly memoryBytes: number;
  /** Monotonic ms. */
  now(): number;
  /** Unix ms. */
  unixNow(): number;
  readonly log: Log;
}

/** The events of a dial, with what the policy wants of the connection done first. */
export function withKeepAlive(
  { keepAlive }: Pick<Context, "keepAlive">,
  pool: ConnectionPool | undefined,
  events: DialEvents,
): DialEvents {
  const settings = pool?.tcpKeepalive;
  if (settings === undefined) return events;
  return {
    connected(socket) {
      keepAlive(socket, settings);
      events.connected(socket);
    },
    failed: (error) => events.failed(error),
  };
}

/**
 * The proxy's own listeners, which no inbound connection may name as its destination: behind 15001 it would go out again in
 * this workload's name.
 */
export const OWN_PORTS: ReadonlySet<number> = new Set([15001, 15006, 15008, 15020, 15021, 15090]);

/** The listener of a peer's proxy. */
export const MUTUAL_PORT = 15008;
export const ALPN_HTTP1 = "http/1.1";
export const ALPN_HTTP2 = "h2";
export const ALPN_TCP = "weft-tcp";

/** As Envoy: a client connection without a request for an hour is over. */
export const DOWNSTREAM_IDLE_MS = 3_600_000;
/** As Envoy: two ends of a TCP connection or a tunnel that say nothing for an hour have lost each other. */
export const TUNNEL_IDLE_MS = 3_600_000;
/** From the first byte of a head to its last. Long enough for a bad link, too short to hold thousands open. */
export const HEAD_MS = 30_000;

/** The SNI that a client's proxy dials with. */
export function outboundSni(target: number, subset: string, host: string): string {
  return `outbound_.${target}_.${subset}_.${host}`;
}

/** The container port in such an SNI; undefined for any other name. */
export function portOfSni(sni: string): number | undefined {
  const match = /^outbound_\.(\d{1,5})_\.[^_]*_\.[^_]+$/.exec(sni);
  const port = match === null ? 0 : Number(match[1]);
  return port >= 1 && port <= 65_535 ? port : undefined;
}
