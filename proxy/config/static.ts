/**
 * Configuration from a folder, without Kubernetes (`weft-proxy --config DIR`): every `*.json` file holds a ServiceConfig or
 * WorkloadConfig, a list of them, or an object with `items`. A change of the folder is applied as a whole; a file that cannot be
 * read leaves everything as it was.
 */
import { readdir, readFile } from "node:fs/promises";
import type { Random } from "../balance/candidate.ts";
import type { Clock } from "./clock.ts";
import { decodeMeta, decodeObject, type ObjectMeta, objectName } from "./decode/decode.ts";
import { parseJsonText } from "./decode/json-text.ts";
import { ConfigError } from "./errors.ts";
import type { Log } from "./log.ts";
import { logFailures, Names, type Resolve } from "./services/resolved-names.ts";
import { Snapshot } from "./snapshot.ts";
import type { ConfigSource } from "./view.ts";
import { watchFolders } from "./watch-folder.ts";

export interface StaticSourceOptions {
  readonly folder: string;
  readonly clusterDomain: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly resolve: Resolve;
  readonly log: Log;
}

/** How long the start waits for names that endpoints have for addresses. In ms. */
const firstAnswersMs = 2_000;

interface StaticObject {
  readonly kind: ObjectMeta["kind"];
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly status: Readonly<Record<string, unknown>>;
}

/** A folder that cannot be used; the message begins with the file. */
export class FolderError extends Error {
  override readonly name = "FolderError";
  constructor(where: string, what: string) {
    super(`${where}: ${what}`);
  }
}

/** Starts the source. Throws FolderError when the folder has no WorkloadConfig or a file cannot be read. */
export async function startStaticSource(options: StaticSourceOptions): Promise<ConfigSource> {
  const { folder, clusterDomain, clock, random, resolve, log } = options;
  const listeners = new Set<() => void>();
  const first = await readFolder(folder);
  const own = first.find((object) => object.kind === "WorkloadConfig");
  if (own === undefined)
    throw new FolderError(folder, "expected a WorkloadConfig in one of its *.json files, found none");
  const { workload } = own.status as { workload?: { labels?: Record<string, string> } };
  let settled: (() => void) | undefined;
  const names = new Names({
    resolve,
    clock,
    random,
    failed: logFailures(log),
    changed() {
      snapshot.renamed();
      commit();
      if (names.settled) settled?.();
    },
  });
  const snapshot: Snapshot = new Snapshot({
    names,
    namespace: own.metadata.namespace,
    labels: workload?.labels ?? {},
    clusterDomain,
    random,
    // Everything there is to know is in the folder: what is not loaded will not be.
    patience: { updateMs: 0, firstMs: 0 },
    load: async () => {},
  });

  const commit = () => {
    // The second commit ends waits that have no end here.
    const changed = snapshot.commit(clock.now());
    if (snapshot.commit(clock.now() + 1) || changed) for (const listener of listeners) listener();
  };
  const hold = (objects: readonly StaticObject[]) => {
    for (const object of objects) snapshot.put(object, object.kind);
    for (const kind of ["ServiceConfig", "WorkloadConfig"] as const) {
      const names = objects
        .filter((object) => object.kind === kind)
        .map(({ metadata }) => objectName({ kind, ...metadata }));
      snapshot.keepOnly(kind, new Set(names));
    }
    for (const { metadata } of objects) {
      const key = metadata.labels["mesh.weft.dev/key"];
      if (key !== undefined && key !== "" && key !== "index") snapshot.want(key);
    }
  };
  let inForce: readonly StaticObject[] = [];
  const apply = (objects: readonly StaticObject[]) => {
    try {
      hold(objects);
    } catch (error) {
      // Those before the one that cannot be compiled would come into force with the next change.
      hold(inForce);
      throw error;
    }
    inForce = objects;
    commit();
  };
  apply(first);
  if (!names.settled)
    await new Promise<void>((resolve) => {
      const cancelWait = clock.after(firstAnswersMs, resolve);
      settled = () => {
        cancelWait();
        resolve();
      };
    });

  let reloading = Promise.resolve();
  /** In turn: what was read first, however long it took, must not come into force last. */
  const reload = () => {
    reloading = reloading
      .then(() => readFolder(folder))
      .then(apply)
      .catch((error: unknown) =>
        log("error", "the folder's configuration is not applied; what was in force stays", {
          folder,
          error: error instanceof Error ? error.message : String(error),
        }),
      );
  };
  const unwatch = watchFolders([folder], clock, reload);
  return {
    view: () => snapshot.view(),
    ready: () => snapshot.view() !== undefined,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    outliers: (now) => snapshot.outliers(now),
    dump: () => ({ objects: snapshot.applied() }),
    async close() {
      unwatch();
      names.close();
    },
  };
}

async function readFolder(folder: string): Promise<StaticObject[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".json")).sort();
  const files = await Promise.all(names.map((name) => readObjects(`${folder}/${name}`)));
  return files.flat();
}

async function readObjects(file: string): Promise<StaticObject[]> {
  let content: unknown;
  try {
    content = parseJsonText(await readFile(file, "utf8"));
  } catch (error) {
    throw new FolderError(file, `expected JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const { items } = (content ?? {}) as { items?: unknown };
  const isList = Array.isArray(items);
  const objects = Array.isArray(content) ? content : isList ? items : [content];
  const place = (at: number) => (objects[0] === content ? file : `${file}: ${isList ? "items" : ""}[${at}]`);
  return await Promise.all(objects.map((object, at) => complete(object, place(at))));
}

/** Fills in what people leave out: namespace, hash, and the key's label, which the content knows. */
async function complete(value: unknown, where: string): Promise<StaticObject> {
  const { kind, metadata, status } = (value ?? {}) as Partial<StaticObject>;
  if (kind !== "ServiceConfig" && kind !== "WorkloadConfig")
    throw new FolderError(where, `expected the kind ServiceConfig or WorkloadConfig, found ${kind}`);
  if (typeof metadata?.name !== "string" || typeof status !== "object")
    throw new FolderError(where, "expected metadata.name and status");
  const { index, service, endpoints } = status as Record<string, { key?: string } | undefined>;
  const key = index === undefined ? (service?.key ?? endpoints?.key) : "index";
  // Not by `node:crypto`, which costs 1.7 MB.
  const digest = await crypto.subtle.digest("SHA-256", Buffer.from(JSON.stringify(status)));
  const hash = Buffer.from(digest).toString("hex").slice(0, 16);
  const object: StaticObject = {
    kind,
    metadata: {
      name: metadata.name,
      namespace: metadata.namespace ?? "default",
      labels: { ...(key === undefined ? {} : { "mesh.weft.dev/key": key }), ...metadata.labels },
    },
    status: { revision: "default", ...status, hash },
  };
  // Here it is still known which file it came from, and nothing has taken effect.
  try {
    decodeObject(object, decodeMeta(object, kind));
  } catch (error) {
    throw new FolderError(where, error instanceof ConfigError ? error.detail : String(error));
  }
  return object;
}
