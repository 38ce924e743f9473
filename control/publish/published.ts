import type { Change, Informer, MetaObject } from "../../kube/index.ts";
import type { PublishedObject } from "./plan.ts";

/** A compiled object as the informer keeps it: metadata and the head of its status. */
export interface PublishedConfig extends MetaObject {
  status?: { hash?: string; workload?: { name?: string; kind?: string } };
}

/** Drops all of a compiled object but what tells whether it must be written: thousands of them are cached. */
export function stripConfig(object: PublishedConfig): PublishedConfig {
  const { name, namespace, uid, resourceVersion, labels, ownerReferences } = object.metadata;
  const { hash, workload } = object.status ?? {};
  return {
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(labels === undefined ? {} : { labels }),
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
    },
    status: {
      ...(hash === undefined ? {} : { hash }),
      ...(workload === undefined
        ? {}
        : {
            workload: {
              ...(workload.name === undefined ? {} : { name: workload.name }),
              ...(workload.kind === undefined ? {} : { kind: workload.kind }),
            },
          }),
    },
  };
}

/**
 * What is published now: the informer's cache, and over it what was written here and has not come back by watch yet.
 * Without that overlay a second change within a few milliseconds would be compared with the object before the first.
 */
export interface Published {
  get(key: string): PublishedObject | undefined;
  byIndex(index: string, value: string): PublishedObject[];
  /** The answer to a write of ours. */
  wrote(object: PublishedConfig): void;
  deleted(key: string): void;
  /** Calls when an object is no longer what it was here: someone else wrote or deleted it. */
  onDrift(listener: (object: PublishedConfig) => void): void;
}

interface Overlay {
  readonly object: PublishedConfig | undefined;
  /** Versions that our own writes made and whose events are still to come. */
  readonly versions: Set<string>;
}

export function createPublished(
  informer: Pick<Informer<PublishedConfig>, "store" | "onChange">,
  indexers: Record<string, (object: PublishedConfig) => readonly string[]>,
): Published {
  const overlay = new Map<string, Overlay>();
  const listeners = new Set<(object: PublishedConfig) => void>();
  const keyOf = ({ metadata }: MetaObject) => `${metadata.namespace ?? ""}/${metadata.name}`;
  const drift = (object: PublishedConfig) => {
    for (const listener of listeners) listener(object);
  };

  informer.onChange((change: Change<PublishedConfig>) => {
    const key = keyOf(change.object);
    const own = overlay.get(key);
    if (own === undefined) return drift(change.object);
    const { uid, resourceVersion = "" } = change.object.metadata;
    if (change.type === "delete") {
      // The deletion we asked for, or one of an older object of that name: what was written since stands.
      if (own.object !== undefined && own.object.metadata.uid !== uid) return;
      overlay.delete(key);
      if (own.object !== undefined) drift(change.object);
      return;
    }
    if (own.object?.metadata.resourceVersion === resourceVersion) {
      overlay.delete(key);
      return;
    }
    if (own.versions.has(resourceVersion)) return;
    // Neither ours nor known: the cache decides, once it has caught up.
    overlay.delete(key);
    drift(change.object);
  });

  return {
    get(key) {
      const own = overlay.get(key);
      const object = own === undefined ? informer.store.get(key) : own.object;
      return object === undefined ? undefined : toPublished(object);
    },
    byIndex(index, value) {
      const indexer = indexers[index];
      const found: PublishedObject[] = [];
      for (const object of informer.store.byIndex(index, value)) {
        if (!overlay.has(keyOf(object))) found.push(toPublished(object));
      }
      for (const { object } of overlay.values()) {
        if (object !== undefined && indexer?.(object).includes(value) === true)
          found.push(toPublished(object));
      }
      return found;
    },
    wrote(object) {
      const key = keyOf(object);
      const version = object.metadata.resourceVersion ?? "";
      // The event may have overtaken the answer.
      if (informer.store.get(key)?.metadata.resourceVersion === version) {
        overlay.delete(key);
        return;
      }
      const versions = overlay.get(key)?.versions ?? new Set<string>();
      versions.add(version);
      overlay.set(key, { object: stripConfig(object), versions });
    },
    deleted(key) {
      if (informer.store.get(key) === undefined) overlay.delete(key);
      else overlay.set(key, { object: undefined, versions: new Set() });
    },
    onDrift: (listener) => {
      listeners.add(listener);
    },
  };
}

function toPublished({ metadata, status }: PublishedConfig): PublishedObject {
  const owner = metadata.ownerReferences?.[0];
  return {
    name: metadata.name,
    namespace: metadata.namespace ?? "",
    uid: metadata.uid ?? "",
    hash: status?.hash ?? "",
    labels: metadata.labels ?? {},
    owner:
      owner === undefined
        ? undefined
        : { apiVersion: owner.apiVersion, kind: owner.kind, name: owner.name, uid: owner.uid },
  };
}
