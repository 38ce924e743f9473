import { parse } from "yaml";
import { millisecond, parseDuration, second } from "../duration.ts";
import { isObject, type JsonObject } from "../json.ts";
import type { Report } from "../report.ts";
import { annotationField, annotations } from "./annotations.ts";

/** What `proxy.istio.io/config` may set for one pod; absent members keep the mesh's settings. */
export interface ProxyConfig {
  readonly concurrency?: number;
  readonly holdApplicationUntilProxyStarts?: boolean;
  readonly drainSeconds?: number;
}

/** Members that are read. `terminationDrainDuration` is the one for a pod's end; `drainDuration` stands in for it. */
export const proxyConfigFields = [
  "concurrency",
  "holdApplicationUntilProxyStarts",
  "terminationDrainDuration",
  "drainDuration",
] as const;

const longestDocument = 16_384;
const mostWorkers = 256;
/** The proxy takes no longer one. */
const longestDrainSeconds = 3_600;

/** Reads the annotation's YAML. */
export function proxyConfigOf(given: Readonly<Record<string, string>>, report: Report): ProxyConfig {
  const text = given[annotations.proxyConfig];
  if (text === undefined || text.trim() === "") return {};
  const field = annotationField(annotations.proxyConfig);
  if (text.length > longestDocument) {
    report.invalid(field, `${text.length} characters`, `must have at most ${longestDocument}`);
    return {};
  }
  let document: unknown;
  try {
    document = parse(text, { maxAliasCount: 0, logLevel: "silent" });
  } catch (error) {
    const [problem = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    report.invalid(field, text.split("\n")[0], `must be YAML: ${problem}`);
    return {};
  }
  if (document === null) return {};
  if (!isObject(document)) {
    report.invalid(field, document, "must be a YAML map, such as {concurrency: 2}");
    return {};
  }
  for (const name of Object.keys(document)) {
    if (!(proxyConfigFields as readonly string[]).includes(name)) {
      report.warn(`${annotations.proxyConfig}: ${name} has no effect`);
    }
  }
  return read(document, field, report);
}

function read(document: JsonObject, field: string, report: Report): ProxyConfig {
  const { concurrency, holdApplicationUntilProxyStarts: hold } = document;
  const drain = drainOf(document, field, report);
  if (concurrency !== undefined && !isWorkerCount(concurrency)) {
    report.invalid(`${field}.concurrency`, concurrency, `must be a whole number from 0 to ${mostWorkers}`);
  }
  if (hold !== undefined && typeof hold !== "boolean") {
    report.invalid(`${field}.holdApplicationUntilProxyStarts`, hold, "must be true or false");
  }
  return {
    ...(isWorkerCount(concurrency) ? { concurrency } : {}),
    ...(typeof hold === "boolean" ? { holdApplicationUntilProxyStarts: hold } : {}),
    ...(drain === undefined ? {} : { drainSeconds: drain }),
  };
}

function isWorkerCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= mostWorkers;
}

/** Whole seconds, rounded up. */
function drainOf(document: JsonObject, field: string, report: Report): number | undefined {
  let chosen: number | undefined;
  for (const name of ["terminationDrainDuration", "drainDuration"] as const) {
    const value = document[name];
    if (value === undefined) continue;
    const duration = typeof value === "string" ? parseDuration(value) : undefined;
    if (duration === undefined || duration < millisecond || duration > BigInt(longestDrainSeconds) * second) {
      report.invalid(`${field}.${name}`, value, "must be a duration from 1ms to 1h, such as 30s");
      continue;
    }
    chosen ??= Number((duration + second - 1n) / second);
  }
  return chosen;
}
