import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Runs `work` while holding the lock file `path`, waiting for another holder to finish.
 * The file names its holder's process, so a lock whose holder was killed is taken over.
 */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  onWait?: (pid: number) => void,
): Promise<T> {
  // Written aside and linked, so that a lock file is never seen without its holder's name.
  const mine = `${path}.${process.pid}.${Math.random().toString(36).slice(2, 8)}`;
  await writeFile(mine, `${process.pid}\n`);
  try {
    for (let waits = 0; !(await tryLink(mine, path)); waits++) {
      const holder = Number((await readFile(path, "utf8").catch(() => "")).trim());
      if (holder > 0 && !isAlive(holder)) {
        await takeOver(path, `${mine}.stale`, holder);
        continue;
      }
      if (waits === 0 && holder > 0) onWait?.(holder);
      await sleep(100);
    }
  } finally {
    await rm(mine, { force: true });
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

/** Removes the lock of a dead holder, and only that: somebody else may have taken it over a moment ago. */
async function takeOver(path: string, aside: string, holder: number): Promise<void> {
  try {
    await rename(path, aside);
  } catch {
    return; // Somebody else was faster.
  }
  if (Number(await readFile(aside, "utf8")) !== holder) await tryLink(aside, path);
  await rm(aside, { force: true });
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

/** Whether a process with this id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
