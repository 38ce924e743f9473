import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { withLock } from "./lock.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "weft-lock-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe("a lock file", () => {
  it("lets one in at a time", async () => {
    const path = join(folder, "lock");
    let inside = 0;
    let most = 0;
    const work = () =>
      withLock(path, async () => {
        most = Math.max(most, ++inside);
        await Promise.resolve();
        inside--;
      });
    await Promise.all([work(), work(), work()]);
    expect(most).toBe(1);
  });

  it("is gone afterwards, also when the work fails", async () => {
    const path = join(folder, "lock");
    await expect(withLock(path, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await readdir(folder)).toEqual([]);
  });

  it("of a process that was killed is taken over", async () => {
    const path = join(folder, "lock");
    await writeFile(path, `${spawnSync("true").pid}\n`);
    expect(await withLock(path, async () => "in")).toBe("in");
  });
});
