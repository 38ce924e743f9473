/** `exportTo`: which client namespaces may see a resource. */
import { sortedUnique } from "./order.ts";

/** `"all"`, or the namespaces that see it; an empty set is nobody. */
export type Visibility = "all" | ReadonlySet<string>;

/** The annotation by which a Service bounds its own visibility. */
export const exportToAnnotation = "networking.istio.io/exportTo";

/** `.` is the resource's own namespace, `*` every one, `~` none; nothing said means every one, the mesh's default. */
export function visibilityOf(exportTo: readonly string[] | undefined, namespace: string): Visibility {
  if (exportTo === undefined || exportTo.length === 0 || exportTo.includes("*")) return "all";
  return new Set(
    exportTo.filter((entry) => entry !== "~").map((entry) => (entry === "." ? namespace : entry)),
  );
}

/** The same of a Service's annotation, a comma-separated list. */
export function visibilityOfAnnotation(value: string | undefined, namespace: string): Visibility {
  const entries = value
    ?.split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
  return visibilityOf(entries, namespace);
}

export function isVisible(visibility: Visibility, client: string): boolean {
  return visibility === "all" || visibility.has(client);
}

/** Visible in its own namespace alone. */
export function isPrivate(visibility: Visibility, namespace: string): boolean {
  return visibility !== "all" && visibility.size === 1 && visibility.has(namespace);
}

/** Equal visibilities have equal texts. */
export function visibilityText(visibility: Visibility): string {
  return visibility === "all" ? "*" : sortedUnique(visibility).join(",");
}

/** The same in compiled form, where absent is everyone. */
export function exportToOf(visibility: Visibility): { exportTo?: string[] } {
  return visibility === "all" ? {} : { exportTo: sortedUnique(visibility) };
}
