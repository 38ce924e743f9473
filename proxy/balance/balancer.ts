/**
 * One cluster's balancing: which set of endpoints the next request goes to, by locality and health, and which endpoint of the
 * set, by the policy's algorithm. Everything is made at the first pick and lives on through snapshots that change none of it.
 */
import type { LoadBalancer } from "../../crds/service-config.ts";
import type { Algorithm, Candidate, Picker, Random } from "./candidate.ts";
import { mix } from "./hash.ts";
import { Hashed } from "./hashed.ts";
import { type Loads, priorityLoads, type SetHealth, shareLoads } from "./loads.ts";
import { arrange, type Place } from "./locality.ts";
import { simpleAlgorithm } from "./picker.ts";
import { zoneShares, zonesOf } from "./zones.ts";

/** What sets endpoints aside. */
export interface Health {
  /** Below this per cent of usable endpoints all are used; 0 is never. */
  readonly minHealthPercent: number;
  /** Brings ejections up to date; answers a number that changes whenever an endpoint's `ejected` does. */
  refresh(now: number): number;
  /** A pick among endpoints of which too few are healthy. */
  panicked(): void;
}

export interface BalancerSources<T extends Candidate> {
  readonly policy: LoadBalancer;
  readonly endpoints: readonly T[];
  readonly place: Place;
  readonly health: Health | undefined;
  readonly random: Random;
}

interface EndpointSet<T extends Candidate> {
  readonly all: readonly T[];
  readonly algorithm: Algorithm<T>;
  readonly hashed: Hashed<T> | undefined;
  /** For the endpoints that are usable now. */
  pick: Picker<T>;
  usable: number;
  panics: boolean;
}

export class Balancer<T extends Candidate> {
  readonly sources: BalancerSources<T>;
  /** The balancer whose place this one takes, until what it knows is taken over. */
  #former: Balancer<T> | undefined;
  #sets: readonly EndpointSet<T>[] | undefined;
  #shares: readonly number[] | undefined;
  /** Of the first of the sets, which are the zones of the one behind them: the share of the clients in each. */
  #clientShares: readonly number[] = [];
  #loads: readonly number[] = [];
  #version = -1;
  /** Slow start knows which endpoints were there from the beginning. */
  #dated = false;

  constructor(sources: BalancerSources<T>, former?: Balancer<T>) {
    this.sources = sources;
    // One that was never asked has nothing to hand on.
    this.#former = former === undefined || former.#sets !== undefined ? former : former.#former;
  }

