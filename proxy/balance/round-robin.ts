/**
 * Round robin: a ring for equal weights, earliest deadline first for others. Each picker begins somewhere else, so that many
 * proxies do not call the same endpoint first after a change.
 */

import type { Candidate, Picker, Random } from "./candidate.ts";
import { DeadlineHeap } from "./deadline-heap.ts";
import { equalWeights } from "./draw.ts";
import type { Warmup } from "./warmup.ts";

/** Turns that endpoints may let pass because they are cold, before one of them is taken all the same. */
const COLD_TURNS = 16;

export function roundRobin<T extends Candidate>(
  candidates: readonly T[],
  uniform: Random,
  warmup?: Warmup,
): Picker<T> {
  if (candidates.length === 0) return () => undefined;
  const turn = equalWeights(candidates) ? plain(candidates.length, uniform) : weighted(candidates, uniform);
  return takeTurns(candidates, turn, warmup);
}

/** The index whose turn it is. */
export type Turn = (now: number) => number;

/** Whoever's turn it is, unless it is cold or excluded. `candidates` must not be empty. */
export function takeTurns<T extends Candidate>(
  candidates: readonly T[],
  turn: Turn,
  warmup?: Warmup,
): Picker<T> {
  const next = warmup === undefined ? turn : passing(candidates, turn, warmup);
  return (now, exclude) => {
    const first = candidates[next(now)] as T;
    if (exclude === undefined || !exclude.includes(first)) return first;
    for (let i = 1; i < candidates.length; i++) {
      const candidate = candidates[next(now)] as T;
      if (!exclude.includes(candidate)) return candidate;
    }
    // Weights may not have come round to a light endpoint within one turn.
    return candidates.find((candidate) => !exclude.includes(candidate)) ?? first;
  };
}

function plain(count: number, uniform: Random): Turn {
  let at = Math.floor(uniform() * count);
  return () => {
    const turn = at;
    at = at + 1 === count ? 0 : at + 1;
    return turn;
  };
}

function weighted(candidates: readonly Candidate[], uniform: Random): Turn {
  const heap = new DeadlineHeap(candidates.length, (i) => uniform() / (candidates[i] as Candidate).weight);
  return () => {
    const first = heap.first;
    heap.postpone(1 / (candidates[first] as Candidate).weight);
    return first;
  };
}

/** A cold endpoint saves up its share of each turn and takes the one for which it is enough. */
function passing(candidates: readonly Candidate[], turn: Turn, warmup: Warmup): Turn {
  const warmAt = warmup.endsAt(candidates);
  const saved = new Float64Array(candidates.length);
  return (now) => {
    let at = turn(now);
    if (now >= warmAt) return at;
    for (let i = 0; i < COLD_TURNS; i++) {
      const savings = (saved[at] ?? 0) + warmup.share(candidates[at] as Candidate, now);
      // What adds up to one turn must not miss it by a rounding error.
      if (savings >= 1 - 1e-9) {
        saved[at] = savings - 1;
        return at;
      }
      saved[at] = savings;
      at = turn(now);
    }
    return at;
  };
}
