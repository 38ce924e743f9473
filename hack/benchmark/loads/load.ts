/** What a load is given and what it finds. */
import type { Address, Site } from "../shape.ts";

export interface Target extends Site {
  readonly front: Address;
  /** What HTTP requests ask for. */
  readonly path: string;
}

/** In milliseconds. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number | undefined;
}

export interface Found {
  /** Requests answered rightly, or whatever else the scenario counts. */
  readonly count: number;
  readonly seconds: number;
  readonly latency: Latency | undefined;
}

/** Loads the target for so many seconds; throws when anything failed. */
export type Load = (target: Target, seconds: number) => Promise<Found>;
