/**
 * Least request by the power of two choices (Mitzenmacher 2001; Envoy's LEAST_REQUEST with choice_count 2, bias 1): of two
 * random endpoints the one with fewer requests in flight for its weight. Endpoints are drawn in proportion to weight and a tie
 * goes to the first drawn, so idle traffic follows the weights, and load evens out what they get wrong. With three endpoints
 * or fewer all are compared: among two, two choices would pick the busier one a quarter of the time.
 */

import type { Candidate, Picker, Random } from "./candidate.ts";
import { createDraw } from "./draw.ts";

const fullScan = 3;
/** Draws this often for a second endpoint that is another and not excluded; failing that, the first one serves. */
const redraws = 8;

export function leastRequest<T extends Candidate>(candidates: readonly T[], uniform: Random): Picker<T> {
  if (candidates.length === 0) return () => undefined;
  if (candidates.length === 1) return () => candidates[0];
  const draw = createDraw(candidates, uniform);

  const scan = (exclude: readonly T[] | undefined): T | undefined => {
    // Beginning at a drawn endpoint makes ties follow the weights.
    const start = draw();
    let best: T | undefined;
    for (let i = 0; i < candidates.length; i++) {
      const candidate = candidates[(start + i) % candidates.length];
      if (candidate === undefined || exclude?.includes(candidate)) continue;
      if (best === undefined || cost(candidate) < cost(best)) best = candidate;
    }
    return best ?? candidates[start];
  };
  if (candidates.length <= fullScan) return (_now, exclude) => scan(exclude);

  const drawOther = (than: T | undefined, exclude: readonly T[] | undefined): T | undefined => {
    for (let i = 0; i < redraws; i++) {
      const candidate = candidates[draw()];
      if (candidate !== undefined && candidate !== than && !exclude?.includes(candidate)) return candidate;
    }
    return undefined;
  };
  return (_now, exclude) => {
    const first = drawOther(undefined, exclude);
    if (first === undefined) return scan(exclude);
    const second = drawOther(first, exclude);
    return second !== undefined && cost(second) < cost(first) ? second : first;
  };
}

function cost(candidate: Candidate): number {
  return candidate.active / candidate.weight;
}
