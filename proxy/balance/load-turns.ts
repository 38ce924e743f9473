/**
 * Turns by reported load: each endpoint's part of them is its weight's, computed anew from time to time, on a pick, so that nothing
 * runs while nobody asks. An endpoint whose weight does not count, yet or any more, has the median of those whose does; while fewer
 * than two do, all are equal. Envoy's client_side_weighted_round_robin, without rounding weights to whole numbers.
 */
import type { BackendUtilization } from "../../crds/service-config.ts";
import type { Candidate, Picker, Random } from "./candidate.ts";
import { DeadlineHeap } from "./deadline-heap.ts";
import { takeTurns } from "./round-robin.ts";
import type { Warmup } from "./warmup.ts";

/** Weights are compared with those of `all`, whoever of them is usable. */
export function loadTurns<T extends Candidate>(
  all: readonly T[],
  usable: readonly T[],
  uniform: Random,
  policy: BackendUtilization,
  warmup?: Warmup,
): Picker<T> {
  if (usable.length === 0) return () => undefined;
  let weights = new Float64Array(usable.length).fill(1);
  let heap = new DeadlineHeap(usable.length, uniform);
  let weighedAt = Number.NEGATIVE_INFINITY;
  /** Whoever was halfway to a turn is so by the new weight, too: a change neither gives turns away nor takes any. */
  const weigh = (now: number) => {
    weighedAt = now;
    const [former, others] = [weights, heap];
    const current = weightsAt(now, all, usable, policy);
    if (current.every((weight, i) => weight === former[i])) return;
    weights = current;
    heap = new DeadlineHeap(usable.length, (i) => (others.ahead(i) * (former[i] ?? 1)) / (current[i] ?? 1));
  };
  const turn = (now: number) => {
    if (now - weighedAt >= policy.updateMs) weigh(now);
    const { first } = heap;
    heap.postpone(1 / (weights[first] ?? 1));
    return first;
  };
  return takeTurns(usable, turn, warmup);
}

function weightsAt(
  now: number,
  all: readonly Candidate[],
  usable: readonly Candidate[],
  policy: BackendUtilization,
): Float64Array<ArrayBuffer> {
  const known = all.flatMap(({ reported }) => reported?.at(now, policy) ?? []);
  const median = medianOf(known);
  return Float64Array.from(usable, ({ reported }) => reported?.at(now, policy) ?? median);
}

/** 1 for none. */
function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 1;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? 1)) / 2;
}
