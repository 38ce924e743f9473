/**
 * Statistics of routes that ask for their own (a match's `statPrefix`), under the names that Envoy's
 * `vhost.HOST.route.PREFIX.upstream_rq_*` have in Prometheus: one row per route and status.
 */
import { type Family, labelText, writeHeader } from "./exposition.ts";
import { HISTOGRAM_WIDTH, observe, writeHistogram } from "./histogram.ts";
import { SeriesTable } from "./series.ts";

const COUNT = 0;
const TIME = 1;
const WIDTH = TIME + HISTOGRAM_WIDTH;

const ROUTE_LABELS = ["envoy_virtual_host", "envoy_route"];
const OTHER = ["other", "other"];
const PREFIX = "envoy_vhost_route_upstream_rq";

/** A route, as the object that stands for it as long as it is configured. */
export interface MeasuredRoute {
  readonly statPrefix: string | undefined;
}

export class RouteMetrics implements Family {
  readonly #table = new SeriesTable(WIDTH);
  readonly #rows = new WeakMap<MeasuredRoute, Map<number, number>>();

  /** Counts one response; `host` and `port` are the route's own, and read once for each status. */
  record(
    route: MeasuredRoute,
    { host, port }: { readonly host: string; readonly port: number },
    status: number,
    durationMs: number,
  ): void {
    let rows = this.#rows.get(route);
    if (rows === undefined) {
      rows = new Map();
      this.#rows.set(route, rows);
    }
    let row = rows.get(status);
    if (row === undefined) {
      const code = String(status);
      row = this.#table.bind([`${host}:${port}`, route.statPrefix ?? "", code], [...OTHER, code]);
      rows.set(status, row);
    }
    const { values } = this.#table;
    values[row + COUNT] = (values[row + COUNT] as number) + 1;
    observe(values, row + TIME, durationMs);
  }

  get overflowed(): number {
    return this.#table.overflowed;
  }

  write(out: string[]): void {
    const byCode: [labels: string, count: number][] = [];
    const byClass = new Map<string, number>();
    const byRoute = new Map<string, Float64Array>();
    const { values } = this.#table;
    this.#table.forEachRow(([host = "", prefix = "", code = ""], at) => {
      const count = values[at + COUNT] as number;
      const route = labelText(ROUTE_LABELS, [host, prefix]);
      byCode.push([`${labelText(["envoy_response_code"], [code])},${route}`, count]);
      const ofClass = `${labelText(["envoy_response_code_class"], [code.slice(0, 1)])},${route}`;
      byClass.set(ofClass, (byClass.get(ofClass) ?? 0) + count);
      const sum = byRoute.get(route) ?? new Float64Array(WIDTH);
      for (let i = 0; i < WIDTH; i++) sum[i] = (sum[i] as number) + (values[at + i] as number);
      byRoute.set(route, sum);
    });
    if (byCode.length === 0) return;
    const counters = [
      [PREFIX, "Responses of a route, by status.", byCode],
      [`${PREFIX}_xx`, "Responses of a route, by the class of their status.", byClass],
      [
        `${PREFIX}_completed`,
        "Responses of a route.",
        [...byRoute].map(([route, sum]) => [route, sum[COUNT]]),
      ],
    ] as const;
    for (const [name, help, series] of counters) {
      writeHeader(out, name, "counter", help);
      for (const [labels, count] of series) out.push(`${name}{${labels}} ${count}\n`);
    }
    writeHeader(
      out,
      `${PREFIX}_time`,
      "histogram",
      "Time from a request's head to its response's end, in ms.",
    );
    for (const [route, sum] of byRoute) writeHistogram(out, `${PREFIX}_time`, route, sum, TIME);
  }
}
