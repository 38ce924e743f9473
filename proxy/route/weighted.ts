/** Weights as running sums: entries of weight 0 are never chosen, a single entry always is. */
export interface Weighted<T> {
  readonly items: readonly T[];
  readonly sums: readonly number[];
}

/** Prepares a choice. Weights are relative to their sum (VirtualService route[].weight); null when nothing can be chosen. */
export function prepareWeights<T>(
  entries: readonly { readonly item: T; readonly weight: number }[],
): Weighted<T> | undefined {
  const chosen =
    entries.length === 1
      ? entries.map((entry) => ({ ...entry, weight: 1 }))
      : entries.filter((entry) => entry.weight > 0);
  if (chosen.length === 0) return undefined;
  let sum = 0;
  return {
    items: chosen.map((entry) => entry.item),
    sums: chosen.map((entry) => (sum += entry.weight)),
  };
}

/** The entry for a random number in [0, 1). */
export function choose<T>(weighted: Weighted<T>, random: number): T {
  const { items, sums } = weighted;
  const point = random * (sums[sums.length - 1] ?? 0);
  let i = 0;
  while (i < sums.length - 1 && point >= (sums[i] ?? 0)) i++;
  return items[i] as T;
}
