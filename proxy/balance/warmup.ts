/**
 * Slow start: an endpoint that has just come takes its share little by little (Envoy's slow start). Its share of turns is
 * max(minimumPercent, (age / duration) ^ (1 / aggression)).
 */
import type { LoadBalancer } from "../../crds/service-config.ts";
import type { Candidate } from "./candidate.ts";

export class Warmup {
  readonly #durationMs: number;
  readonly #minimum: number;
  readonly #exponent: number;

  constructor({ durationMs, minimumPercent, aggression }: NonNullable<LoadBalancer["warmup"]>) {
    this.#durationMs = durationMs;
    this.#minimum = minimumPercent / 100;
    this.#exponent = 1 / Math.max(aggression, 0.01);
  }

  /** When the last of them is warm. */
  endsAt(candidates: readonly Candidate[]): number {
    let last = Number.NEGATIVE_INFINITY;
    for (const { addedAt } of candidates) if (addedAt > last) last = addedAt;
    return last + this.#durationMs;
  }

  /** Its part of a full share, from 0 to 1. */
  share({ addedAt }: Candidate, now: number): number {
    const age = (now - addedAt) / this.#durationMs;
    if (!(age < 1)) return 1;
    return Math.max(this.#minimum, Math.max(age, 0) ** this.#exponent);
  }
}
