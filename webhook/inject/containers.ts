import type { JsonObject } from "../json.ts";
import type { AppMetrics } from "./metrics.ts";
import { initContainerName, ports, proxyContainerName, proxyUid, volumes } from "./names.ts";
import { nftRuleset } from "./nft.ts";
import type { Options } from "./options.ts";
import type { AppProbe } from "./probes.ts";
import type { Redirection } from "./redirection.ts";
import type { InjectionSettings } from "./settings.ts";

const stateFolder = "/var/lib/weft";

/** Where the init step says that traffic is redirected: only then may the application start. */
const redirectionMark = { name: "WEFT_REDIRECTION_MARK", value: `${stateFolder}/redirected` };

/** What the sidecar is told about its pod. */
export interface SidecarFacts {
  /** `Deployment/payment-v2` */
  readonly workload: string;
  /** The pod's labels as they are after injection. */
  readonly labels: Readonly<Record<string, string>>;
  readonly probes: Readonly<Record<string, AppProbe>>;
  readonly appMetrics: AppMetrics | undefined;
}

/**
 * Applies the redirection. Before a native sidecar it is one itself: it gives up its privileges and stays, as the kubelet
 * notices an end a second late (docs/adr/0004). Otherwise it is nft itself, and ends.
 */
export function initContainer(
  options: Options,
  redirection: Redirection,
  settings: InjectionSettings,
): JsonObject {
  const ruleset = nftRuleset(redirection);
  return {
    name: initContainerName,
    image: options.image,
    imagePullPolicy: settings.imagePullPolicy,
    ...(options.native
      ? {
          restartPolicy: "Always",
          command: ["/usr/local/bin/weft-proxy", "init", ruleset],
          env: [redirectionMark],
          // It idles, and what sidecars request adds up.
          resources: { requests: { cpu: "1m", memory: "8Mi" }, limits: { memory: "48Mi" } },
          volumeMounts: [{ name: volumes.state, mountPath: stateFolder }],
        }
      : { command: ["/usr/sbin/nft", ruleset], resources: options.resources }),
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { add: ["NET_ADMIN"], drop: ["ALL"] },
      privileged: false,
      readOnlyRootFilesystem: true,
      runAsGroup: 0,
      runAsNonRoot: false,
      runAsUser: 0,
    },
  };
}

/** The sidecar. As a native one it is an init container that goes on running, and is the last to be told to stop. */
export function proxyContainer(
  options: Options,
  facts: SidecarFacts,
  settings: InjectionSettings,
): JsonObject {
  return {
    name: proxyContainerName,
    image: options.image,
    imagePullPolicy: settings.imagePullPolicy,
    ...(options.native ? { restartPolicy: "Always" } : {}),
    ports: [{ name: "http-envoy-prom", containerPort: ports.metrics, protocol: "TCP" }],
    env: environment(options, facts, settings),
    resources: options.resources,
    // The next container starts when this returns: faster than a startup probe, which polls by the second.
    ...(options.hold
      ? { lifecycle: { postStart: { exec: { command: ["/usr/local/bin/weft-proxy", "wait"] } } } }
      : {}),
    ...(options.readiness === undefined
      ? {}
      : {
          readinessProbe: {
            httpGet: { path: "/healthz/ready", port: ports.readiness },
            ...(options.readiness.initialDelaySeconds > 0
              ? { initialDelaySeconds: options.readiness.initialDelaySeconds }
              : {}),
            periodSeconds: options.readiness.periodSeconds,
            failureThreshold: options.readiness.failureThreshold,
            timeoutSeconds: 3,
          },
        }),
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      privileged: false,
      readOnlyRootFilesystem: true,
      runAsGroup: proxyUid,
      runAsNonRoot: true,
      runAsUser: proxyUid,
    },
    volumeMounts: [
      { name: volumes.identity, mountPath: "/var/run/secrets/weft", readOnly: true },
      { name: volumes.state, mountPath: stateFolder },
      ...options.userVolumes.mounts,
    ],
  };
}

/** The proxy has four levels for Istio's seven; its errors are few, and never silenced. */
const proxyLogLevels: Readonly<Record<string, string>> = {
  trace: "debug",
  debug: "debug",
  info: "info",
  warning: "warn",
  error: "error",
  critical: "error",
  off: "error",
};

function environment(options: Options, facts: SidecarFacts, settings: InjectionSettings): JsonObject[] {
  const variables: JsonObject[] = [
    literal("WEFT_REVISION", settings.revision),
    fromPod("WEFT_NAMESPACE", "metadata.namespace"),
    fromPod("WEFT_POD_NAME", "metadata.name"),
    fromPod("WEFT_POD_IP", "status.podIPs"),
    fromPod("WEFT_POD_UID", "metadata.uid"),
    fromPod("WEFT_NODE_NAME", "spec.nodeName"),
    fromPod("WEFT_SERVICE_ACCOUNT", "spec.serviceAccountName"),
    literal("WEFT_WORKLOAD", facts.workload),
    literal("WEFT_POD_LABELS", JSON.stringify(facts.labels)),
    literal("WEFT_TRUST_DOMAIN", settings.trustDomain),
    literal("WEFT_CLUSTER_DOMAIN", settings.clusterDomain),
    literal("WEFT_CA_URL", settings.caUrl),
    literal("WEFT_CA_ROOT", settings.caRoot),
    literal("WEFT_APP_PROBES", JSON.stringify(facts.probes)),
    literal("WEFT_CONCURRENCY", String(options.concurrency)),
    literal("WEFT_LOG_LEVEL", proxyLogLevels[options.logLevel] ?? "info"),
    literal("WEFT_DRAIN_SECONDS", String(options.drainSeconds)),
  ];
  if (options.resources.limits?.memory !== undefined) variables.push(memoryLimit);
  if (!options.native) variables.push(literal("WEFT_ENDS_WITH_APPLICATION", "true"));
  if (options.native && options.redirection !== undefined) variables.push(redirectionMark);
  if (facts.appMetrics !== undefined) {
    variables.push(literal("WEFT_APP_METRICS", JSON.stringify(facts.appMetrics)));
  }
  return variables;
}

/**
 * The runtime's collector takes all of the node's memory for its own, and lets garbage grow accordingly, unless it is told what the
 * container may have.
 */
const memoryLimit: JsonObject = {
  name: "BUN_JSC_forceRAMSize",
  valueFrom: { resourceFieldRef: { resource: "limits.memory" } },
};

/** The kubelet expands `$(NAME)` in values and reads `$$` as `$`: doubling keeps any text as it is. */
function literal(name: string, value: string): JsonObject {
  return { name, value: value.replaceAll("$", "$$$$") };
}

function fromPod(name: string, fieldPath: string): JsonObject {
  return { name, valueFrom: { fieldRef: { apiVersion: "v1", fieldPath } } };
}

/** The volumes the sidecar needs: what it proves itself with, and its last good configuration. */
export function sidecarVolumes(): JsonObject[] {
  return [
    {
      name: volumes.identity,
      projected: {
        defaultMode: 420,
        sources: [
          { serviceAccountToken: { path: "api-token", expirationSeconds: 3_607 } },
          { serviceAccountToken: { path: "ca-token", audience: "istio-ca", expirationSeconds: 43_200 } },
          { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "kube-ca.crt" }] } },
        ],
      },
    },
    { name: volumes.state, emptyDir: {} },
  ];
}
