/** `istio_requests_total` and its histograms: one row per flow, response code and gRPC status. */
import { type Family, labelText, writeHeader } from "./exposition.ts";
import { HISTOGRAM_WIDTH, observe, writeHistogram } from "./histogram.ts";
import { FLOW_LABELS, type Flow, flowLabels, UNKNOWN_WORKLOAD } from "./labels.ts";
import { SeriesTable } from "./series.ts";

const NAMES = [...FLOW_LABELS, "response_code", "grpc_response_status"];

const COUNT = 0;
const DURATION = 1;
const REQUEST_BYTES = DURATION + HISTOGRAM_WIDTH;
const RESPONSE_BYTES = REQUEST_BYTES + HISTOGRAM_WIDTH;
const WIDTH = RESPONSE_BYTES + HISTOGRAM_WIDTH;

const HISTOGRAMS = [
  [
    "istio_request_duration_milliseconds",
    "Time from a request's head to its response's end, in ms.",
    DURATION,
  ],
  ["istio_request_bytes", "Size of requests, heads included, in bytes.", REQUEST_BYTES],
  ["istio_response_bytes", "Size of responses, heads included, in bytes.", RESPONSE_BYTES],
] as const;

export class RequestMetrics implements Family {
  readonly #table = new SeriesTable(WIDTH);

  /** The row for requests of this flow that end so; keep it, and count into it with `record`. */
  bind(flow: Flow, status: number, grpcStatus: string): number {
    const labels = [...flowLabels(flow), String(status), grpcStatus];
    const other = {
      ...flow,
      source: UNKNOWN_WORKLOAD,
      destination: UNKNOWN_WORKLOAD,
      service: OTHER,
      flags: "-",
    };
    return this.#table.bind(labels, [...flowLabels(other), String(status), ""]);
  }

  /** Counts one request. */
  record(row: number, durationMs: number, requestBytes: number, responseBytes: number): void {
    const { values } = this.#table;
    values[row + COUNT] = (values[row + COUNT] as number) + 1;
    observe(values, row + DURATION, durationMs);
    observe(values, row + REQUEST_BYTES, requestBytes);
    observe(values, row + RESPONSE_BYTES, responseBytes);
  }

  /** How many were counted, whatever their labels. */
  get total(): number {
    const { values } = this.#table;
    let total = 0;
    this.#table.forEachRow((_, at) => {
      total += values[at + COUNT] as number;
    });
    return total;
  }

  get overflowed(): number {
    return this.#table.overflowed;
  }

  write(out: string[]): void {
    const table = this.#table;
    const rows: { labels: string; at: number }[] = [];
    table.forEachRow((labels, at) => {
      if (table.values[at + COUNT] !== 0) rows.push({ labels: labelText(NAMES, labels), at });
    });
    if (rows.length === 0) return;
    writeHeader(out, "istio_requests_total", "counter", "Requests handled.");
    for (const { labels, at } of rows)
      out.push(`istio_requests_total{${labels}} ${table.values[at + COUNT]}\n`);
    for (const [name, help, offset] of HISTOGRAMS) {
      writeHeader(out, name, "histogram", help);
      for (const { labels, at } of rows) writeHistogram(out, name, labels, table.values, at + offset);
    }
  }
}

const OTHER = { host: "other", name: "other", namespace: "other" };

/** No row is remembered for it. */
export const UNUSUAL = -1;

/** A small number for a response's codes, under which those who serve remember its row; `UNUSUAL` for a status gRPC lacks. */
export function rowKey(status: number, grpc: boolean, grpcStatus: string): number {
  if (!grpc) return status;
  const code = grpcStatus === "" ? 31 : GRPC_CODE.test(grpcStatus) ? Number(grpcStatus) : UNUSUAL;
  return code === UNUSUAL ? UNUSUAL : ((code + 1) << 10) | status;
}

const GRPC_CODE = /^(\d|1[0-6])$/;
