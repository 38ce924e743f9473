import { isObject, type JsonObject, show, text } from "../json.ts";
import type { Report } from "../report.ts";
import { ports } from "./names.ts";
import type { Container, Pod } from "./pod.ts";

/**
 * The kubelet speaks neither mTLS nor for a workload: under STRICT its probes of the application would be refused.
 * So they go to the sidecar's admin port, which is not redirected, and the sidecar asks the application.
 */
export interface RewrittenProbes {
  /** By the path the kubelet asks for: what the sidecar asks the application, with ports resolved. */
  readonly probes: Readonly<Record<string, AppProbe>>;
  readonly edits: readonly ProbeEdit[];
}

export type AppProbe = {
  readonly timeoutSeconds: number;
} & (
  | { readonly httpGet: JsonObject }
  | { readonly tcpSocket: { readonly port: number } }
  | { readonly grpc: JsonObject }
);

/** One handler to put in the place of another. */
export interface ProbeEdit {
  readonly list: "containers" | "initContainers";
  readonly index: number;
  /** The container's member to replace, e.g. `["livenessProbe"]` or `["lifecycle", "preStop"]`. */
  readonly member: readonly string[];
  readonly value: JsonObject;
}

const probeMembers = [
  ["livenessProbe", "livez"],
  ["readinessProbe", "readyz"],
  ["startupProbe", "startupz"],
] as const;

const hookMembers = [
  ["postStart", "poststartz"],
  ["preStop", "prestopz"],
] as const;

/** The kubelet gives a lifecycle hook no timeout of its own; the pod's grace period bounds preStop (default 30 s). */
const hookTimeoutSeconds = 30;

/** Rewrites the probes and HTTP lifecycle hooks of the application's containers; `exec` needs no network. */
export function rewriteProbes(
  pod: Pod,
  isOwn: (container: Container) => boolean,
  report: Report,
): RewrittenProbes {
  const probes: Record<string, AppProbe> = {};
  const edits: ProbeEdit[] = [];
  for (const list of ["containers", "initContainers"] as const) {
    for (const [index, container] of pod[list].entries()) {
      if (isOwn(container)) continue;
      for (const [member, name] of probeMembers) {
        const probe = container.raw[member];
        if (!isObject(probe)) continue;
        const timeoutSeconds = typeof probe.timeoutSeconds === "number" ? probe.timeoutSeconds : 1;
        const target = targetOf(probe, container, member, report);
        if (target === undefined) continue;
        const path = `/app-health/${container.name}/${name}`;
        probes[path] = { ...target, timeoutSeconds };
        edits.push({ list, index, member: [member], value: redirected(probe, path) });
      }
      const lifecycle = container.raw.lifecycle;
      if (!isObject(lifecycle)) continue;
      for (const [member, name] of hookMembers) {
        const hook = lifecycle[member];
        if (!isObject(hook) || !isObject(hook.httpGet)) continue;
        const target = targetOf(hook, container, `lifecycle.${member}`, report);
        if (target === undefined) continue;
        const path = `/app-lifecycle/${container.name}/${name}`;
        probes[path] = { ...target, timeoutSeconds: hookTimeoutSeconds };
        edits.push({ list, index, member: ["lifecycle", member], value: redirected(hook, path) });
      }
    }
  }
  return { probes, edits };
}

type Target = { httpGet: JsonObject } | { tcpSocket: { port: number } } | { grpc: JsonObject };

/** What the sidecar is to ask, or undefined when the probe must stay as it is. */
function targetOf(
  probe: JsonObject,
  container: Container,
  member: string,
  report: Report,
): Target | undefined {
  const { httpGet, tcpSocket, grpc } = probe;
  const handler = [httpGet, tcpSocket, grpc].find(isObject);
  if (handler === undefined) return undefined;
  // With a host the kubelet does not ask the pod at all.
  if (text(handler.host) !== undefined) return undefined;
  if (handler.port === ports.admin || handler.port === ports.readiness) return undefined;
  const port = resolvePort(handler.port, container);
  if (port === undefined) {
    report.warn(
      `${member} of ${container.name}: port ${show(handler.port)} is not one of its ports; left as is`,
    );
    return undefined;
  }
  if (handler === httpGet) return { httpGet: { ...handler, port } };
  if (handler === tcpSocket) return { tcpSocket: { port } };
  return { grpc: { ...handler, port } };
}

/** As the kubelet does: a number, a number in text, or the name of a port of the same container. */
function resolvePort(port: unknown, container: Container): number | undefined {
  if (typeof port === "number") return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
  if (typeof port !== "string") return undefined;
  if (/^[0-9]{1,5}$/.test(port)) return resolvePort(Number(port), container);
  const list = Array.isArray(container.raw.ports) ? container.raw.ports : [];
  const named = list.find((candidate) => isObject(candidate) && candidate.name === port);
  return isObject(named) && typeof named.containerPort === "number" ? named.containerPort : undefined;
}

/** The same probe with its handler pointing at the sidecar. Headers and scheme travel in the sidecar's copy. */
function redirected(probe: JsonObject, path: string): JsonObject {
  const { httpGet: _http, tcpSocket: _tcp, grpc: _grpc, ...rest } = probe;
  return { httpGet: { path, port: ports.admin, scheme: "HTTP" }, ...rest };
}
