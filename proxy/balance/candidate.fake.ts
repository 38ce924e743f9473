/** Endpoints and randomness for tests. */
import type { Candidate, Picker, Random } from "./candidate.ts";
import { PeakEwma } from "./ewma.ts";

export interface FakeEndpoint extends Candidate {
  readonly name: string;
  weight: number;
  active: number;
  ejected: boolean;
}

export function fakeEndpoint(name: string, fields: Partial<FakeEndpoint> = {}): FakeEndpoint {
  return {
    name,
    address: name,
    target: 80,
    weight: 1,
    active: 0,
    latency: new PeakEwma(),
    reported: undefined,
    ejected: false,
    locality: undefined,
    labels: {},
    node: undefined,
    addedAt: Number.NaN,
    ...fields,
  };
}

/** Endpoints `a`, `b`, … of these weights. */
export function weighted(...weights: number[]): FakeEndpoint[] {
  return weights.map((weight, i) => fakeEndpoint(String.fromCharCode(97 + i), { weight }));
}

/** So many of weight 1. */
export function fakeEndpoints(count: number, fields: Partial<FakeEndpoint> = {}): FakeEndpoint[] {
  return Array.from({ length: count }, (_, i) => fakeEndpoint(`10.0.${i >> 8}.${i & 255}`, fields));
}

/** mulberry32: a small seeded generator, good enough for statistics. */
export function seeded(seed: number): Random {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** How often each name is picked. */
export function tally(pick: Picker<FakeEndpoint>, picks: number, now = 0): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i < picks; i++) {
    const name = pick(now)?.name ?? "none";
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}
