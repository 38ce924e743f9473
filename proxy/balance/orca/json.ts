/** The report by protobuf's mapping to JSON: either spelling of a field, numbers also as strings, null for absent. */
import { maps, put, scalars } from "./metrics.ts";

/** In lower camel case and as the message has them. `rps` is the former `rps_fractional`, which weighs nothing. */
const names = new Map(
  [...scalars, ...maps, "rps"].flatMap((name) => [[name, name] as const, [camel(name), name]]),
);

export function readJson(text: string): Map<string, number> | undefined {
  const report = objectIn(text);
  if (report === undefined) return undefined;
  const metrics = new Map<string, number>();
  for (const [key, value] of Object.entries(report)) {
    const name = names.get(key);
    if (name === undefined) return undefined;
    if (value === null || name === "rps") continue;
    const isGood = maps.includes(name) ? putAll(metrics, name, value) : put(metrics, name, numberOf(value));
    if (!isGood) return undefined;
  }
  return metrics;
}

function putAll(metrics: Map<string, number>, name: string, values: unknown): boolean {
  if (!isObject(values)) return false;
  return Object.entries(values).every(([key, value]) => put(metrics, `${name}.${key}`, numberOf(value)));
}

function numberOf(value: unknown): number {
  if (typeof value === "string" && value.trim() !== "") return Number(value);
  return typeof value === "number" ? value : Number.NaN;
}

function objectIn(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function camel(name: string): string {
  return name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}
