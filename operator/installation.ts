import type {
  MeshInstallation,
  MeshInstallationSpec,
  MeshInstallationStatus,
} from "../crds/mesh-installation.ts";
import type { ObjectMeta } from "../kube/index.ts";

/** Resource quantities by resource name, each a text as the API server writes them. */
export interface ResourceList {
  readonly requests: Readonly<Record<string, string>>;
  readonly limits: Readonly<Record<string, string>>;
}

/** A MeshInstallation with every default filled in: what the rest of the operator reads. */
export interface Installation {
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly resourceVersion: string;
  readonly createdAt: string;
  readonly isDeleting: boolean;
  readonly isForced: boolean;
  readonly hasFinalizer: boolean;
  readonly version: string | undefined;
  readonly revision: string;
  readonly namespace: string;
  readonly paused: boolean;
  readonly trustDomain: string;
  readonly control: { readonly image: string; readonly replicas: number; readonly resources: ResourceList };
  readonly proxy: {
    readonly image: string;
    readonly resources: ResourceList;
    readonly logLevel: string;
    readonly concurrency: number;
  };
  readonly injection: {
    readonly failurePolicy: FailurePolicy;
    readonly nativeSidecar: "auto" | "true" | "false";
  };
  readonly validation: { readonly failurePolicy: FailurePolicy };
  readonly mtlsMode: "PERMISSIVE" | "STRICT" | "DISABLE";
  readonly outboundTrafficPolicy: "ALLOW_ANY" | "REGISTRY_ONLY";
  readonly localKeyAddresses: boolean;
  readonly accessLog: boolean;
  readonly accessLogEncoding: "TEXT" | "JSON";
  readonly status: MeshInstallationStatus;
}

export type FailurePolicy = "Ignore" | "Fail";

/** The images that belong to this operator's own version. */
export interface Images {
  readonly control: string;
  readonly proxy: string;
}

/** Held until the control plane is taken down in order. */
export const finalizer = "mesh.weft.dev/operator";
/** On a MeshInstallation that is being deleted: go on though pods still carry a sidecar. */
export const forceDeleteAnnotation = "mesh.weft.dev/force-delete";

/**
 * Reads a MeshInstallation as the API server hands it out. The CRD has the same defaults; they are here again because
 * an object stored before a field came into the CRD has none.
 */
export function readInstallation(object: MeshInstallation, images: Images): Installation {
  const { metadata, spec = {}, status = {} } = object;
  return { ...identity(metadata), ...desires(spec, images), status };
}

function identity(metadata: ObjectMeta) {
  return {
    name: metadata.name,
    uid: metadata.uid ?? "",
    generation: metadata.generation ?? 0,
    resourceVersion: metadata.resourceVersion ?? "",
    createdAt: metadata.creationTimestamp ?? "",
    isDeleting: metadata.deletionTimestamp !== undefined,
    isForced: metadata.annotations?.[forceDeleteAnnotation] === "true",
    hasFinalizer: metadata.finalizers?.includes(finalizer) === true,
  };
}

function desires(spec: MeshInstallationSpec, images: Images) {
  const { control = {}, proxy = {}, injection = {}, validation = {} } = spec;
  return {
    version: spec.version?.replace(/^v/, ""),
    revision: spec.revision ?? "default",
    namespace: spec.namespace ?? "istio-system",
    paused: spec.paused ?? false,
    trustDomain: spec.trustDomain ?? "cluster.local",
    control: {
      image: control.image ?? images.control,
      replicas: control.replicas ?? 2,
      resources: resources(control.resources, {
        requests: { cpu: "50m", memory: "128Mi" },
        limits: { memory: "512Mi" },
      }),
    },
    proxy: {
      image: proxy.image ?? images.proxy,
      resources: resources(proxy.resources, {
        requests: { cpu: "10m", memory: "64Mi" },
        limits: { memory: "128Mi" },
      }),
      logLevel: proxy.logLevel ?? "warning",
      concurrency: proxy.concurrency ?? 1,
    },
    injection: {
      failurePolicy: injection.failurePolicy ?? ("Ignore" as const),
      nativeSidecar: injection.nativeSidecar ?? ("auto" as const),
    },
    validation: { failurePolicy: validation.failurePolicy ?? ("Fail" as const) },
    mtlsMode: spec.mtls?.mode ?? ("PERMISSIVE" as const),
    outboundTrafficPolicy: spec.outboundTrafficPolicy ?? ("ALLOW_ANY" as const),
    localKeyAddresses: spec.localKeyAddresses ?? false,
    accessLog: spec.accessLog ?? false,
    accessLogEncoding: spec.accessLogEncoding ?? "TEXT",
  };
}

type Quantities = Readonly<Record<string, number | string>>;

function resources(
  own: { readonly requests?: Quantities; readonly limits?: Quantities } | undefined,
  standard: ResourceList,
): ResourceList {
  if (own === undefined) return standard;
  const texts = (list: Quantities = {}) =>
    Object.fromEntries(Object.entries(list).map(([name, quantity]) => [name, String(quantity)]));
  return { requests: texts(own.requests), limits: texts(own.limits) };
}

/**
 * The installation that has the revision, when it is another one: the older, or of two of one age the first by name.
 * Names of operands carry the revision, so two installations of one revision would fight over the same objects.
 */
export function holderOfRevision(one: Installation, all: readonly Installation[]): Installation | undefined {
  const isBefore = (a: Installation, b: Installation) =>
    a.createdAt === b.createdAt ? a.name < b.name : a.createdAt < b.createdAt;
  return all.find(
    (other) => other.uid !== one.uid && other.revision === one.revision && isBefore(other, one),
  );
}
