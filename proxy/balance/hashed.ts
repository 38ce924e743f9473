/** Balancing by a consistent hash: the same key keeps its endpoint while that is there, whichever table says so. */
import type { ConsistentHash } from "../../crds/service-config.ts";
import type { Algorithm, Candidate, Random } from "./candidate.ts";
import { Maglev } from "./maglev.ts";
import { Ring } from "./ring.ts";

/**
 * Tables are made of every endpoint at the first pick and know nothing of health: one that is set aside is walked past, always
 * to the same next one, so that nothing moves but its own keys. `former` lends its ring to be changed rather than made anew.
 */
export class Hashed<T extends Candidate> {
  readonly #policy: ConsistentHash;
  readonly #uniform: Random;
  #former: Hashed<T> | undefined;
  #members: readonly T[] | undefined;
  #table: Ring | Maglev | undefined;

  constructor(policy: ConsistentHash, uniform: Random, former?: Hashed<T>) {
    this.#policy = policy;
    this.#uniform = uniform;
    this.#former = former === undefined || former.#table !== undefined ? former : former.#former;
  }

  readonly algorithm: Algorithm<T> = (all, usable) => {
    if (usable.length === 0) return () => undefined;
    const skipsEjected = usable !== all;
    return (_now, exclude, hash = this.#uniform() * 2 ** 32) => {
      const table = this.#tableOf(all);
      const first = table.slotOf(hash);
      let slot = first;
      let fallback: T | undefined;
      for (let walked = 0; walked < table.slots; walked++) {
        const candidate = all[table.owner(slot)] as T;
        if (!skipsEjected || !candidate.ejected) {
          if (exclude === undefined || !exclude.includes(candidate)) return candidate;
          fallback ??= candidate;
        }
        slot = table.after(slot);
      }
      // A table smaller than the set has no slot for some.
      return usable.find((candidate) => exclude?.includes(candidate) !== true) ?? fallback ?? usable[0];
    };
  };

  #tableOf(members: readonly T[]): Ring | Maglev {
    if (this.#table !== undefined && this.#members === members) return this.#table;
    const { algorithm, size } = this.#policy;
    if (algorithm === "MAGLEV") this.#table = new Maglev(members, size);
    else {
      const former = this.#former === undefined ? undefined : this.#former.#table;
      this.#table = Ring.of(members, size, former instanceof Ring ? former : undefined);
    }
    this.#members = members;
    this.#former = undefined;
    return this.#table;
  }
}
