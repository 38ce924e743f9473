/** What balancing chooses among, and what a choice is. */

/** What balancing reads of an endpoint. */
export interface Candidate {
  /** Relative share, above 0. */
  readonly weight: number;
  /** Requests in flight from this proxy. */
  readonly active: number;
}

/**
 * The next endpoint: none of `exclude` while another is there, undefined when there are none at all.
 * `now` is in ms; `hash` is for consistent hashing.
 */
export type Picker<T extends Candidate> = (
  now: number,
  exclude?: readonly T[],
  hash?: number,
) => T | undefined;

/** Uniform in [0, 1). */
export type Random = () => number;
