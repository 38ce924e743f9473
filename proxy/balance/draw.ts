import type { Candidate, Random } from "./candidate.ts";

/** Draws a random index, in proportion to weight. */
export type Draw = () => number;

/** Constant time for equal weights, logarithmic for others. `candidates` must not be empty. */
export function createDraw(candidates: readonly Pick<Candidate, "weight">[], uniform: Random): Draw {
  const count = candidates.length;
  if (equalWeights(candidates)) return () => Math.floor(uniform() * count);
  let sum = 0;
  const sums = Float64Array.from(candidates, ({ weight }) => (sum += Math.max(weight, 0)));
  return () => {
    const point = uniform() * sum;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? 0) > point) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

export function equalWeights(candidates: readonly Pick<Candidate, "weight">[]): boolean {
  const weight = candidates[0]?.weight;
  return candidates.every((candidate) => candidate.weight === weight);
}
