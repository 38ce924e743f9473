/** `istio_tcp_*`: connections and bytes of opaque flows. */
import { type Family, labelText, writeHeader } from "./exposition.ts";
import { FLOW_LABELS, type Flow, flowLabels, UNKNOWN_WORKLOAD } from "./labels.ts";
import { SeriesTable } from "./series.ts";

/** Offsets in a row, as `add` takes them. */
export const OPENED = 0;
export const CLOSED = 1;
export const SENT_BYTES = 2;
export const RECEIVED_BYTES = 3;

const NAMES = [
  ["istio_tcp_connections_opened_total", "TCP connections opened."],
  ["istio_tcp_connections_closed_total", "TCP connections closed."],
  ["istio_tcp_sent_bytes_total", "Bytes sent to clients in responses of TCP connections."],
  ["istio_tcp_received_bytes_total", "Bytes received from clients in requests of TCP connections."],
] as const;

export class TcpMetrics implements Family {
  readonly #table = new SeriesTable(NAMES.length);

  bind(flow: Flow): number {
    const other = { ...flow, source: UNKNOWN_WORKLOAD, destination: UNKNOWN_WORKLOAD, service: OTHER };
    return this.#table.bind(flowLabels(flow), flowLabels(other));
  }

  add(row: number, offset: number, amount: number): void {
    const { values } = this.#table;
    values[row + offset] = (values[row + offset] as number) + amount;
  }

  /** Bytes of all connections, both ways. */
  get bytes(): number {
    const { values } = this.#table;
    let bytes = 0;
    this.#table.forEachRow((_, at) => {
      bytes += (values[at + SENT_BYTES] as number) + (values[at + RECEIVED_BYTES] as number);
    });
    return bytes;
  }

  write(out: string[]): void {
    const rows: { labels: string; at: number }[] = [];
    this.#table.forEachRow((labels, at) => rows.push({ labels: labelText(FLOW_LABELS, labels), at }));
    if (rows.length === 0) return;
    for (const [offset, [name, help]] of NAMES.entries()) {
      writeHeader(out, name, "counter", help);
      for (const { labels, at } of rows) out.push(`${name}{${labels}} ${this.#table.values[at + offset]}\n`);
    }
  }
}

const OTHER = { host: "other", name: "other", namespace: "other" };
