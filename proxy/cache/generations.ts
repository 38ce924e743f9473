/**
 * A bounded map that forgets what was not used for long: entries live in a young and an old generation. When the young one
 * is full it becomes the old one, and what the old one still held is forgotten. A hit among the young, the usual case, is one
 * lookup that writes nothing, where a list of recent uses would be rewritten each time.
 */
export class Generations<K, V> {
  readonly #limit: number;
  #young = new Map<K, V>();
  #old = new Map<K, V>();
  #weight = 0;
  readonly #weigh: (key: K, value: V) => number;

  /** Holds entries that weigh up to twice `limit`; each weighs 1 unless `weigh` says otherwise. */
  constructor(limit: number, weigh: (key: K, value: V) => number = () => 1) {
    this.#limit = limit;
    this.#weigh = weigh;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(key: K): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old === undefined) return undefined;
    this.#old.delete(key);
    this.#insert(key, old);
    return old;
  }

  set(key: K, value: V): void {
    this.delete(key);
    this.#insert(key, value);
  }

  delete(key: K): void {
    const young = this.#young.get(key);
    if (young !== undefined) {
      this.#weight -= this.#weigh(key, young);
      this.#young.delete(key);
    }
    this.#old.delete(key);
  }

  #insert(key: K, value: V): void {
    const weight = this.#weigh(key, value);
    if (this.#weight + weight > this.#limit) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#weight = 0;
      if (weight > this.#limit) return;
    }
    this.#young.set(key, value);
    this.#weight += weight;
  }
}
