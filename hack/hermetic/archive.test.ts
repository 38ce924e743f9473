import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { header, writeImage } from "./archive.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "weft-archive-"));
});
afterEach(() => rm(folder, { recursive: true }));

const tar = (args: string[], input?: Buffer) => {
  const result = spawnSync("tar", args, { input, maxBuffer: 1 << 20 });
  expect(result.stderr.toString()).toBe("");
  return result.stdout;
};
const image = { tag: "weft.dev/a:dev", name: "a", content: Buffer.from("#!/bin/a\n"), user: "1:1" };

describe("a docker-archive", () => {
  it("is a tar file whose manifest leads to the layer with the executable", async () => {
    const path = join(folder, "image.tar");
    await writeImage(path, image);
    const [entry] = JSON.parse(tar(["-xOf", path, "manifest.json"]).toString());
    expect(entry.RepoTags).toEqual(["weft.dev/a:dev"]);
    const config = JSON.parse(tar(["-xOf", path, entry.Config]).toString());
    expect(config.config).toEqual({ Entrypoint: ["/a"], User: "1:1" });
    const layer = tar(["-xOf", path, entry.Layers[0]]);
    expect(`sha256:${entry.Layers[0].replace(".tar", "")}`).toBe(config.rootfs.diff_ids[0]);
    expect(tar(["-tvf", "-"], layer).toString()).toMatch(/^-rwxr-xr-x \S+ +9 .* a\n$/);
    expect(tar(["-xOf", "-", "a"], layer)).toEqual(image.content);
  });

  it("is the same for the same content", async () => {
    await writeImage(join(folder, "1"), image);
    await writeImage(join(folder, "2"), image);
    expect(await readFile(join(folder, "1"))).toEqual(await readFile(join(folder, "2")));
  });

  it("refuses a name that a ustar header can't hold", () => {
    expect(() => header("a".repeat(101), 0)).toThrow("a ustar name has at most 100 bytes");
  });
});
