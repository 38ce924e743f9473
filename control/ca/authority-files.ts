import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock, Timer } from "../../kube/clock.ts";
import type { Log } from "../../kube/log.ts";
import { type Authority, type AuthorityFiles, authorityFiles, readAuthority } from "./authority.ts";

/** The authority that signs now, as it is replaced from time to time. */
export interface AuthoritySource {
  /** Undefined until one was read. */
  current(): Authority | undefined;
  /** Calls back after every change; returns what ends it. */
  onChange(listener: (authority: Authority) => void): () => void;
}

/** The kubelet swaps a mounted Secret about a minute after it changed; looking at four small files costs nothing. */
const pollMs = 5_000;

/**
 * Follows the CA Secret where it is mounted. `start` reads it once; after that it is read every 5 s, and an authority
 * that cannot be used leaves the last good one in place, with an error in the log.
 */
export function createAuthorityFiles(options: {
  directory: string;
  clock: Clock;
  log: Log;
}): AuthoritySource & {
  start(): Promise<void>;
  close(): void;
} {
  const { directory, clock, log } = options;
  const listeners = new Set<(authority: Authority) => void>();
  let current: Authority | undefined;
  let seen = "";
  let timer: Timer | undefined;
  let closed = false;

  const look = async () => {
    const files = await readFiles(directory);
    const text = JSON.stringify(files);
    if (text === seen || closed) return;
    seen = text;
    try {
      current = readAuthority(files, directory);
    } catch (error) {
      log.error("the CA Secret cannot be used; the last good one stays in use", { directory, error });
      return;
    }
    log.info("signing authority read", { notAfter: new Date(current.notAfter).toISOString() });
    for (const listener of listeners) listener(current);
  };
  const again = () => {
    if (closed) return;
    timer = clock.setTimeout(() => void look().finally(again), pollMs);
  };
  return {
    current: () => current,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async start() {
      await look();
      again();
    },
    close() {
      closed = true;
      timer?.cancel();
      listeners.clear();
    },
  };
}

async function readFiles(directory: string): Promise<AuthorityFiles> {
  const entries = await Promise.all(
    authorityFiles.map(async (name) => {
      const text = await readFile(join(directory, name), "utf8").catch(() => undefined);
      return text === undefined ? [] : [[name, text] as const];
    }),
  );
  return Object.fromEntries(entries.flat());
}
