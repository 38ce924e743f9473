/**
 * Ring hash (Karger et al. 1997, ketama's points): each endpoint owns many points of a circle, a key belongs to the next point
 * from its hash on. An endpoint that comes takes keys from others but moves none between them.
 *
 * How many points an endpoint has does not depend on the others until there are hundreds (Envoy's rings have as many points
 * whatever the endpoints, so that one that comes moves keys between all of them). A change of membership is therefore a merge
 * of sorted lists; nothing is hashed or sorted again.
 */
import { hashString, mix } from "./hash.ts";
import type { HashTable, Member } from "./hash-table.ts";

/** A point is `position * OWNERS + owner`: 32 + 20 bits are exact in a double, and sort natively. */
const OWNERS = 2 ** 20;
/** A ring has at most so many points, 2 MB, unless the policy wants more; and then no more than 8 MB, whatever it wants. */
const ENOUGH_POINTS = 2 ** 18;
const MAX_POINTS = 2 ** 20;
/** For a unit of weight: shares are within a tenth or so of what they should be. */
const LEAST_POINTS = 64;

export class Ring implements HashTable {
  readonly #points: Float64Array;
  readonly #owned: ReadonlyMap<string, Owned>;
  readonly #members: number;

  private constructor(points: Float64Array, owned: ReadonlyMap<string, Owned>, members: number) {
    this.#points = points;
    this.#owned = owned;
    this.#members = members;
  }

  /** A ring of at least `size` points for these members; `former` saves what they share. */
  static of(members: readonly Member[], size: number, former?: Ring): Ring {
    const perWeight = pointsPerWeight(members, size);
    const owned = new Map<string, Owned>();
    /** New index of each owner of the former ring whose points stay. */
    const stays = new Int32Array(former === undefined ? 0 : former.#members).fill(-1);
    const fresh: number[] = [];
    const before = former === undefined ? undefined : former.#owned;
    for (let index = 0; index < members.length && index < OWNERS; index++) {
      const { address, target, weight } = members[index] as Member;
      const key = `${address}|${target}`;
      const count = Math.max(1, Math.floor(perWeight * weight));
      if (owned.has(key)) continue;
      owned.set(key, { index, count });
      const had = before?.get(key);
      if (had?.count === count) stays[had.index] = index;
      else addPoints(fresh, key, count, index);
    }
    const added = Float64Array.from(fresh).sort();
    const points = former === undefined ? added : merge(former.#points, stays, added);
    return new Ring(points, owned, members.length);
  }

  get slots(): number {
    return this.#points.length;
  }

  slotOf(hash: number): number {
    const points = this.#points;
    const from = hash * OWNERS;
    let low = 0;
    let high = points.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((points[middle] ?? 0) < from) low = middle + 1;
      else high = middle;
    }
    return low === points.length ? 0 : low;
  }

  after(slot: number): number {
    return slot + 1 === this.#points.length ? 0 : slot + 1;
  }

  owner(slot: number): number {
    return ownerOf(this.#points[slot] ?? 0);
  }
}

/** Exact, as dividing by a power of two is, and several times faster than the remainder. */
function ownerOf(point: number): number {
  return point - Math.floor(point / OWNERS) * OWNERS;
}

interface Owned {
  readonly index: number;
  readonly count: number;
}

/**
 * Any two endpoints make a ring of the least size. Where the whole ring's size bounds it, in steps of a sixteenth at most: one
 * endpoint more must not take a point of every other one.
 */
function pointsPerWeight(members: readonly Member[], size: number): number {
  const total = members.reduce((sum, { weight }) => sum + weight, 0);
  const wanted = Math.max(Math.ceil(size / 2), LEAST_POINTS);
  const most = Math.min(Math.max(size, ENOUGH_POINTS), MAX_POINTS) / total;
  if (most >= wanted) return wanted;
  const step = 2 ** (Math.floor(Math.log2(most)) - 3);
  return Math.floor(most / step) * step;
}

/** Its points do not depend on how many it has: of fewer, the first ones remain. */
function addPoints(points: number[], key: string, count: number, index: number): void {
  const start = hashString(key);
  const step = hashString(key, 1) | 1;
  for (let i = 0; i < count; i++) points.push(mix(start + Math.imul(i, step)) * OWNERS + index);
}

/** The points that stay, under their owners' new indices (-1 for those that do not), with those that are added. */
function merge(former: Float64Array, stays: Int32Array, added: Float64Array): Float64Array {
  const merged = new Float64Array(former.length + added.length);
  let length = 0;
  let next = 0;
  for (let at = 0; at < former.length; at++) {
    const point = former[at] ?? 0;
    const owner = ownerOf(point);
    const index = stays[owner] ?? -1;
    if (index < 0) continue;
    const moved = point - owner + index;
    while (next < added.length && (added[next] ?? 0) < moved) merged[length++] = added[next++] ?? 0;
    merged[length++] = moved;
  }
  while (next < added.length) merged[length++] = added[next++] ?? 0;
  return merged.slice(0, length);
}
