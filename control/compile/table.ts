/** Objects by key, with indexes kept as they come and go. */
import { compareText } from "./order.ts";

/** For each index, the values under which an object is found. */
export type Indexers<T, I extends string> = Readonly<Record<I, (object: T, key: string) => Iterable<string>>>;

export class Table<T, I extends string = never> {
  readonly #objects = new Map<string, T>();
  readonly #indexers: Indexers<T, I>;
  readonly #indexes: ReadonlyMap<I, Map<string, Set<string>>>;

  constructor(indexers: Indexers<T, I>) {
    this.#indexers = indexers;
    this.#indexes = new Map((Object.keys(indexers) as I[]).map((index) => [index, new Map()]));
  }

  /** Puts an object in, in the place of the one before; `undefined` takes it out. */
  set(key: string, object: T | undefined): void {
    const old = this.#objects.get(key);
    if (old !== undefined) this.#index(key, old, remove);
    if (object === undefined) {
      this.#objects.delete(key);
      return;
    }
    this.#objects.set(key, object);
    this.#index(key, object, add);
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  keys(): Iterable<string> {
    return this.#objects.keys();
  }

  entries(): Iterable<readonly [string, T]> {
    return this.#objects.entries();
  }

  values(): Iterable<T> {
    return this.#objects.values();
  }

  /** The values that an index has objects under. */
  indexed(index: I): Iterable<string> {
    return this.#indexes.get(index)?.keys() ?? [];
  }

  /** Keys of the objects found under a value, sorted. */
  keysBy(index: I, value: string): string[] {
    return [...(this.#indexes.get(index)?.get(value) ?? [])].sort(compareText);
  }

  /** The objects found under a value, by key. */
  by(index: I, value: string): T[] {
    return this.keysBy(index, value).flatMap((key) => this.#objects.get(key) ?? []);
  }

  /** The same in no order, one after the other. */
  *each(index: I, value: string): Iterable<T> {
    for (const key of this.#indexes.get(index)?.get(value) ?? []) {
      const object = this.#objects.get(key);
      if (object !== undefined) yield object;
    }
  }

  #index(
    key: string,
    object: T,
    apply: (index: Map<string, Set<string>>, value: string, key: string) => void,
  ) {
    for (const [name, index] of this.#indexes)
      for (const value of this.#indexers[name](object, key)) apply(index, value, key);
  }
}

function add(index: Map<string, Set<string>>, value: string, key: string): void {
  const keys = index.get(value);
  if (keys === undefined) index.set(value, new Set([key]));
  else keys.add(key);
}

function remove(index: Map<string, Set<string>>, value: string, key: string): void {
  const keys = index.get(value);
  keys?.delete(key);
  if (keys?.size === 0) index.delete(value);
}
