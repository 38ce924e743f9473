import { isObject, type JsonObject } from "../json.ts";
import { autoImage } from "./names.ts";

/** By what the items of a container's lists are told apart when merged (Kubernetes' `patchMergeKey`). */
const mergeKeys: Readonly<Record<string, string>> = {
  env: "name",
  ports: "containerPort",
  volumeMounts: "mountPath",
  volumeDevices: "devicePath",
};

/** Members that only the injector may decide: without them the container would not be a sidecar. */
const fixed: ReadonlySet<string> = new Set(["name", "image", "restartPolicy"]);

/**
 * Lays a user's own partial container over the injector's, as a strategic merge patch would: maps merge, keyed lists
 * merge by key, anything else is replaced.
 */
export function overlay(template: JsonObject, own: JsonObject): JsonObject {
  const merged: Record<string, unknown> = { ...template };
  for (const [member, value] of Object.entries(own)) {
    if (value === null || fixed.has(member)) continue;
    merged[member] = mergeMember(member, template[member], value);
  }
  if (typeof own.image === "string" && own.image !== autoImage) merged.image = own.image;
  return merged;
}

function mergeMember(member: string, base: unknown, own: unknown): unknown {
  const key = mergeKeys[member];
  if (key !== undefined && Array.isArray(base) && Array.isArray(own)) return mergeByKey(base, own, key);
  if (isObject(base) && isObject(own)) {
    const merged: Record<string, unknown> = { ...base };
    for (const [name, value] of Object.entries(own)) {
      if (value !== null) merged[name] = mergeMember(name, base[name], value);
    }
    return merged;
  }
  return own;
}

/** The template's items keep their places; new ones follow. An item of the same key is replaced as a whole. */
function mergeByKey(base: readonly unknown[], own: readonly unknown[], key: string): unknown[] {
  const merged = [...base];
  for (const item of own) {
    const at = isObject(item) ? merged.findIndex((other) => isObject(other) && other[key] === item[key]) : -1;
    if (at === -1) merged.push(item);
    else merged[at] = item;
  }
  return merged;
}
