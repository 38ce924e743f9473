/** Everything that injection depends on besides the pod. Control builds it from the mesh's settings. */
export interface InjectionSettings {
  /** The control plane's revision; `default` unless several run side by side. */
  readonly revision: string;
  /** Where the control plane and mesh-wide resources live. */
  readonly rootNamespace: string;
  readonly trustDomain: string;
  readonly clusterDomain: string;
  readonly proxyImage: string;
  readonly imagePullPolicy: "Always" | "IfNotPresent" | "Never";
  /** Secret names added to the pod's `imagePullSecrets`. */
  readonly imagePullSecrets: readonly string[];
  /** The certificate authority's base URL, e.g. `https://control-default.istio-system.svc:15012`. */
  readonly caUrl: string;
  /** PEM of the anchors by which the sidecar knows the certificate authority's server. */
  readonly caRoot: string;
  /** The resources of `istio-init` and `istio-proxy` when no annotation names any. */
  readonly resources: Resources;
  /** One of Istio's: trace, debug, info, warning, error, critical, off. */
  readonly logLevel: string;
  /** Worker processes of the proxy. */
  readonly concurrency: number;
  /** How long the proxy goes on after SIGTERM, in seconds. */
  readonly drainSeconds: number;
  /** `true` and `false` decide for every pod without an annotation; `auto` asks the cluster. */
  readonly nativeSidecar: "auto" | "true" | "false";
  /** Whether every kubelet knows init containers with `restartPolicy: Always` (Kubernetes 1.29, KEP-753). */
  readonly clusterSupportsNativeSidecar: boolean;
  readonly holdApplicationUntilProxyStarts: boolean;
  readonly rewriteProbes: boolean;
  readonly mergeMetrics: boolean;
  /** Namespaces whose pods are never injected. */
  readonly ignoredNamespaces: readonly string[];
}

/** A container's `resources`: Kubernetes quantities. */
export interface Resources {
  readonly requests?: Readonly<Record<string, string>>;
  readonly limits?: Readonly<Record<string, string>>;
}

/** What an installation has to say for itself; the rest has defaults. */
export type RequiredSettings = Pick<InjectionSettings, "proxyImage" | "caRoot">;

/** The defaults of a fresh installation, overridden by `own`. */
export function injectionSettings(own: RequiredSettings & Partial<InjectionSettings>): InjectionSettings {
  const revision = own.revision ?? "default";
  const rootNamespace = own.rootNamespace ?? "istio-system";
  return {
    revision,
    rootNamespace,
    trustDomain: "cluster.local",
    clusterDomain: "cluster.local",
    imagePullPolicy: "IfNotPresent",
    imagePullSecrets: [],
    caUrl: `https://control-${revision}.${rootNamespace}.svc:15012`,
    resources: { requests: { cpu: "10m", memory: "64Mi" }, limits: { memory: "128Mi" } },
    logLevel: "warning",
    concurrency: 1,
    drainSeconds: 5,
    nativeSidecar: "auto",
    clusterSupportsNativeSidecar: true,
    holdApplicationUntilProxyStarts: true,
    rewriteProbes: true,
    mergeMetrics: true,
    ignoredNamespaces: ["kube-system", "kube-public", "kube-node-lease", "local-path-storage", "weft-system"],
    ...own,
  };
}
