import { isObject, type JsonObject, stringMap, text } from "../json.ts";

/** A container as far as injection reads it; `raw` is the object itself, with every field it has. */
export interface Container {
  readonly name: string;
  readonly image: string | undefined;
  readonly raw: JsonObject;
}

/** What injection reads of a pod. Fields that are absent in the pod are told apart from empty ones by `has`. */
export interface Pod {
  readonly name: string | undefined;
  readonly generateName: string | undefined;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly owners: readonly Owner[];
  readonly containers: readonly Container[];
  readonly initContainers: readonly Container[];
  readonly volumeNames: readonly string[];
  readonly imagePullSecrets: readonly string[];
  readonly spec: JsonObject;
  /** Which maps and lists exist, so that a patch knows which to make. */
  readonly has: {
    readonly labels: boolean;
    readonly annotations: boolean;
    readonly initContainers: boolean;
    readonly volumes: boolean;
    readonly imagePullSecrets: boolean;
  };
}

export interface Owner {
  readonly kind: string;
  readonly name: string;
  readonly controller: boolean;
}

/** More containers or volumes than any pod has: etcd would not hold it. */
const longestList = 1_000;

/** Reads a pod, or returns what is wrong with it in one sentence. `namespace` is the request's. */
export function decodePod(object: unknown, namespace: string): Pod | string {
  if (!isObject(object)) return "the object is not a JSON object; expected a Pod";
  if (!isObject(object.spec)) return "spec is missing; expected a PodSpec";
  const metadata = isObject(object.metadata) ? object.metadata : undefined;
  if (metadata === undefined) return "metadata is missing; expected ObjectMeta";
  const spec = object.spec;
  const containers = namedList(spec.containers, "spec.containers");
  if (typeof containers === "string") return containers;
  if (containers.length === 0) return "spec.containers is empty; expected at least one container";
  const initContainers = namedList(spec.initContainers, "spec.initContainers");
  if (typeof initContainers === "string") return initContainers;
  const volumes = namedList(spec.volumes, "spec.volumes");
  if (typeof volumes === "string") return volumes;
  const secrets = namedList(spec.imagePullSecrets, "spec.imagePullSecrets");
  if (typeof secrets === "string") return secrets;
  return {
    name: text(metadata.name),
    generateName: text(metadata.generateName),
    namespace: namespace !== "" ? namespace : (text(metadata.namespace) ?? "default"),
    labels: stringMap(metadata.labels),
    annotations: stringMap(metadata.annotations),
    owners: decodeOwners(metadata.ownerReferences),
    containers: containers.map(toContainer),
    initContainers: initContainers.map(toContainer),
    volumeNames: volumes.map(nameOf),
    imagePullSecrets: secrets.map(nameOf),
    spec,
    has: {
      labels: isObject(metadata.labels),
      annotations: isObject(metadata.annotations),
      initContainers: Array.isArray(spec.initContainers),
      volumes: Array.isArray(spec.volumes),
      imagePullSecrets: Array.isArray(spec.imagePullSecrets),
    },
  };
}

function namedList(value: unknown, path: string): JsonObject[] | string {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return `${path} is not a list`;
  if (value.length > longestList) return `${path} has ${value.length} items; at most ${longestList} are read`;
  const list: JsonObject[] = [];
  for (const [index, item] of value.entries()) {
    if (!isObject(item)) return `${path}[${index}] is not an object`;
    list.push(item);
  }
  return list;
}

function nameOf(item: JsonObject): string {
  return text(item.name) ?? "";
}

function toContainer(raw: JsonObject): Container {
  return { name: nameOf(raw), image: text(raw.image), raw };
}

function decodeOwners(value: unknown): Owner[] {
  if (!Array.isArray(value)) return [];
  const owners: Owner[] = [];
  for (const item of value.slice(0, longestList)) {
    if (!isObject(item)) continue;
    owners.push({ kind: text(item.kind) ?? "", name: nameOf(item), controller: item.controller === true });
  }
  return owners;
}
