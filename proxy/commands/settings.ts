/** What the injector tells the sidecar through its environment, read once. Pure. */

export interface Settings {
  readonly revision: string;
  readonly namespace: string;
  readonly podName: string;
  /** The pod's addresses; the first is its primary one. */
  readonly podIps: readonly string[];
  readonly podUid: string;
  /** The node that the pod runs on. */
  readonly node: string | undefined;
  readonly serviceAccount: string;
  /** `Deployment/payment-v2`. */
  readonly workload: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly trustDomain: string;
  readonly clusterDomain: string;
  readonly caUrl: string;
  /** PEM anchors. */
  readonly caRoot: string;
  /** `https://HOST:PORT` of the API server. */
  readonly apiUrl: string;
  /** JSON; see `admin/probes.ts`. */
  readonly appProbes: string | undefined;
  readonly appMetrics: { readonly port: number; readonly path: string } | undefined;
  readonly logLevel: LogLevel;
  readonly drainSeconds: number;
  /** False for a native sidecar, which ends after its application. */
  readonly endsWithApplication: boolean;
}

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** As Istio's `terminationDrainDuration`. */
const DRAIN_SECONDS = 5;

/** Reads the settings. Throws TypeError naming every variable that is missing or malformed. */
export function readSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  const problems: string[] = [];
  const need = (name: string): string => {
    const value = env[name];
    if (value === undefined || value === "") problems.push(`${name}: expected a value, found none`);
    return value ?? "";
  };
  const parse = <T>(name: string, fallback: T, check: (value: unknown) => T | undefined): T => {
    const text = env[name];
    if (text === undefined || text === "") return fallback;
    try {
      const value = check(JSON.parse(text));
      if (value !== undefined) return value;
    } catch {
      // Told below, with what was found.
    }
    problems.push(`${name}: expected ${EXPECTED[name] ?? "JSON"}, found ${text.slice(0, 100)}`);
    return fallback;
  };
  const host = need("KUBERNETES_SERVICE_HOST");
  const settings: Settings = {
    revision: env.WEFT_REVISION ?? "default",
    namespace: need("WEFT_NAMESPACE"),
    podName: env.WEFT_POD_NAME ?? "",
    podIps: need("WEFT_POD_IP").split(","),
    podUid: env.WEFT_POD_UID ?? "",
    node: env.WEFT_NODE_NAME || undefined,
    serviceAccount: env.WEFT_SERVICE_ACCOUNT ?? "default",
    workload: need("WEFT_WORKLOAD"),
    labels: parse("WEFT_POD_LABELS", {}, stringMap),
    trustDomain: env.WEFT_TRUST_DOMAIN ?? "cluster.local",
    clusterDomain: env.WEFT_CLUSTER_DOMAIN ?? "cluster.local",
    caUrl: need("WEFT_CA_URL"),
    caRoot: need("WEFT_CA_ROOT"),
    apiUrl: `https://${host.includes(":") ? `[${host}]` : host}:${env.KUBERNETES_SERVICE_PORT ?? "443"}`,
    appProbes: env.WEFT_APP_PROBES,
    appMetrics: parse("WEFT_APP_METRICS", undefined, metricsTarget),
    logLevel: LOG_LEVELS.find((level) => level === env.WEFT_LOG_LEVEL) ?? "info",
    drainSeconds: parse("WEFT_DRAIN_SECONDS", DRAIN_SECONDS, seconds),
    endsWithApplication: env.WEFT_ENDS_WITH_APPLICATION === "true",
  };
  if (problems.length > 0) {
    throw new TypeError(
      `the environment is not a sidecar's:\n  ${problems.join("\n  ")}\nThe injector sets these; to run without Kubernetes use --config DIR.`,
    );
  }
  return settings;
}

const EXPECTED: Readonly<Record<string, string>> = {
  WEFT_POD_LABELS: "a JSON object of strings",
  WEFT_APP_METRICS: 'JSON as {"port": 8080, "path": "/metrics"}',
  WEFT_DRAIN_SECONDS: "a number of seconds from 0 to 3600",
};

function stringMap(value: unknown): Record<string, string> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.values(value).every((each) => typeof each === "string")
    ? (value as Record<string, string>)
    : undefined;
}

function metricsTarget(value: unknown): { port: number; path: string } | undefined {
  const { port, path } = (value ?? {}) as { port?: unknown; path?: unknown };
  const number = Number(port);
  if (!Number.isInteger(number) || number < 1 || number > 65_535) return undefined;
  return { port: number, path: typeof path === "string" && path !== "" ? path : "/metrics" };
}

function seconds(value: unknown): number | undefined {
  return typeof value === "number" && value >= 0 && value <= 3600 ? value : undefined;
}
