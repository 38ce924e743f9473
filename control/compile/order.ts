/** The orders that decide between resources; Istio's, so that the same YAML means the same here. */
import type { Meta } from "./inputs.ts";

/** Oldest first; of one age by name, then by namespace. An absent creationTimestamp is the oldest. */
export function byAge(a: { readonly metadata: Meta }, b: { readonly metadata: Meta }): number {
  return (
    compareText(a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? "") ||
    compareText(a.metadata.name, b.metadata.name) ||
    compareText(a.metadata.namespace ?? "", b.metadata.namespace ?? "")
  );
}

/** By code unit, which is the same everywhere; `localeCompare` is not. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Sorted, without duplicates. */
export function sortedUnique(values: Iterable<string>): string[] {
  return [...new Set(values)].sort(compareText);
}
