/** A small cluster for tests, put together from objects as one would write them in YAML. */
import { parse, parseAllDocuments } from "yaml";
import type { Change, InputKind, Inputs, Meta, Snapshot } from "./inputs.ts";

export interface Manifest {
  readonly kind: string;
  readonly metadata: Meta;
}

/** One object from YAML, with `namespace: default` where none is given. */
export function object<K extends InputKind>(kind: K, text: string): Inputs[K] & Manifest {
  return withNamespace({ kind, ...(parse(text) as Omit<Manifest, "kind">) }) as Inputs[K] & Manifest;
}

/** Every document of a YAML text. */
export function objects(text: string): Manifest[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null)
    .map(withNamespace);
}

function withNamespace<T extends Manifest>(manifest: T): T {
  if (manifest.kind === "Node" || manifest.kind === "KeySet") return manifest;
  return { ...manifest, metadata: { namespace: "default", ...manifest.metadata } };
}

export function keyOfManifest({ kind, metadata }: Manifest): string {
  return kind === "Node" || kind === "KeySet"
    ? metadata.name
    : `${metadata.namespace ?? ""}/${metadata.name}`;
}

const kinds: readonly InputKind[] = [
  "Service",
  "EndpointSlice",
  "Pod",
  "Node",
  "VirtualService",
  "DestinationRule",
  "ServiceEntry",
  "PeerAuthentication",
  "AuthorizationPolicy",
  "RequestAuthentication",
  "EnvoyFilter",
  "RateLimit",
  "KeySet",
];

/** The objects of the kinds that the compiler reads. */
export function snapshotOf(manifests: readonly Manifest[]): Snapshot {
  const maps = new Map(kinds.map((kind) => [kind as string, new Map<string, Manifest>()]));
  for (const manifest of manifests) maps.get(manifest.kind)?.set(keyOfManifest(manifest), manifest);
  return Object.fromEntries(maps) as Snapshot;
}

/** The change that puts an object in, or takes it out. */
export function change(manifest: Manifest, how: "apply" | "delete" = "apply"): Change {
  const { kind } = manifest;
  const key = keyOfManifest(manifest);
  return (how === "apply" ? { kind, key, object: manifest } : { kind, key }) as Change;
}

export interface PodOptions {
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly account?: string;
  /** `Kind/name`; absent: no sidecar. */
  readonly workload?: string;
  readonly node?: string;
  readonly created?: string;
  readonly ports?: Readonly<Record<string, number>>;
  /** Its address; absent: it has none that counts. */
  readonly ip?: string;
  readonly ready?: boolean;
}

/** A pod as the injector leaves it. */
export function pod(name: string, options: PodOptions = {}): Inputs["Pod"] & Manifest {
  const { workload, created } = options;
  const ports = Object.entries(options.ports ?? {});
  return {
    kind: "Pod",
    metadata: {
      name,
      namespace: options.namespace ?? "default",
      uid: `uid-${name}`,
      creationTimestamp: created ?? "2026-01-01T00:00:00Z",
      labels: {
        ...options.labels,
        ...(workload === undefined ? {} : { "security.istio.io/tlsMode": "istio" }),
      },
      annotations:
        workload === undefined ? {} : { "sidecar.istio.io/status": "{}", "mesh.weft.dev/workload": workload },
    },
    spec: {
      serviceAccountName: options.account ?? "default",
      ...(options.node === undefined ? {} : { nodeName: options.node }),
      containers: [
        { name: "app", ports: ports.map(([port, containerPort]) => ({ name: port, containerPort })) },
      ],
    },
    ...(options.ip === undefined
      ? {}
      : {
          status: {
            podIP: options.ip,
            conditions: [{ type: "Ready", status: options.ready === false ? "False" : "True" }],
          },
        }),
  };
}

export interface EndpointOptions {
  readonly address: string;
  readonly pod?: string;
  readonly conditions?: { ready?: boolean; serving?: boolean; terminating?: boolean };
  readonly node?: string;
  readonly zone?: string;
}

/** An EndpointSlice with one port named `http`. */
export function slice(
  service: string,
  endpoints: readonly EndpointOptions[],
  options: {
    name?: string;
    namespace?: string;
    ports?: Readonly<Record<string, number>>;
    addressType?: string;
  } = {},
): Inputs["EndpointSlice"] & Manifest {
  const namespace = options.namespace ?? "default";
  return {
    kind: "EndpointSlice",
    metadata: {
      name: options.name ?? `${service}-abc`,
      namespace,
      labels: { "kubernetes.io/service-name": service },
    },
    addressType: options.addressType ?? "IPv4",
    ports: Object.entries(options.ports ?? { http: 8080 }).map(([name, port]) => ({ name, port })),
    endpoints: endpoints.map(({ address, pod: name, conditions, node, zone }) => ({
      addresses: [address],
      ...(conditions === undefined ? { conditions: { ready: true } } : { conditions }),
      ...(name === undefined ? {} : { targetRef: { kind: "Pod", name, namespace } }),
      ...(node === undefined ? {} : { nodeName: node }),
      ...(zone === undefined ? {} : { zone }),
    })),
  };
}

/** A ClusterIP service with one HTTP port. */
export function service(
  name: string,
  options: {
    namespace?: string;
    selector?: Readonly<Record<string, string>>;
    created?: string;
    spec?: Inputs["Service"]["spec"];
    annotations?: Readonly<Record<string, string>>;
  } = {},
): Inputs["Service"] & Manifest {
  return {
    kind: "Service",
    metadata: {
      name,
      namespace: options.namespace ?? "default",
      uid: `uid-${name}`,
      creationTimestamp: options.created ?? "2026-01-01T00:00:00Z",
      annotations: options.annotations ?? {},
    },
    spec: {
      clusterIP: "10.96.0.1",
      clusterIPs: ["10.96.0.1"],
      ipFamilies: ["IPv4"],
      selector: options.selector ?? { app: name },
      ports: [{ name: "http", port: 80, targetPort: 8080 }],
      ...options.spec,
    },
  };
}
