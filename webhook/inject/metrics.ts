import type { Report } from "../report.ts";
import { ports, written } from "./names.ts";

/** Where the application's own metrics are, for the sidecar to merge with its own. */
export interface AppMetrics {
  readonly port: number;
  readonly path: string;
}

export interface Scraping {
  /** The pod's annotations after injection; empty when the user keeps scraping to themselves. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly app: AppMetrics | undefined;
}

/** Points Prometheus at the sidecar, which serves the application's metrics besides its own. */
export function scrapingOf(
  given: Readonly<Record<string, string>>,
  mergeMetrics: boolean,
  report: Report,
): Scraping {
  const scrape = given[written.prometheusScrape];
  const none: Scraping = { annotations: {}, app: undefined };
  if (!mergeMetrics || scrape === "false") return none;
  const port = given[written.prometheusPort];
  // Someone points at the sidecar already.
  if (port === String(ports.admin)) return none;
  const path = given[written.prometheusPath];
  const named = scrape !== undefined || port !== undefined || path !== undefined;
  const app = named ? appMetrics(port, path, report) : undefined;
  if (named && app === undefined) return none;
  return {
    annotations: {
      [written.prometheusScrape]: "true",
      [written.prometheusPort]: String(ports.admin),
      [written.prometheusPath]: "/stats/prometheus",
    },
    app,
  };
}

function appMetrics(
  port: string | undefined,
  path: string | undefined,
  report: Report,
): AppMetrics | undefined {
  const number = port === undefined ? 80 : /^[0-9]{1,5}$/.test(port) ? Number(port) : 0;
  if (number < 1 || number > 65_535) {
    report.warn(`${written.prometheusPort} is no port: the application's metrics are not merged`);
    return undefined;
  }
  return { port: number, path: path ?? "/metrics" };
}
