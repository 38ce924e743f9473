/** `DIR/proxy/proxy.json` as a file that changes: read, and applied anew when its folder, or that of a certificate, changes. */
import { readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Clock } from "../config/clock.ts";
import type { Log } from "../config/log.ts";
import { watchFolders } from "../config/watch-folder.ts";
import type { StandaloneSettings } from "./standalone-file.ts";

/** It is handed to workers in their environment, of which a variable may have 128 KiB. */
const MAX_BYTES = 64 * 1024;

export const fileIn = (folder: string): string => join(folder, "proxy", "proxy.json");

/** The text of the folder's `proxy.json`. Throws an error for people who have just named a folder. */
export async function readFileIn(folder: string): Promise<string> {
  const found = await stat(folder).catch(() => undefined);
  if (found?.isDirectory() !== true) {
    throw new TypeError(
      `--config: expected a folder with proxy/proxy.json and *.json, found ${folder}, which ${found === undefined ? "is not there or may not be read" : "is no folder"}`,
    );
  }
  const path = fileIn(folder);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new TypeError(
      `${path}: expected the file that says where to listen: ${error instanceof Error ? error.message : String(error)}; examples/standalone has one to start from`,
    );
  }
  if (Buffer.byteLength(text) <= MAX_BYTES) return text;
  throw new TypeError(`${path}: expected at most ${MAX_BYTES} bytes, found ${Buffer.byteLength(text)}`);
}

/** The folders whose changes matter for these settings. */
export function foldersOf(folder: string, { identity }: StandaloneSettings): string[] {
  const own = dirname(fileIn(folder));
  const files = identity === undefined ? [] : Object.values(identity);
  return [own, ...files.map((file) => dirname(resolve(own, file)))];
}

export interface Follower {
  readonly folders: () => readonly string[];
  readonly apply: () => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Applies after each change, one at a time. What cannot be applied is told, and tried again at the next change. */
export function follow({ folders, apply, clock, log }: Follower): () => void {
  let applying = Promise.resolve();
  let watched = "";
  let unwatch = () => {};
  let ended = false;
  const changed = () => {
    applying = applying.then(apply).then(watch, (error: unknown) =>
      log("error", "a change is not applied; what was in force stays", {
        error: error instanceof Error ? error.message : String(error),
      }),
    );
  };
  const watch = () => {
    const current = folders();
    if (ended || current.join("\0") === watched) return;
    unwatch();
    watched = current.join("\0");
    unwatch = watchFolders(current, clock, changed);
    // What came while nobody watched.
    changed();
  };
  watch();
  return () => {
    ended = true;
    unwatch();
  };
}
