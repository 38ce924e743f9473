/** What is measured, in the order in which it is. */
import { type Backend, GRPC_PATH, MESSAGE } from "./backends.ts";
import { handshakes, openLoop } from "./loads/generated.ts";
import { h2load } from "./loads/h2load.ts";
import type { Load } from "./loads/load.ts";
import { gigabyte, grpcStreams } from "./loads/streams.ts";
import { wrk } from "./loads/wrk.ts";
import type { Shape } from "./shape.ts";

export interface Scenario {
  readonly name: string;
  /** One line for tables and documents. */
  readonly title: string;
  readonly shape: Shape;
  readonly backend: Backend;
  /** Undefined: nothing is asked for; only the memory counts. */
  readonly load: Load | undefined;
  /** What is counted. */
  readonly unit: "request" | "message" | "handshake" | "MB";
  /** The share of `--seconds` that one load takes. */
  readonly share: number;
  /** Seconds of the same load before it, where `--warm` does not say; a peer that compiles at run time gets four times as many. */
  readonly warmSeconds: number;
  /** Most rounds, where more would tell nothing new. */
  readonly rounds?: number;
  /** So many times the shape's proxies, for memory that they share. */
  readonly copies?: number;
}

const shape = (fields: Partial<Shape> = {}): Shape => ({
  protocol: "http1",
  layout: "hop",
  routes: 1,
  endpoints: 1,
  ...fields,
});

/** Of a load that is not the most that a proxy can do: what is hot shows later. */
const FIXED_RATE_WARM_SECONDS = 5;

const scenario = (
  name: string,
  title: string,
  load: Load | undefined,
  fields: Partial<Omit<Scenario, "name" | "title" | "load">> = {},
): Scenario => ({
  name,
  title,
  load,
  shape: shape(),
  backend: "http1",
  unit: "request",
  share: 1,
  warmSeconds: (fields.share ?? 1) < 1 ? 1 : 2,
  ...fields,
});

const http2: Pick<Scenario, "shape" | "backend"> = { shape: shape({ protocol: "http2" }), backend: "http2" };
const grpc = shape({ protocol: "grpc" });
const pair = shape({ layout: "pair" });

export const scenarios: readonly Scenario[] = [
  scenario("h1-plaintext", "HTTP/1.1, plaintext, one hop, 32 connections", wrk({ connections: 32 })),
  scenario(
    "h1-mtls-pair",
    "HTTP/1.1 through two proxies with mutual TLS 1.3 between them, both on one core, 32 connections",
    wrk({ connections: 32 }),
    { shape: pair },
  ),
  scenario(
    "h2",
    "HTTP/2 by prior knowledge, plaintext on both sides, 16 connections with 8 streams each",
    h2load({ connections: 16, streams: 8 }),
    http2,
  ),
  scenario(
    "h2-mtls-pair",
    "HTTP/2 through two proxies with mutual TLS 1.3 between them, both on one core, 16 connections with 8 streams each",
    h2load({ connections: 16, streams: 8 }),
    { ...http2, shape: shape({ protocol: "http2", layout: "pair" }) },
  ),
  scenario(
    "grpc-unary",
    "gRPC unary calls with 64-byte messages, 16 connections with 8 streams each",
    h2load({ connections: 16, streams: 8, message: MESSAGE, path: GRPC_PATH }),
    { shape: grpc, backend: "grpc" },
  ),
  scenario(
    "grpc-streaming",
    "gRPC ping-pong of 64-byte messages on bidirectional streams, 4 connections with 8 streams each",
    grpcStreams({ connections: 4, streams: 8 }),
    { shape: grpc, backend: "grpc-stream", unit: "message" },
  ),
  scenario("tcp", "One TCP stream of 1 GB from the backend; figures are MB and µs per MB", gigabyte, {
    shape: shape({ protocol: "tcp" }),
    backend: "tcp",
    unit: "MB",
  }),
  scenario(
    "h1-1mb",
    "HTTP/1.1, responses of 1 MB, 16 connections",
    wrk({ connections: 16, path: "/megabyte" }),
  ),
  scenario(
    "h1-1mb-100",
    "HTTP/1.1, responses of 1 MB, 100 connections",
    wrk({ connections: 100, path: "/megabyte" }),
  ),
  ...[1, 10, 100, 1000].map((connections) =>
    scenario(`connections-${connections}`, `HTTP/1.1, ${connections} connections`, wrk({ connections }), {
      share: 0.6,
    }),
  ),
  scenario(
    "churn",
    "HTTP/1.1, a new connection for every request, 32 at a time",
    wrk({ connections: 32, close: true }),
  ),
  scenario(
    "tls-handshake",
    "Full mutual TLS 1.3 handshakes with P-256 and one request each, 16 at a time; the client's cost limits the rate",
    handshakes("full"),
    { shape: shape({ layout: "inbound" }), unit: "handshake", share: 0.6 },
  ),
  scenario(
    "tls-handshake-resumed",
    "Resumed mutual TLS 1.3 handshakes and one request each, 16 at a time; the client's cost limits the rate",
    handshakes("resumed"),
    { shape: shape({ layout: "inbound" }), unit: "handshake", share: 0.6 },
  ),
  ...[10, 1000, 10_000].map((routes) =>
    scenario(
      `routes-${routes}`,
      `HTTP/1.1, ${routes} routes by path prefix, requests to the last, 32 connections`,
      wrk({ connections: 32 }),
      { shape: shape({ routes }), share: 0.6 },
    ),
  ),
  ...[10, 1000, 10_000].map((endpoints) =>
    scenario(
      `endpoints-${endpoints}`,
      `HTTP/1.1, ${endpoints} endpoints, 32 connections`,
      wrk({ connections: 32 }),
      { shape: shape({ endpoints }), share: 0.6 },
    ),
  ),
  ...[1000, 5000].map((rate) =>
    scenario(
      `open-loop-${rate}`,
      `HTTP/1.1 pair with mutual TLS at ${rate} requests/s whatever the answers do, 32 connections, once the code is hot`,
      openLoop({ rate, connections: 32 }),
      { shape: pair, share: 2, warmSeconds: FIXED_RATE_WARM_SECONDS },
    ),
  ),
  scenario(
    "memory-loaded",
    "HTTP/1.1, one hop, 1,000 connections at 5,000 requests/s: memory under load",
    openLoop({ rate: 5000, connections: 1000 }),
    { share: 0.6 },
  ),
  scenario(
    "memory-idle",
    "Ten idle proxies, five clients' and five servers', as ten pods of a node: memory of one",
    undefined,
    { shape: pair, rounds: 1, copies: 5 },
  ),
];

/** Scenarios by name or by the group before the last dash (`routes`, `connections`); throws naming what is unknown. */
export function chosen(names: readonly string[], quick: boolean): readonly Scenario[] {
  if (names.length === 0) return quick ? scenarios.slice(0, 3) : scenarios;
  for (const name of names) {
    if (!scenarios.some((each) => matches(each, name))) {
      const known = scenarios.map((each) => each.name).join(", ");
      throw new TypeError(`found the scenario "${name}"; expected mesh, profile, or of ${known}`);
    }
  }
  return scenarios.filter((each) => names.some((name) => matches(each, name)));
}

const matches = (scenario: Scenario, name: string) =>
  scenario.name === name || scenario.name.replace(/-\d+$/, "") === name;
