import { isObject, type JsonObject, text } from "../json.ts";
import type { Report } from "../report.ts";
import { annotationField, annotations } from "./annotations.ts";
import { volumes as own } from "./names.ts";

export interface UserVolumes {
  /** Added to the pod's volumes. */
  readonly volumes: readonly JsonObject[];
  /** Added to the sidecar's volume mounts. */
  readonly mounts: readonly JsonObject[];
}

const none: UserVolumes = { volumes: [], mounts: [] };
const longestDocument = 65_536;
const mostVolumes = 100;
const volumeName = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/**
 * Reads `sidecar.istio.io/userVolume` and `userVolumeMount`: JSON, either a list of Kubernetes' own objects or a map
 * from the volume's name to the rest of the object.
 */
export function userVolumesOf(
  given: Readonly<Record<string, string>>,
  taken: readonly string[],
  report: Report,
): UserVolumes {
  const volumes = read(given, annotations.userVolume, report);
  const mounts = read(given, annotations.userVolumeMount, report);
  if (volumes === undefined && mounts === undefined) return none;
  const names = new Set([...taken, ...Object.values(own)]);
  for (const volume of volumes ?? []) {
    const name = text(volume.name) ?? "";
    if (names.has(name)) {
      report.duplicate(annotationField(annotations.userVolume), name, "the pod has a volume of that name");
    }
    names.add(name);
  }
  for (const mount of mounts ?? []) {
    const field = annotationField(annotations.userVolumeMount);
    if (!names.has(text(mount.name) ?? "")) {
      report.invalid(field, mount.name, `must name a volume of the pod or of ${annotations.userVolume}`);
    }
    if (text(mount.mountPath) === undefined) report.required(field, `mountPath of ${String(mount.name)}`);
  }
  return { volumes: volumes ?? [], mounts: mounts ?? [] };
}

function read(
  given: Readonly<Record<string, string>>,
  name: string,
  report: Report,
): readonly JsonObject[] | undefined {
  const json = given[name];
  if (json === undefined || json.trim() === "") return undefined;
  const field = annotationField(name);
  if (json.length > longestDocument) {
    report.invalid(field, `${json.length} characters`, `must have at most ${longestDocument}`);
    return undefined;
  }
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    report.invalid(field, json, `must be JSON${position(error)}`);
    return undefined;
  }
  const list = Array.isArray(value) ? value : isObject(value) ? fromMap(value) : undefined;
  if (list === undefined || list.length > mostVolumes) {
    report.invalid(field, json, `must be a JSON list or map of at most ${mostVolumes} objects`);
    return undefined;
  }
  const items: JsonObject[] = [];
  for (const item of list) {
    if (!isObject(item) || !volumeName.test(text(item.name) ?? "")) {
      report.invalid(field, item, "must be an object whose name is a DNS label");
      continue;
    }
    items.push(item);
  }
  return items;
}

function fromMap(map: JsonObject): unknown[] {
  return Object.entries(map).map(([name, rest]) => (isObject(rest) ? { ...rest, name } : rest));
}

/** Engines word their messages differently; where the mistake is, is all that they agree on. */
function position(error: unknown): string {
  const at = /position ([0-9]+)/.exec(error instanceof Error ? error.message : "")?.[1];
  return at === undefined ? "" : `; the mistake is at character ${at}`;
}
