import type { Candidate, Picker, Random } from "./candidate.ts";
import { createDraw } from "./draw.ts";

/** Draws again this often before it looks for an endpoint that is not excluded one by one. */
const REDRAWS = 4;

/** Uniform, in proportion to weight. */
export function random<T extends Candidate>(candidates: readonly T[], uniform: Random): Picker<T> {
  if (candidates.length === 0) return () => undefined;
  const draw = createDraw(candidates, uniform);
  return (_now, exclude) => {
    if (exclude === undefined || exclude.length === 0) return candidates[draw()];
    for (let i = 0; i < REDRAWS; i++) {
      const candidate = candidates[draw()];
      if (candidate !== undefined && !exclude.includes(candidate)) return candidate;
    }
    const left = candidates.filter((candidate) => !exclude.includes(candidate));
    return left.length === 0 ? candidates[draw()] : left[Math.floor(uniform() * left.length)];
  };
}
