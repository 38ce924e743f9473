import { keyOf, type MetaObject } from "./types.ts";

/** Computes the values under which an object is found in one index. */
export type Indexer<T> = (object: T) => readonly string[];

/** A read view of the cache. Objects are shared with every reader: never change one. */
export interface Store<T> {
  /** By `namespace/name`, or `name` for cluster-scoped kinds. */
  get(key: string): T | undefined;
  list(): T[];
  /** Objects whose indexer named this value; throws for an index that was not declared. */
  byIndex(index: string, value: string): T[];
  readonly size: number;
}

export interface MutableStore<T> extends Store<T> {
  /** Returns what stood there before. */
  set(object: T): T | undefined;
  delete(key: string): T | undefined;
  keys(): IterableIterator<string>;
}

export function createStore<T extends MetaObject>(
  indexers: Record<string, Indexer<T>> = {},
): MutableStore<T> {
  const objects = new Map<string, T>();
  const indices = new Map(Object.keys(indexers).map((name) => [name, new Map<string, Set<string>>()]));

  const index = (key: string, object: T) => {
    for (const [name, indexer] of Object.entries(indexers)) {
      const values = indices.get(name);
      for (const value of indexer(object)) {
        const keys = values?.get(value);
        if (keys === undefined) values?.set(value, new Set([key]));
        else keys.add(key);
      }
    }
  };
  const unindex = (key: string, object: T) => {
    for (const [name, indexer] of Object.entries(indexers)) {
      const values = indices.get(name);
      for (const value of indexer(object)) {
        const keys = values?.get(value);
        keys?.delete(key);
        if (keys?.size === 0) values?.delete(value);
      }
    }
  };

  return {
    get: (key) => objects.get(key),
    list: () => [...objects.values()],
    byIndex(name, value) {
      const values = indices.get(name);
      if (values === undefined) throw new Error(`the store has no index "${name}"`);
      const found: T[] = [];
      for (const key of values.get(value) ?? []) {
        const object = objects.get(key);
        if (object !== undefined) found.push(object);
      }
      return found;
    },
    get size() {
      return objects.size;
    },
    set(object) {
      const key = keyOf(object);
      const old = objects.get(key);
      if (old !== undefined) unindex(key, old);
      objects.set(key, object);
      index(key, object);
      return old;
    },
    delete(key) {
      const old = objects.get(key);
      if (old !== undefined) {
        unindex(key, old);
        objects.delete(key);
      }
      return old;
    },
    keys: () => objects.keys(),
  };
}
