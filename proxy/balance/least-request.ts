/**
 * Least request by the power of two choices (Mitzenmacher 2001) with peak EWMA: of two random endpoints the one where a
 * request costs less, which is the latency seen there times the requests in flight and one more. Endpoints are drawn in
 * proportion to weight and a tie goes to the first drawn, so idle traffic follows the weights; load counts in units of weight,
 * and evens out what the weights get wrong. With three endpoints or fewer all are compared: among two, two choices would pick
 * the busier one a quarter of the time.
 */

import type { Candidate, Picker, Random } from "./candidate.ts";
import { createDraw } from "./draw.ts";
import type { Warmup } from "./warmup.ts";

const FULL_SCAN = 3;
/** Draws this often for an endpoint that is another, warm and not excluded; failing that, the first one serves. */
const REDRAWS = 8;

export function leastRequest<T extends Candidate>(
  candidates: readonly T[],
  uniform: Random,
  warmup?: Warmup,
): Picker<T> {
  if (candidates.length === 0) return () => undefined;
  if (candidates.length === 1) return () => candidates[0];
  const draw = createDraw(candidates, uniform);
  const meanWeight = candidates.reduce((sum, { weight }) => sum + weight, 0) / candidates.length;
  const warmAt = warmup?.endsAt(candidates) ?? Number.NEGATIVE_INFINITY;
  const cost = ({ latency, active, weight }: T, now: number) =>
    latency.cost(now, (active * meanWeight) / weight);
  const isCold = (candidate: T, now: number) =>
    now < warmAt && warmup !== undefined && uniform() >= warmup.share(candidate, now);

  const scan = (now: number, exclude: readonly T[] | undefined, cold: boolean): T | undefined => {
    // Beginning at a drawn endpoint makes ties follow the weights.
    const start = draw();
    let best: T | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < candidates.length; i++) {
      const candidate = candidates[(start + i) % candidates.length] as T;
      if (exclude?.includes(candidate) || (cold && isCold(candidate, now))) continue;
      const price = cost(candidate, now);
      if (price >= least) continue;
      best = candidate;
      least = price;
    }
    return best ?? (cold ? scan(now, exclude, false) : candidates[start]);
  };
  if (candidates.length <= FULL_SCAN) return (now, exclude) => scan(now, exclude, now < warmAt);

  const drawOther = (than: T | undefined, now: number, exclude: readonly T[] | undefined): T | undefined => {
    for (let i = 0; i < REDRAWS; i++) {
      const candidate = candidates[draw()] as T;
      if (candidate !== than && !exclude?.includes(candidate) && !isCold(candidate, now)) return candidate;
    }
    return undefined;
  };
  return (now, exclude) => {
    const first = drawOther(undefined, now, exclude);
    if (first === undefined) return scan(now, exclude, false);
    const second = drawOther(first, now, exclude);
    return second !== undefined && cost(second, now) < cost(first, now) ? second : first;
  };
}
