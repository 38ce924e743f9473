/** Following a folder whose files people, editors and `cp -r` change in several steps: one call when it is quiet again. */
import { watch } from "node:fs";
import type { Clock } from "./clock.ts";

/** In ms. */
const QUIET_MS = 100;

/** Calls `changed` after each change in one of the folders, not in what is below them. Returns a function that ends it. */
export function watchFolders(folders: Iterable<string>, clock: Clock, changed: () => void): () => void {
  let cancel: (() => void) | undefined;
  const soon = () => {
    cancel?.();
    cancel = clock.after(QUIET_MS, changed);
  };
  const watchers = [...new Set(folders)].map((folder) => watch(folder, soon));
  return () => {
    cancel?.();
    for (const watcher of watchers) watcher.close();
  };
}
