import { allKinds } from "../crds/index.ts";
import { type KubeObject, type Resource, resources } from "../kube/index.ts";
import { CommandError } from "./errors.ts";

const builtIn: readonly Resource[] = Object.values(resources).filter((value) => typeof value === "object");
const own: readonly Resource[] = allKinds.flatMap(({ group, kind, plural, scope, versions }) =>
  versions.map((version) => ({ group, version, plural, kind, namespaced: scope === "Namespaced" })),
);

/** The resource that an object's apiVersion and kind name. */
export function resourceOf({ apiVersion = "", kind = "", metadata }: KubeObject): Resource {
  const [group, version] = apiVersion.includes("/") ? apiVersion.split("/", 2) : ["", apiVersion];
  const found = [...builtIn, ...own].find(
    (resource) => resource.group === group && resource.version === version && resource.kind === kind,
  );
  if (found === undefined)
    throw new CommandError(
      `${kind || "an object without a kind"} ${metadata?.name ?? ""}: found apiVersion "${apiVersion}"; expected a kind that Kubernetes or this mesh has`,
    );
  return found;
}
