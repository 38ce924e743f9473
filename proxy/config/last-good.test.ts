import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FakeClock } from "./clock.fake.ts";
import { decodeMeta, decodeObject } from "./decode/decode.ts";
import { encodeObject } from "./decode/encode.ts";
import { RawList } from "./decode/raw-json.ts";
import { createLastGoodStore } from "./last-good.ts";
import { entry, indexObject, serviceObject } from "./testdata.ts";

let folder: string;
let clock: FakeClock;
let logged: string[];
const store = () =>
  createLastGoodStore(join(folder, "state"), clock, (_level, message) => logged.push(message));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "weft-last-good-"));
  clock = new FakeClock();
  logged = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const saved = [indexObject("shop", [entry("shop", "pay")]), serviceObject("shop", "pay")].map((object) => {
  const decoded = decodeObject(object, decodeMeta(object, object.kind));
  return decoded === undefined ? "" : encodeObject(decoded);
});
const saving = (wanted: string[]) => () => ({ wanted, objects: saved });

describe("the last-good file", () => {
  it("gives back what was saved, the index raw", async () => {
    const first = store();
    first.schedule(saving(["k1", "k2"]));
    await first.close();
    const loaded = await store().load();
    const objects = [...(loaded?.objects ?? [])];
    expect([loaded?.wanted, objects.map(({ kind }) => kind)]).toEqual([
      ["k1", "k2"],
      ["ServiceConfig", "ServiceConfig"],
    ]);
    expect(
      (objects[0] as unknown as { status: { index: { services: unknown } } }).status.index.services,
    ).toBeInstanceOf(RawList);
    expect(await readdir(join(folder, "state"))).toEqual(["last-good.json"]);
  });

  it("is written once for changes that come together, with the last of them", async () => {
    const writing = store();
    writing.schedule(saving(["old"]));
    await clock.advance(500);
    writing.schedule(saving(["new"]));
    await clock.advance(400);
    expect(await store().load()).toBeUndefined();
    await clock.advance(100);
    await writing.close();
    expect((await store().load())?.wanted).toEqual(["new"]);
  });

  it("may be absent without a word", async () => {
    expect([await store().load(), logged]).toEqual([undefined, []]);
  });

  it.each([
    "",
    "not json",
    "{}",
    '{"format":99,"wanted":[],"objects":[\n]}\n',
    '{"format":1,"wanted":5,"objects":[\n]}\n',
  ])("is left aside when it cannot be read: %j", async (text) => {
    const writing = store();
    writing.schedule(saving([]));
    await writing.close();
    await writeFile(join(folder, "state", "last-good.json"), text);
    expect(await store().load()).toBeUndefined();
  });

  it("that was cut gives what is whole, then fails", async () => {
    const writing = store();
    writing.schedule(saving([]));
    await writing.close();
    const file = join(folder, "state", "last-good.json");
    await writeFile(
      file,
      `{"format":1,"wanted":[],"objects":[\n${saved[0]},\n${saved[1]?.slice(0, 50)}\n]}\n`,
    );
    const objects = (await store().load())?.objects[Symbol.iterator]();
    expect(objects?.next().value).toMatchObject({ kind: "ServiceConfig" });
    expect(() => objects?.next()).toThrow(SyntaxError);
  });

  it("is not written when it would be too large, and the former one stays", async () => {
    const writing = store();
    writing.schedule(saving(["small"]));
    await clock.advance(1_000);
    writing.schedule(() => ({
      wanted: ["large"],
      objects: Array.from({ length: 40 }, () => `{"kind":"ServiceConfig","x":"${"x".repeat(1024 * 1024)}"}`),
    }));
    await writing.close();
    expect((await store().load())?.wanted).toEqual(["small"]);
    expect(logged).toEqual(["configuration is too large to be saved for a restart"]);
  });

  it("that cannot be written is told and nothing more", async () => {
    await writeFile(join(folder, "state"), "a file where the folder should be");
    const writing = store();
    writing.schedule(saving([]));
    await writing.close();
    expect(logged).toEqual(["configuration could not be saved for a restart"]);
  });
});
