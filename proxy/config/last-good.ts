/**
 * What was in force, on disk: a container that restarts serves at once from it, with the API server up or down. The file holds
 * compiled objects as the API has them, so they come back in through the same decoder; nothing in it is secret.
 */
import { mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "./clock.ts";
import { type CompiledObject, type ObjectMeta, objectName } from "./decode.ts";
import type { Log } from "./log.ts";

/** What a restart begins with. */
export interface LastGood {
  /** Keys of the services that were called. */
  readonly wanted: readonly string[];
  readonly objects: readonly { readonly kind: ObjectMeta["kind"]; readonly [field: string]: unknown }[];
}

export interface LastGoodStore {
  /** What was saved; undefined when there is nothing that can be read. */
  load(): Promise<LastGood | undefined>;
  /** Saves soon what `take` gives then; changes close together make one write. */
  schedule(
    take: () => { readonly wanted: readonly string[]; readonly objects: readonly CompiledObject[] },
  ): void;
  /** Writes what is scheduled. */
  close(): Promise<void>;
}

/** The volume is memory or disk of the pod; larger than this, a restart waits for the API server instead. */
const maxBytes = 32 * 1024 * 1024;
/** Quiet before a write, in ms: an update of several objects is saved once. */
const quietMs = 1_000;
const format = 1;

export function createLastGoodStore(folder: string, clock: Clock, log: Log): LastGoodStore {
  const file = join(folder, "last-good.json");
  let take: Parameters<LastGoodStore["schedule"]>[0] | undefined;
  let cancel: (() => void) | undefined;
  let writing: Promise<void> = Promise.resolve();

  const write = async () => {
    const state = take?.();
    take = undefined;
    cancel = undefined;
    if (state === undefined) return;
    try {
      const text = JSON.stringify({ format, wanted: state.wanted, objects: state.objects.map(toJson) });
      if (text.length > maxBytes) {
        log("warn", "configuration is too large to be saved for a restart", {
          bytes: text.length,
          limit: maxBytes,
        });
        return;
      }
      await mkdir(folder, { recursive: true });
      // Whole or not at all: a restart may come at any moment.
      await writeFile(`${file}.new`, text, { mode: 0o600 });
      await rename(`${file}.new`, file);
    } catch (error) {
      log("warn", "configuration could not be saved for a restart", { file, error: String(error) });
    }
  };
  const start = () => {
    writing = writing.then(write);
  };
  return {
    async load() {
      try {
        if ((await stat(file)).size > maxBytes) return undefined;
        return decode(JSON.parse(await readFile(file, "utf8")));
      } catch (error) {
        if ((error as { code?: string }).code !== "ENOENT") {
          log("warn", "the saved configuration cannot be read", { file, error: String(error) });
        }
        return undefined;
      }
    },
    schedule(next) {
      take = next;
      cancel ??= clock.after(quietMs, start);
    },
    async close() {
      cancel?.();
      start();
      await writing;
    },
  };
}

function toJson(object: CompiledObject): object {
  const { meta, hash, generations, writtenAt, part } = object;
  const header = {
    hash,
    generations,
    ...(writtenAt === undefined ? {} : { writtenAt: new Date(writtenAt).toISOString() }),
  };
  const { kind, ...content } = part;
  return {
    kind: meta.kind,
    metadata: { namespace: meta.namespace, name: meta.name, labels: { "mesh.weft.dev/key": meta.key } },
    status: kind === "workload" ? { ...part.workload, ...header } : { ...header, ...content },
  };
}

function decode(value: unknown): LastGood | undefined {
  const {
    format: found,
    wanted,
    objects,
  } = value as { format?: unknown; wanted?: unknown; objects?: unknown };
  if (found !== format || !Array.isArray(wanted) || !Array.isArray(objects)) return undefined;
  return {
    wanted: wanted.filter((key) => typeof key === "string"),
    objects: objects.filter((each) => each?.kind === "ServiceConfig" || each?.kind === "WorkloadConfig"),
  };
}

/** For messages: what of the saved state could not be used. */
export function describeSaved(object: unknown): string {
  const { kind, metadata } = object as {
    kind: ObjectMeta["kind"];
    metadata?: { namespace?: string; name?: string };
  };
  return objectName({ kind, namespace: metadata?.namespace ?? "?", name: metadata?.name ?? "?" });
}
