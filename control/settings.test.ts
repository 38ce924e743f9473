import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createFakeClock } from "../kube/clock.fake.ts";
import { silentLog } from "../kube/log.ts";
import { createMeshFile, type MeshFile, parseMeshFile } from "./settings.ts";

describe("mesh.json", () => {
  it("may leave everything out, and may say more than is known here", () => {
    expect(parseMeshFile("{}")).toEqual({});
    expect(parseMeshFile('{"trustDomain":"td","future":{"a":1}}')).toMatchObject({ trustDomain: "td" });
  });

  it("is refused with every wrong field, what was found and what was expected", () => {
    const text = '{"mtls":{"mode":"MAYBE"},"proxy":{"concurrency":1.5},"accessLog":"yes"}';
    expect(() => parseMeshFile(text)).toThrow(
      'accessLog: found "yes", expected true or false; mtls.mode: found "MAYBE", expected STRICT, PERMISSIVE or DISABLE; proxy.concurrency: found 1.5, expected a whole number',
    );
  });

  it.each(["[]", "3", "null"])("is refused when it holds %s", (text) => {
    expect(() => parseMeshFile(text)).toThrow("expected an object");
  });
});

describe("the mesh file", () => {
  let folder = "";
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const open = async (text?: string) => {
    folder = await mkdtemp(join(tmpdir(), "weft-mesh-"));
    const path = join(folder, "mesh.json");
    if (text !== undefined) await writeFile(path, text);
    const clock = createFakeClock();
    const file = createMeshFile({ path, clock, log: silentLog });
    const seen: MeshFile[] = [];
    file.onChange((settings) => seen.push(settings));
    /** Reading the file is real I/O: time passes, then the answer comes. */
    const pass = (expected: number) =>
      vi.waitFor(async () => {
        await clock.advance(2_000);
        expect(seen).toHaveLength(expected);
      }, 5_000);
    return { path, file, seen, pass };
  };

  it("stands for defaults when it is missing, and is picked up when it comes", async () => {
    const { path, file, seen, pass } = await open();
    await file.start();
    expect(file.current()).toEqual({});
    await writeFile(path, '{"revision":"v2"}');
    await pass(1);
    expect(seen).toEqual([{ revision: "v2" }]);
    file.close();
  });

  it("keeps the last good settings while it is wrong", async () => {
    const { path, file, seen, pass } = await open('{"revision":"v1"}');
    await file.start();
    await writeFile(path, "{ broken");
    await pass(0);
    expect(file.current()).toEqual({ revision: "v1" });
    await writeFile(path, '{"revision":"v3"}');
    await pass(1);
    expect(seen).toEqual([{ revision: "v3" }]);
    file.close();
  });

  it("does not start with settings that are wrong", async () => {
    const { file } = await open('{"mtls":true}');
    await expect(file.start()).rejects.toThrow("mtls: found true");
    file.close();
  });
});
