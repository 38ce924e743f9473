/** What a proxy has to do in a scenario: every peer translates it into its own configuration. */

import type { Identities } from "./identities.ts";
import type { Command } from "./processes.ts";

export interface Shape {
  readonly protocol: "http1" | "http2" | "grpc" | "tcp";
  /**
   * `hop`: one proxy, plaintext on both sides. `pair`: the client's proxy and the server's with mutual TLS 1.3 between them.
   * `inbound`: the server's proxy alone, which the client calls by mutual TLS.
   */
  readonly layout: "hop" | "pair" | "inbound";
  /** Routes by path prefix; requests go to the last one. */
  readonly routes: number;
  readonly endpoints: number;
}

/** Where things are in one run. */
export interface Site {
  readonly folder: string;
  /** Where the client calls the first proxy. */
  readonly front: Address;
  /** Where the server's proxy takes mutual TLS. */
  readonly mutual: Address;
  /** The backend listens on every address of the loopback. */
  readonly backendPort: number;
  /** Where a peer may serve its metrics. */
  readonly admin: Address;
  readonly identities: Identities;
  readonly weft: readonly string[];
  readonly envoy: string;
  /** Folder of gRPC's own benchmark programs. */
  readonly grpc: string;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export type PeerName = "weft" | "envoy" | "haproxy" | "nginx" | "nghttpx" | "runtime";

/** A proxy under test. */
export interface Peer {
  readonly name: PeerName;
  /** It needs longer until it runs as it does ever after. */
  readonly compilesAtRunTime?: boolean;
  /** Its processes for a shape: one, or the client's and the server's; undefined when it cannot do that. */
  commands(shape: Shape, site: Site): readonly Command[] | undefined;
  /** Asks a running peer whether it has done its work on `count` requests; rejects when it has not. */
  confirm?(shape: Shape, site: Site, count: number): Promise<void>;
}

/** The request's path in a scenario with routes: the last route takes it. */
export function pathOf(shape: Shape): string {
  return shape.routes > 1 ? routePath(shape.routes - 1) : "/";
}

export function routePath(index: number): string {
  return `/service-${index}/`;
}

/** Addresses of the endpoints, all on the loopback. The first is the server's own. */
export function endpointAddresses(shape: Shape, site: Site): string[] {
  if (shape.endpoints === 1) return [shape.layout === "hop" ? "127.0.0.1" : site.mutual.host];
  return Array.from({ length: shape.endpoints }, (_, i) => `127.1.${i >> 8}.${i & 255}`).map((address) =>
    address === "127.1.0.0" ? "127.1.255.1" : address,
  );
}