  /** As `Picker`; `elsewhere` prefers sets that none of `exclude` is in. */
  pick(now: number, exclude?: readonly T[], hash?: number, elsewhere = false): T | undefined {
    const sets = this.#sets ?? this.#prepare(now);
    const { health } = this.sources;
    const version = health === undefined ? 0 : health.refresh(now);
    if (version !== this.#version) this.#assess(sets, version);
    const excluded = exclude !== undefined && exclude.length > 0 ? exclude : undefined;
    if (sets.length === 1) return this.#pickOf(sets[0] as EndpointSet<T>, now, excluded, hash);

    const chosen = this.#choose(hash);
    if (excluded === undefined) {
      const set = sets[chosen];
      return set === undefined ? undefined : this.#pickOf(set, now, undefined, hash);
    }
    return this.#pickAgain(sets, chosen, now, excluded, hash, elsewhere);
  }

  /** Makes the sets; dates endpoints that slow start has not seen. */
  #prepare(now: number): readonly EndpointSet<T>[] {
    const { policy, endpoints, place, random } = this.sources;
    const former = this.#former;
    this.#dated = former === undefined ? false : former.#dated;
    if (policy.warmup !== undefined) this.#date(now);
    const { sets, shares } = arrange(policy.locality, place, endpoints);
    const { consistentHash } = policy;
    const formerSets = former === undefined ? undefined : former.#sets;
    // A key has one endpoint, wherever it is asked for.
    const zones = consistentHash === undefined ? zonesOf(policy.locality, place, sets[0] ?? []) : undefined;
    this.#clientShares = zones?.map(({ clientShare }) => clientShare) ?? [];
    this.#shares = shares;
    this.#sets = [...(zones ?? []).map((zone) => zone.endpoints), ...sets].map((all, i) => {
      const hashed = consistentHash && new Hashed<T>(consistentHash, random, formerSets?.[i]?.hashed);
      const algorithm = hashed?.algorithm ?? simpleAlgorithm<T>(policy, random);
      return { all, algorithm, hashed, pick: () => undefined, usable: 0, panics: false };
    });
    this.#former = undefined;
    return this.#sets;
  }

  /** The endpoints that a proxy learns first are not new, only unknown: slow start is for those that come later. */
  #date(now: number): void {
    for (const endpoint of this.sources.endpoints)
      if (Number.isNaN(endpoint.addedAt)) endpoint.addedAt = this.#dated ? now : Number.NEGATIVE_INFINITY;
    this.#dated = true;
  }

  /** Works out anew who is usable, and who gets how much. */
  #assess(sets: readonly EndpointSet<T>[], version: number): void {
    this.#version = version;
    const { health } = this.sources;
    const usable = sets.map(({ all }) => (health === undefined ? all : withoutEjected(all)));
    const healths = sets.map(({ all }, i) => ({ total: all.length, usable: usable[i]?.length ?? 0 }));
    const minimum = health?.minHealthPercent ?? 0;
    const { loads, panics } = this.#loadsOf(healths, minimum);
    this.#loads = loads;
    for (const [i, set] of sets.entries()) {
      set.panics = panics[i] === true;
      const used = set.panics ? set.all : (usable[i] ?? set.all);
      set.usable = used.length;
      set.pick = set.algorithm(set.all, used);
    }
  }

  /** Where zones play a part, the load of the set that they are of is theirs. */
  #loadsOf(healths: readonly SetHealth[], minimum: number): Loads {
    if (this.#shares !== undefined) return shareLoads(healths, this.#shares, minimum);
    const count = this.#clientShares.length;
    const { loads, panics } = priorityLoads(healths.slice(count), minimum);
    if (count === 0) return { loads, panics };
    const [load = 0, ...others] = loads;
    const zones = this.#clientShares.map((clientShare, i) => ({
      clientShare,
      usable: healths[i]?.usable ?? 0,
    }));
    const shares =
      panics[0] === true
        ? undefined
        : zoneShares(zones, this.sources.policy.locality?.zoneAware?.minClusterSize ?? 0);
    const byZone = zones.map((_, i) => load * (shares?.[i] ?? 0));
    return {
      loads: [...byZone, shares === undefined ? load : 0, ...others],
      panics: [...zones.map(() => false), ...panics],
    };
  }

  /** The set for a request: by its hash where it has one, so that a key keeps its set. -1 when none can serve. */
  #choose(hash: number | undefined): number {
    const loads = this.#loads;
    const total = loads.reduce((sum, load) => sum + load, 0);
    if (total === 0) return -1;
    const { consistentHash } = this.sources.policy;
    // Mixed, since what chooses the endpoint in the set must not be what chose the set.
    const drawn =
      hash === undefined || consistentHash === undefined ? this.sources.random() : mix(hash) / 2 ** 32;
    let left = drawn * total;
    let last = -1;
    for (const [i, load] of loads.entries()) {
      if (load === 0) continue;
      if (left < load) return i;
      left -= load;
      last = i;
    }
    return last;
  }

  /** A retry: the set that comes first, then the others in their order, until one has an endpoint that was not tried. */
  #pickAgain(
    sets: readonly EndpointSet<T>[],
    chosen: number,
    now: number,
    exclude: readonly T[],
    hash: number | undefined,
    elsewhere: boolean,
  ): T | undefined {
    if (chosen < 0) return undefined;
    const tried = (set: EndpointSet<T>) => elsewhere && exclude.some((each) => set.all.includes(each));
    const others = sets.filter((_, i) => i !== chosen);
    const order = [sets[chosen] as EndpointSet<T>, ...others];
    let fallback: T | undefined;
    for (const set of [...order.filter((each) => !tried(each)), ...order.filter(tried)]) {
      if (set.usable === 0) continue;
      const picked = this.#pickOf(set, now, exclude, hash);
      if (picked !== undefined && !exclude.includes(picked)) return picked;
      fallback ??= picked;
    }
    return fallback;
  }

  #pickOf(
    set: EndpointSet<T>,
    now: number,
    exclude: readonly T[] | undefined,
    hash: number | undefined,
  ): T | undefined {
    if (set.panics) this.sources.health?.panicked();
    return set.pick(now, exclude, hash);
  }
}

/** The list itself when none is ejected: sets that are whole share what was made for them. */
function withoutEjected<T extends Candidate>(all: readonly T[]): readonly T[] {
  return all.some(({ ejected }) => ejected) ? all.filter(({ ejected }) => !ejected) : all;
}
