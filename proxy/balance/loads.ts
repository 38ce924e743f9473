/**
 * How much of the traffic each set of endpoints gets, by how much of it can serve. Envoy's arithmetic: a set counts as whole
 * until fewer than 1/1.4 of it are left, so that a few ejections move nothing; below that it gives up in proportion.
 */

export interface SetHealth {
  readonly total: number;
  /** Those that are not ejected. */
  readonly usable: number;
}

export interface Loads {
  /** Per set; relative to their sum. All 0: nobody can serve. */
  readonly loads: readonly number[];
  /** Sets of which every endpoint is used, ejected or not. */
  readonly panics: readonly boolean[];
}

/** 140 per cent. */
const OVERPROVISIONING = 1.4;

/** Sets in order of preference: each takes what it can of what those before it left over. */
export function priorityLoads(sets: readonly SetHealth[], minHealthPercent: number): Loads {
  const healths = sets.map(health);
  const total = sum(healths);
  if (total >= 1) {
    let left = 1;
    const loads = healths.map((each) => {
      const load = Math.min(each, left);
      left -= load;
      return load;
    });
    return { loads, panics: sets.map(() => false) };
  }
  const panics = sets.map((set) => panicking(set, minHealthPercent));
  // When all panic, health says nothing: every endpoint counts alike.
  if (panics.every(Boolean)) return { loads: sets.map((set) => set.total), panics };
  return { loads: healths, panics };
}

/** Sets with shares of their own: each gets its share as far as it is healthy, the rest goes to the others. */
export function shareLoads(
  sets: readonly SetHealth[],
  shares: readonly number[],
  minHealthPercent: number,
): Loads {
  const all = { total: sum(sets.map((set) => set.total)), usable: sum(sets.map((set) => set.usable)) };
  if (panicking(all, minHealthPercent)) return { loads: shares, panics: sets.map(() => true) };
  const loads = sets.map((set, i) => (shares[i] ?? 0) * health(set));
  return { loads, panics: sets.map(() => false) };
}

function health({ total, usable }: SetHealth): number {
  return total === 0 ? 0 : Math.min((usable / total) * OVERPROVISIONING, 1);
}

function panicking({ total, usable }: SetHealth, minHealthPercent: number): boolean {
  return usable * 100 < minHealthPercent * total;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
