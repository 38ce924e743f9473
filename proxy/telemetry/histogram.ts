/** Istio's histogram buckets, and a distribution's place in a row of numbers. Pure. */

/** Upper bounds of every Istio histogram, durations in ms and sizes in bytes alike (istio-proxy's stats defaults). */
export const BOUNDS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
];

/** Numbers a distribution takes: its sum, a count per bound, and one for what is above them all. */
export const HISTOGRAM_WIDTH = BOUNDS.length + 2;

/** Adds a value to the distribution at `at` in `values`. */
export function observe(values: Float64Array, at: number, value: number): void {
  values[at] = (values[at] as number) + value;
  let bucket = 0;
  while (bucket < BOUNDS.length && value > (BOUNDS[bucket] as number)) bucket++;
  const slot = at + 1 + bucket;
  values[slot] = (values[slot] as number) + 1;
}

/** Appends `name_bucket`, `name_sum` and `name_count` of the distribution at `at`. */
export function writeHistogram(
  out: string[],
  name: string,
  labels: string,
  values: Float64Array,
  at: number,
): void {
  let count = 0;
  for (let bucket = 0; bucket <= BOUNDS.length; bucket++) {
    count += values[at + 1 + bucket] as number;
    const bound = BOUNDS[bucket];
    out.push(`${name}_bucket{${labels},le="${bound === undefined ? "+Inf" : bound}"} ${count}\n`);
  }
  out.push(`${name}_sum{${labels}} ${values[at]}\n${name}_count{${labels}} ${count}\n`);
}
