import type { Log } from "./log.ts";
import { createReflector, type Reflector, type ReflectorOptions, type ReflectorSink } from "./reflector.ts";
import { createStore, type Indexer, type Store } from "./store.ts";
import { type KubeObject, keyOf, type MetaObject } from "./types.ts";

export type Change<T> =
  | { readonly type: "add"; readonly object: T; readonly old?: undefined }
  | { readonly type: "update"; readonly object: T; readonly old: T }
  | { readonly type: "delete"; readonly object: T; readonly old?: undefined };

/** A cache of one collection that follows the API server, and tells what changes. */
export interface Informer<T> {
  readonly store: Store<T>;
  /** The first list is in the store. Stays true through every later outage. */
  hasSynced(): boolean;
  /** Calls for every change from now on, after the store has it. Returns a function that unsubscribes. */
  onChange(handler: (change: Change<T>) => void): () => void;
  /** Begins following; resolves when synced (or when the signal aborts first). */
  start(signal: AbortSignal): Promise<void>;
  /** Stops following; the store stays readable. */
  close(): Promise<void>;
}

export interface InformerOptions<T extends MetaObject> extends ReflectorOptions<T> {
  indexers?: Record<string, Indexer<T>> | undefined;
  /** For tests: in place of the API server. */
  reflector?: Reflector<T> | undefined;
}

export function createInformer<T extends MetaObject = KubeObject>(options: InformerOptions<T>): Informer<T> {
  const store = createStore<T>(options.indexers);
  const reflector = options.reflector ?? createReflector<T>(options);
  const handlers = new Set<(change: Change<T>) => void>();
  const stop = new AbortController();
  let running: Promise<void> = Promise.resolve();
  let synced = false;
  let onSynced = () => {};

  const emit = (change: Change<T>) => {
    for (const handler of handlers) isolate(options.log, options.resource.plural, () => handler(change));
  };
  const upsert = (object: T) => {
    const old = store.get(keyOf(object));
    // A relist or a resumed watch tells again what is known: no change, no event.
    if (old !== undefined && isSameVersion(old, object)) return;
    store.set(object);
    emit(old === undefined ? { type: "add", object } : { type: "update", object, old });
  };
  const sink: ReflectorSink<T> = {
    replace(objects) {
      const present = new Set(objects.map(keyOf));
      for (const key of [...store.keys()]) {
        if (present.has(key)) continue;
        const object = store.delete(key);
        if (object !== undefined) emit({ type: "delete", object });
      }
      for (const object of objects) upsert(object);
      if (!synced) {
        synced = true;
        onSynced();
      }
    },
    upsert,
    remove(object) {
      if (store.delete(keyOf(object)) !== undefined) emit({ type: "delete", object });
    },
  };

  return {
    store,
    hasSynced: () => synced,
    onChange(handler) {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
    start(signal) {
      const forward = () => stop.abort();
      if (signal.aborted) forward();
      signal.addEventListener("abort", forward, { once: true });
      return new Promise((resolve, reject) => {
        onSynced = resolve;
        if (synced) resolve();
        running = reflector
          .run(sink, stop.signal)
          .finally(() => signal.removeEventListener("abort", forward));
        running.then(() => resolve(), reject);
      });
    },
    async close() {
      stop.abort();
      handlers.clear();
      await running.catch(() => {});
    },
  };
}

/** Same object, same content; a deleted and recreated object has another uid and another version. */
function isSameVersion(a: MetaObject, b: MetaObject): boolean {
  const version = a.metadata.resourceVersion;
  return version !== undefined && version === b.metadata.resourceVersion && a.metadata.uid === b.metadata.uid;
}

/** A handler's exception is its own: the cache and the other handlers go on. */
function isolate(log: Log, resource: string, run: () => void): void {
  try {
    run();
  } catch (error) {
    log.error("a change handler failed", { resource, error });
  }
}
