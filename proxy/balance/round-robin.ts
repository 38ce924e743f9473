/**
 * Round robin, smooth when weights differ (nginx's algorithm: weights 5, 1, 1 give a a b a c a a, never a a a a a b c).
 * Each picker begins somewhere else, so that many proxies do not call the same endpoint first after a change.
 */

import type { Candidate, Picker, Random } from "./candidate.ts";
import { equalWeights } from "./draw.ts";

export function roundRobin<T extends Candidate>(candidates: readonly T[], uniform: Random): Picker<T> {
  if (candidates.length === 0) return () => undefined;
  const next = equalWeights(candidates) ? plain(candidates, uniform) : smooth(candidates, uniform);
  return (_now, exclude) => {
    const first = next();
    if (exclude === undefined || !exclude.includes(first)) return first;
    for (let i = 1; i < candidates.length; i++) {
      const candidate = next();
      if (!exclude.includes(candidate)) return candidate;
    }
    // Smooth weights may not have come round to a light endpoint within one turn.
    return candidates.find((candidate) => !exclude.includes(candidate)) ?? first;
  };
}

function plain<T>(candidates: readonly T[], uniform: Random): () => T {
  let at = Math.floor(uniform() * candidates.length);
  return () => {
    const candidate = candidates[at] as T;
    at = at + 1 === candidates.length ? 0 : at + 1;
    return candidate;
  };
}

function smooth<T extends Candidate>(candidates: readonly T[], uniform: Random): () => T {
  const weights = Float64Array.from(candidates, (candidate) => candidate.weight);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const current = new Float64Array(weights.length);
  const step = (): number => {
    let best = 0;
    for (let i = 0; i < current.length; i++) {
      current[i] = (current[i] ?? 0) + (weights[i] ?? 0);
      if ((current[i] ?? 0) > (current[best] ?? 0)) best = i;
    }
    current[best] = (current[best] ?? 0) - total;
    return best;
  };
  for (let skip = Math.floor(uniform() * candidates.length); skip > 0; skip--) step();
  return () => candidates[step()] as T;
}
