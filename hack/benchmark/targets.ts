/** What is to be reached, scenario by scenario, with every feature of the mesh on. */
import { type Row, ratio } from "./rows.ts";
import type { PeerName } from "./shape.ts";

export interface Verdict {
  readonly target: string;
  readonly found: string;
  readonly met: boolean;
}

type Judge = (rows: ReadonlyMap<PeerName, Row>) => Verdict | undefined;

/** Requests that one busy core could serve: comparable where the load, not the proxy, was the limit. */
const perCore = (row: Row | undefined) =>
  row?.cpu_us_per_request ? 1e6 / row.cpu_us_per_request : undefined;
const cpu = (row: Row | undefined) => row?.cpu_us_per_request;
const p99 = (row: Row | undefined) => row?.p99_ms;
const rate = (row: Row | undefined) => row?.rps;

function compare(
  what: string,
  value: (row: Row | undefined) => number | null | undefined,
  peer: PeerName,
  limit: { readonly least: number } | { readonly most: number },
): Judge {
  return (rows) => {
    const share = ratio(value(rows.get("weft")), value(rows.get(peer)));
    if (share === undefined) return undefined;
    const [bound, met] =
      "least" in limit
        ? [`at least ${limit.least}`, share >= limit.least]
        : [`at most ${limit.most}`, share <= limit.most];
    return { target: `${what}: ${bound} × ${peer}'s`, found: `${share.toFixed(2)} ×`, met };
  };
}

function memory(most: number): Judge {
  return (rows) => {
    const row = rows.get("weft");
    if (row === undefined) return undefined;
    return { target: `PSS: at most ${most} MB`, found: `${row.pss_mb} MB`, met: row.pss_mb <= most };
  };
}

const RPS_CORE = "requests/s of a busy core";
const THROUGHPUT = "throughput";
const CPU = "core time per request";
const http2: readonly Judge[] = [
  compare(CPU, cpu, "envoy", { most: 0.4 }),
  compare(RPS_CORE, perCore, "nghttpx", { least: 0.5 }),
];
/** Bodies are copied once more than by a proxy in C; and no line of waiting connections may cost them their rate. */
const bodies: readonly Judge[] = [compare(THROUGHPUT, rate, "haproxy", { least: 0.6 })];
const latency: readonly Judge[] = [
  compare("p99", p99, "haproxy", { most: 1 }),
  compare("p99", p99, "envoy", { most: 1 }),
];

const judges: Readonly<Record<string, readonly Judge[]>> = {
  "h1-plaintext": [
    compare(RPS_CORE, perCore, "nginx", { least: 1 }),
    compare(RPS_CORE, perCore, "haproxy", { least: 1 }),
    compare(CPU, cpu, "envoy", { most: 0.4 }),
  ],
  "h1-mtls-pair": [compare(CPU, cpu, "haproxy", { most: 1 }), compare(CPU, cpu, "envoy", { most: 0.3 })],
  h2: http2,
  "grpc-unary": http2,
  "grpc-streaming": [compare("core time per message", cpu, "envoy", { most: 0.4 })],
  "h1-1mb": bodies,
  "h1-1mb-100": bodies,
  tcp: [compare(THROUGHPUT, rate, "haproxy", { least: 0.8 })],
  "open-loop-1000": latency,
  "open-loop-5000": latency,
  "memory-idle": [memory(20)],
  "memory-loaded": [memory(64)],
};

/** The targets of a scenario that its rows can tell of. */
export function verdicts(scenario: string, rows: readonly Row[]): Verdict[] {
  const byPeer = new Map(rows.map((row) => [row.peer, row]));
  return (judges[scenario] ?? []).flatMap((judge) => judge(byPeer) ?? []);
}
