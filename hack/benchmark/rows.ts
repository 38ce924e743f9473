/** What a run found, as rows: medians over the rounds. */
import { quantile } from "../../test/support/statistics.ts";
import type { Sample } from "./measure.ts";
import type { PeerName } from "./shape.ts";

/** As in the file of `--json`; null is what a scenario does not measure. In `tcp` the unit is MB instead of requests. */
export interface Row {
  readonly scenario: string;
  readonly peer: PeerName;
  readonly rps: number | null;
  readonly cpu_us_per_request: number | null;
  readonly p50_ms: number | null;
  readonly p99_ms: number | null;
  readonly p999_ms: number | null;
  readonly rss_mb: number;
  readonly pss_mb: number;
}

/** A peer's medians, and how busy its core was; or why there are none. */
export type Result =
  | { readonly row: Row; readonly busy: number; readonly rounds: number }
  | { readonly scenario: string; readonly peer: PeerName; readonly failure: string };

export function summarize(scenario: string, peer: PeerName, samples: readonly Sample[]): Result {
  const median = (value: (sample: Sample) => number | undefined): number | null => {
    const values = samples
      .map(value)
      .filter((each): each is number => each !== undefined && !Number.isNaN(each));
    return values.length === 0 ? null : quantile(values, 0.5);
  };
  const loaded = samples.some((sample) => sample.rate > 0);
  const row: Row = {
    scenario,
    peer,
    rps: loaded
      ? rounded(
          median((s) => s.rate),
          0,
        )
      : null,
    cpu_us_per_request: loaded
      ? rounded(
          median((s) => s.cpuMicros),
          2,
        )
      : null,
    p50_ms: rounded(
      median((s) => s.latency?.p50),
      3,
    ),
    p99_ms: rounded(
      median((s) => s.latency?.p99),
      3,
    ),
    p999_ms: rounded(
      median((s) => s.latency?.p999),
      3,
    ),
    rss_mb:
      rounded(
        median((s) => s.memory.rssMb),
        1,
      ) ?? 0,
    pss_mb:
      rounded(
        median((s) => s.memory.pssMb),
        1,
      ) ?? 0,
  };
  return { row, busy: median((s) => s.busy) ?? 0, rounds: samples.length };
}

function rounded(value: number | null, digits: number): number | null {
  return value === null ? null : Number(value.toFixed(digits));
}

/** Weft's figure by the peer's. */
export function ratio(weft: number | null | undefined, other: number | null | undefined): number | undefined {
  if (weft === null || weft === undefined || other === null || other === undefined || other === 0)
    return undefined;
  return weft / other;
}
