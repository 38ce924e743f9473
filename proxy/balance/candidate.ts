/** What balancing chooses among, and what a choice is. */
import type { PeakEwma } from "./ewma.ts";
import type { ReportedWeight } from "./reported-weight.ts";

/** What balancing reads of an endpoint. */
export interface Candidate {
  readonly address: string;
  readonly target: number;
  /** Relative share, above 0. */
  readonly weight: number;
  /** Requests in flight from this proxy. */
  readonly active: number;
  readonly latency: PeakEwma;
  /** What its load reports make of it; undefined without any. */
  readonly reported: ReportedWeight | undefined;
  /** Set aside by outlier detection. */
  readonly ejected: boolean;
  /** `region/zone/subzone`. */
  readonly locality: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly node: string | undefined;
  /** When it came, on the pickers' clock: -Infinity is always, NaN is not yet known. Balancing's own to write. */
  addedAt: number;
}

/**
 * The next endpoint: none of `exclude` while another is there, undefined when there are none at all.
 * `now` is in ms; `hash` is for consistent hashing.
 */
export type Picker<T> = (now: number, exclude?: readonly T[], hash?: number) => T | undefined;

/** Makes the picker of one set: `usable` are those of `all` that are not set aside, or `all` itself. */
export type Algorithm<T> = (all: readonly T[], usable: readonly T[]) => Picker<T>;

/** Uniform in [0, 1). */
export type Random = () => number;
