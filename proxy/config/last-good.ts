/**
 * What was in force, on disk: a container that restarts serves at once from it, with the API server up or down. The file holds
 * compiled objects as the API has them, so they come back in through the same decoder; nothing in it is secret.
 */
import { mkdir, open, readFile, rename, stat } from "node:fs/promises";
import type { Clock } from "./clock.ts";
import { type ObjectMeta, rawInObject } from "./decode/decode.ts";
import { parseKeeping } from "./decode/raw-json.ts";
import type { Log } from "./log.ts";

/** A compiled object as it was saved, its index kept raw. */
export interface SavedObject {
  readonly kind: ObjectMeta["kind"];
}

/** What a restart begins with. */
export interface LastGood {
  /** Keys of the services that were called. */
  readonly wanted: readonly string[];
  /** Parsed one at a time. Throws SyntaxError at an object that is no JSON. */
  readonly objects: Iterable<SavedObject>;
}

/** What to save: the objects one by one, as JSON, so that not all of them are text at once. */
export interface Saving {
  readonly wanted: readonly string[];
  readonly objects: Iterable<string>;
}

export interface LastGoodStore {
  /** What was saved; undefined when there is nothing that can be read. */
  load(): Promise<LastGood | undefined>;
  /** Saves soon what `take` gives then; changes close together make one write. */
  schedule(take: () => Saving): void;
  /** Writes what is scheduled. */
  close(): Promise<void>;
}

/** The volume is memory or disk of the pod; larger than this, a restart waits for the API server instead. */
const maxBytes = 32 * 1024 * 1024;
/** Quiet before a write, in ms: an update of several objects is saved once. */
const quietMs = 1_000;
const format = 1;

export function createLastGoodStore(folder: string, clock: Clock, log: Log): LastGoodStore {
  const file = `${folder}/last-good.json`;
  let take: (() => Saving) | undefined;
  let cancel: (() => void) | undefined;
  let writing: Promise<void> = Promise.resolve();

  const write = async () => {
    const saving = take?.();
    take = undefined;
    cancel = undefined;
    if (saving === undefined) return;
    try {
      await mkdir(folder, { recursive: true });
      // Whole or not at all: a restart may come at any moment.
      if (await writePieces(`${file}.new`, pieces(saving))) await rename(`${file}.new`, file);
      else log("warn", "configuration is too large to be saved for a restart", { limit: maxBytes });
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
        return decode(await readFile(file));
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

function* pieces({ wanted, objects }: Saving): Generator<string> {
  yield `{"format":${format},"wanted":${JSON.stringify(wanted)},"objects":[`;
  let separator = "\n";
  for (const object of objects) {
    yield separator + object;
    separator = ",\n";
  }
  yield "\n]}\n";
}

/** False when it would be too large. */
async function writePieces(path: string, texts: Iterable<string>): Promise<boolean> {
  const handle = await open(path, "w", 0o600);
  let size = 0;
  try {
    for (const text of texts) {
      size += Buffer.byteLength(text);
      if (size > maxBytes) return false;
      await handle.writeFile(text);
    }
    return true;
  } finally {
    await handle.close();
  }
}

/** One object a line, so that no more than one is parsed at a time and an index stays raw. */
function decode(file: Uint8Array): LastGood | undefined {
  const lines = splitLines(file);
  const { format: found, wanted } = JSON.parse(`${new TextDecoder().decode(lines[0])}]}`) as {
    format?: unknown;
    wanted?: unknown;
  };
  if (found !== format || !Array.isArray(wanted)) return undefined;
  return { wanted: wanted.filter((key) => typeof key === "string"), objects: objectsIn(lines.slice(1, -1)) };
}

function* objectsIn(lines: readonly Uint8Array[]): Generator<SavedObject> {
  for (const line of lines) {
    const object = parseKeeping(
      line.at(-1) === 0x2c ? line.subarray(0, -1) : line,
      rawInObject,
    ) as SavedObject;
    if (object.kind === "ServiceConfig" || object.kind === "WorkloadConfig") yield object;
  }
}

function splitLines(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let from = 0, end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
    lines.push(bytes.subarray(from, end));
    from = end + 1;
  }
  return lines;
}
