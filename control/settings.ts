import { readFile } from "node:fs/promises";
import type { MtlsMode } from "../crds/workload-config.ts";
import type { Clock, Log, Timer } from "../kube/index.ts";

/**
 * The mesh's settings as the operator writes them into ConfigMap `weft-mesh-REV`, key `mesh.json`. Every field may be
 * left out; what is absent takes the default of whoever uses it.
 */
export interface MeshFile {
  readonly revision?: string;
  /** Namespace of the control plane and of mesh-wide policies. */
  readonly namespace?: string;
  readonly trustDomain?: string;
  readonly clusterDomain?: string;
  readonly accessLog?: boolean;
  readonly accessLogEncoding?: "TEXT" | "JSON";
  readonly outboundTrafficPolicy?: "ALLOW_ANY" | "REGISTRY_ONLY";
  /** Whether keys of token issuers may be fetched from loopback and link-local addresses. */
  readonly localKeyAddresses?: boolean;
  readonly mtls?: { readonly mode?: MtlsMode };
  readonly proxy?: {
    readonly image?: string;
    readonly imagePullPolicy?: "Always" | "IfNotPresent" | "Never";
    readonly imagePullSecrets?: readonly string[];
    readonly resources?: {
      readonly requests?: Readonly<Record<string, string>>;
      readonly limits?: Readonly<Record<string, string>>;
    };
    readonly logLevel?: string;
    readonly concurrency?: number;
    readonly drainSeconds?: number;
  };
  readonly injection?: {
    readonly nativeSidecar?: "auto" | "true" | "false";
    readonly holdApplicationUntilProxyStarts?: boolean;
    readonly rewriteProbes?: boolean;
    readonly mergeMetrics?: boolean;
    readonly ignoredNamespaces?: readonly string[];
  };
}

type Check = (value: unknown) => boolean;
const isString: Check = (value) => typeof value === "string" && value !== "";
const isBoolean: Check = (value) => typeof value === "boolean";
const isCount: Check = (value) => Number.isInteger(value) && (value as number) >= 0;
const isStrings: Check = (value) => Array.isArray(value) && value.every(isString);
const isRecord: Check = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isQuantities: Check = (value) => isRecord(value) && Object.values(value as object).every(isString);
const oneOf =
  (...values: string[]): Check =>
  (value) =>
    typeof value === "string" && values.includes(value);

/** Path of every field with what it must be: what is not listed here is ignored, so that a newer operator may add. */
const fields: readonly (readonly [path: string, check: Check, expected: string])[] = [
  ["revision", isString, "a name"],
  ["namespace", isString, "a name"],
  ["trustDomain", isString, "a DNS name"],
  ["clusterDomain", isString, "a DNS name"],
  ["accessLog", isBoolean, "true or false"],
  ["accessLogEncoding", oneOf("TEXT", "JSON"), "TEXT or JSON"],
  ["outboundTrafficPolicy", oneOf("ALLOW_ANY", "REGISTRY_ONLY"), "ALLOW_ANY or REGISTRY_ONLY"],
  ["localKeyAddresses", isBoolean, "true or false"],
  ["mtls", isRecord, "an object"],
  ["mtls.mode", oneOf("STRICT", "PERMISSIVE", "DISABLE"), "STRICT, PERMISSIVE or DISABLE"],
  ["proxy", isRecord, "an object"],
  ["proxy.image", isString, "an image reference"],
  ["proxy.imagePullPolicy", oneOf("Always", "IfNotPresent", "Never"), "Always, IfNotPresent or Never"],
  ["proxy.imagePullSecrets", isStrings, "a list of names"],
  ["proxy.resources", isRecord, "an object"],
  ["proxy.resources.requests", isQuantities, "quantities by resource"],
  ["proxy.resources.limits", isQuantities, "quantities by resource"],
  ["proxy.logLevel", isString, "a level"],
  ["proxy.concurrency", isCount, "a whole number"],
  ["proxy.drainSeconds", isCount, "a whole number of seconds"],
  ["injection", isRecord, "an object"],
  ["injection.nativeSidecar", oneOf("auto", "true", "false"), '"auto", "true" or "false"'],
  ["injection.holdApplicationUntilProxyStarts", isBoolean, "true or false"],
  ["injection.rewriteProbes", isBoolean, "true or false"],
  ["injection.mergeMetrics", isBoolean, "true or false"],
  ["injection.ignoredNamespaces", isStrings, "a list of namespaces"],
];

/** Reads mesh.json; throws an error that names every field that is not as it should be. */
export function parseMeshFile(text: string): MeshFile {
  const parsed: unknown = JSON.parse(text);
  if (!isRecord(parsed)) throw new Error(`mesh.json holds ${typeof parsed}; expected an object`);
  const wrong = fields.flatMap(([path, check, expected]) => {
    const value = at(parsed, path);
    return value === undefined || check(value)
      ? []
      : [`${path}: found ${JSON.stringify(value)}, expected ${expected}`];
  });
  if (wrong.length > 0) throw new Error(`mesh.json: ${wrong.join("; ")}`);
  return parsed as MeshFile;
}

function at(root: unknown, path: string): unknown {
  let value = root;
  for (const name of path.split(".")) {
    if (!isRecord(value)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** The kubelet swaps a mounted ConfigMap about a minute after it changed; looking at one small file costs nothing. */
const pollMs = 2_000;

/** Follows mesh.json where it is mounted. A file that cannot be used leaves the last good settings in place. */
export function createMeshFile(options: { path: string; clock: Clock; log: Log }): {
  current(): MeshFile;
  onChange(listener: (file: MeshFile) => void): void;
  /** Reads once; a file that is missing stands for all defaults, one that is wrong throws. */
  start(): Promise<void>;
  close(): void;
} {
  const { path, clock, log } = options;
  const listeners = new Set<(file: MeshFile) => void>();
  let current: MeshFile = {};
  let seen: string | undefined;
  let timer: Timer | undefined;
  let closed = false;

  const look = async () => {
    const text = await readFile(path, "utf8").catch((error: unknown) => {
      if (seen === undefined) log.warn("no mesh settings; using defaults", { path, error });
      return seen ?? "{}";
    });
    if (text === seen || closed) return;
    const first = seen === undefined;
    seen = text;
    current = parseMeshFile(text);
    if (first) return;
    log.info("mesh settings changed", { path });
    for (const listener of listeners) listener(current);
  };
  const again = () => {
    if (closed) return;
    timer = clock.setTimeout(() => {
      look()
        .catch((error: unknown) =>
          log.error("mesh settings cannot be used; the last good ones stay", { error }),
        )
        .finally(again);
    }, pollMs);
  };
  return {
    current: () => current,
    onChange: (listener) => {
      listeners.add(listener);
    },
    async start() {
      await look();
      again();
    },
    close() {
      closed = true;
      timer?.cancel();
    },
  };
}
