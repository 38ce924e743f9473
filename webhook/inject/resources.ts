import type { Report } from "../report.ts";
import { annotationField, annotations } from "./annotations.ts";
import type { Resources } from "./settings.ts";

/** `k8s.io/apimachinery/pkg/api/resource.Quantity`: a decimal number with a binary, decimal or exponent suffix. */
const quantity = /^([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?$/;

const scales: Readonly<Record<string, number>> = {
  "": 1,
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** The number that a non-negative Kubernetes quantity stands for, or undefined when it is none. */
export function parseQuantity(text: string): number | undefined {
  const match = text.length <= 32 ? quantity.exec(text) : null;
  if (match === null) return undefined;
  const [, digits = "", suffix = ""] = match;
  const scale = scales[suffix] ?? 10 ** Number(suffix.slice(1));
  return Number(digits) * scale;
}

/**
 * The sidecar's resources. As in Istio, any one of the four annotations replaces the default block as a whole, so
 * that nobody gets a limit below the request they named.
 */
export function resourcesOf(
  given: Readonly<Record<string, string>>,
  defaults: Resources,
  report: Report,
): Resources {
  const requests = pick(given, { cpu: annotations.proxyCpu, memory: annotations.proxyMemory }, report);
  const limits = pick(
    given,
    { cpu: annotations.proxyCpuLimit, memory: annotations.proxyMemoryLimit },
    report,
  );
  if (requests === undefined && limits === undefined) return defaults;
  refuseCrossed(given, annotations.proxyCpu, annotations.proxyCpuLimit, report);
  refuseCrossed(given, annotations.proxyMemory, annotations.proxyMemoryLimit, report);
  return { ...(requests === undefined ? {} : { requests }), ...(limits === undefined ? {} : { limits }) };
}

function pick(
  given: Readonly<Record<string, string>>,
  names: Readonly<Record<string, string>>,
  report: Report,
): Record<string, string> | undefined {
  const picked: Record<string, string> = {};
  for (const [resource, name] of Object.entries(names)) {
    const value = given[name];
    if (value === undefined) continue;
    if (parseQuantity(value) === undefined) {
      report.invalid(annotationField(name), value, "must be a quantity, such as 100m or 128Mi");
    }
    picked[resource] = value;
  }
  return Object.keys(picked).length === 0 ? undefined : picked;
}

function refuseCrossed(
  given: Readonly<Record<string, string>>,
  request: string,
  limit: string,
  report: Report,
): void {
  const [low, high] = [parseQuantity(given[request] ?? ""), parseQuantity(given[limit] ?? "")];
  if (low === undefined || high === undefined || low <= high) return;
  report.invalid(
    annotationField(limit),
    given[limit],
    `must be at least ${request}, which is ${given[request]}`,
  );
}
