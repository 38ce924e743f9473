export interface Difference {
  /** Wanted files that are missing or other than they should be. */
  readonly stale: readonly string[];
  /** Generated files that nothing generates any more. */
  readonly orphaned: readonly string[];
}

/** Compares the files that should be (path to text) with those that are; both lists are sorted. */
export function compare(
  wanted: ReadonlyMap<string, string>,
  present: ReadonlyMap<string, string>,
): Difference {
  return {
    stale: [...wanted]
      .filter(([path, text]) => present.get(path) !== text)
      .map(([path]) => path)
      .sort(),
    orphaned: [...present.keys()].filter((path) => !wanted.has(path)).sort(),
  };
}
