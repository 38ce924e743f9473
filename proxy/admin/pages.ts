/** What the admin ports answer: readiness, metrics, configuration in force, the application's probes, drain and quit. */
import type { ConfigSource } from "../config/view.ts";
import type { IdentitySource } from "../identity/source.ts";
import type { AdminHandler, AdminRequest, AdminResponse } from "./server.ts";

export interface PageSources {
  readonly config: ConfigSource;
  readonly identity: IdentitySource;
  /** False for a proxy that takes no mutual TLS and so needs no certificate. */
  readonly needsIdentity: boolean;
  readonly draining: () => boolean;
  readonly metrics: () => string;
  /** The application's own metrics page; undefined when it has none. */
  readonly appMetrics: (() => Promise<string>) | undefined;
  readonly probe: (path: string) => Promise<AdminResponse> | undefined;
  readonly drain: () => void;
  readonly quit: () => void;
  readonly version: string;
}

const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";
const NOT_FOUND: AdminResponse = {
  status: 404,
  body: "expected /healthz/ready, /stats/prometheus, /config_dump, /app-health/…, POST /drain or POST /quitquitquit\n",
};

/** Port 15021: for the kubelet. */
export function readinessPages(sources: PageSources): AdminHandler {
  return (request) => (request.path === "/healthz/ready" ? readiness(sources) : NOT_FOUND);
}

/** Port 15090: the proxy's metrics alone. */
export function metricsPages(sources: PageSources): AdminHandler {
  return (request) => (request.path === "/stats/prometheus" ? metrics(sources.metrics()) : NOT_FOUND);
}

/** Port 15020: everything. */
export function adminPages(sources: PageSources): AdminHandler {
  return (request) => {
    switch (request.path) {
      case "/healthz/ready":
        return readiness(sources);
      case "/stats/prometheus":
        return merged(sources);
      case "/config_dump":
        return configDump(sources);
      case "/drain":
        return act(request, sources.drain, "draining: no new connections, responses close theirs\n");
      case "/quitquitquit":
        return act(request, sources.quit, "ending\n");
      default:
        return sources.probe(request.path) ?? NOT_FOUND;
    }
  };
}

/** Ready once both are in, and no longer once the proxy drains. */
function readiness({ config, identity, draining, needsIdentity }: PageSources): AdminResponse {
  if (draining()) return { status: 503, body: "draining\n" };
  if (needsIdentity && identity.current() === undefined) return { status: 503, body: "no certificate yet\n" };
  if (!config.ready()) return { status: 503, body: "no configuration yet\n" };
  return { status: 200, body: "" };
}

function metrics(body: string): AdminResponse {
  return { status: 200, body, contentType: METRICS_TYPE };
}

/** The proxy's metrics even when the application's cannot be had: the reason stands in a comment. */
async function merged({ metrics: own, appMetrics }: PageSources): Promise<AdminResponse> {
  if (appMetrics === undefined) return metrics(own());
  try {
    return metrics(own() + (await appMetrics()));
  } catch (error) {
    return metrics(`${own()}# the application's metrics: ${String(error).replaceAll("\n", " ")}\n`);
  }
}

/** What runs, so that it can be compared with what should; no key, no token. */
function configDump({ config, identity, version }: PageSources): AdminResponse {
  const current = identity.current();
  const certificate =
    current === undefined
      ? null
      : { spiffeId: current.spiffeId, notAfter: new Date(current.notAfter).toISOString() };
  const body = { version, ready: config.ready(), certificate, objects: config.dump().objects };
  return { status: 200, body: `${JSON.stringify(body, undefined, 2)}\n`, contentType: "application/json" };
}

function act(request: AdminRequest, run: () => void, body: string): AdminResponse {
  if (request.method !== "POST") return { status: 405, body: "expected POST\n" };
  if (!request.local) return { status: 403, body: "only from within the pod\n" };
  run();
  return { status: 200, body };
}
