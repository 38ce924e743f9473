/** What `hack/bench mesh` finds. */

/** As in the file of `--json`. */
export interface MeshRow {
  readonly measure: string;
  readonly mesh: "weft" | "none";
  readonly value: number;
  readonly unit: string;
}

export interface MeshRecord {
  /** The day, ISO 8601. */
  readonly date: string;
  readonly machine: string;
  readonly command: string;
  readonly rows: readonly MeshRow[];
}

export interface Goal {
  readonly measure: string;
  readonly title: string;
  readonly most?: number;
  readonly least?: number;
  /** What Istio with vanilla Envoy needed, on the machine that the goals come from. */
  readonly istio: string;
}

/** Weft's goals, measure by measure, in the order of the table. */
export const goals: readonly Goal[] = [
  {
    measure: "added-latency-p50",
    title: "Latency that the pair adds at 1,000 requests/s on 8 connections, p50",
    most: 0.25,
    istio: "0.69 ms",
  },
  { measure: "added-latency-p99", title: "The same, p99", most: 1, istio: "4.0 ms" },
  { measure: "added-latency-p99-woken", title: "The same in the seconds after a rest, p99", istio: "–" },
  {
    measure: "requests-per-second",
    title: "Requests/s through the pair, HTTP/1.1, 16 connections",
    least: 12_000,
    istio: "4,046",
  },
  { measure: "cpu-per-request", title: "CPU a request, both proxies", most: 85, istio: "284 µs" },
  {
    measure: "idle-anonymous",
    title: "Idle sidecar's container, anonymous memory",
    most: 10,
    istio: "28 MB",
  },
  { measure: "idle-rss", title: "Idle sidecar's container, RSS", most: 40, istio: "104 MB" },
  {
    measure: "growth-per-service",
    title: "A sidecar's growth for each service in the cluster, from 1,000 to 4,000",
    most: 0.2,
    istio: "80 KiB",
  },
  {
    measure: "growth-per-service-first",
    title: "The same of the first 1,000, with what handling any costs",
    istio: "–",
  },
  {
    measure: "growth-per-service-beside",
    title: "The same of a sidecar that saw those appear, 15 s later",
    istio: "–",
  },
  {
    measure: "change-to-wire-p50",
    title: "VirtualService change to the wire, after apply returns, p50",
    most: 50,
    istio: "103 ms",
  },
  { measure: "change-to-wire-p99", title: "The same, p99", most: 250, istio: "–" },
  {
    measure: "change-to-wire-1000-p50",
    title: "The same with 1,000 more services, p50",
    most: 50,
    istio: "239 ms",
  },
  {
    measure: "change-to-wire-1000-p99",
    title: "The same with 1,000 more services, p99",
    most: 250,
    istio: "–",
  },
  { measure: "pod-to-ready-share", title: "Pod to Ready, the sidecar's share", most: 700, istio: "2,900 ms" },
];
