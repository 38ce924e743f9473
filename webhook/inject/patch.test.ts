import { applyPatch } from "rfc6902";
import { describe, expect, test } from "vitest";
import { append, pointer, prepend, setMembers, testLastName } from "./patch.ts";

test.each([
  [["a"], "/a"],
  [["a/b", "c~d", 0], "/a~1b/c~0d/0"],
  [["~1"], "/~01"],
  [[""], "/"],
  [[], ""],
])("the pointer of %j is %s", (segments, path) => expect(pointer(...segments)).toBe(path));

describe("setting members of a map", () => {
  test("makes the map when there is none", () => {
    expect(setMembers(["m"], undefined, { a: "1" })).toEqual([{ op: "add", path: "/m", value: { a: "1" } }]);
  });

  test("makes no empty map", () => expect(setMembers(["m"], undefined, {})).toEqual([]));

  test("adds, replaces, and leaves what is so already", () => {
    expect(setMembers(["m"], { a: "1", b: "1" }, { a: "1", b: "2", "c/d": "3" })).toEqual([
      { op: "replace", path: "/m/b", value: "2" },
      { op: "add", path: "/m/c~1d", value: "3" },
    ]);
  });

  test("takes inherited names for absent", () => {
    expect(setMembers(["m"], {}, { constructor: "1" })).toEqual([
      { op: "add", path: "/m/constructor", value: "1" },
    ]);
  });
});

describe("lists", () => {
  const apply = (list: unknown[] | undefined, operations: Parameters<typeof applyPatch>[1]) => {
    const document = { ...(list === undefined ? {} : { list }) };
    expect(applyPatch(document, operations).filter((failure) => failure !== null)).toEqual([]);
    return document;
  };

  test("append keeps order, before and after", () => {
    expect(apply([1], append(["list"], true, [2, 3]))).toEqual({ list: [1, 2, 3] });
    expect(apply(undefined, append(["list"], false, [2, 3]))).toEqual({ list: [2, 3] });
    expect(append(["list"], false, [])).toEqual([]);
  });

  test("prepend keeps order, before and after", () => {
    expect(apply([1], prepend(["list"], true, [2, 3]))).toEqual({ list: [2, 3, 1] });
    expect(apply(undefined, prepend(["list"], false, [2, 3]))).toEqual({ list: [2, 3] });
    expect(prepend(["list"], true, [])).toEqual([]);
  });

  test("the guard asks for the last item", () => {
    expect(testLastName(["list"], ["a", "b"])).toEqual([{ op: "test", path: "/list/1/name", value: "b" }]);
    expect(testLastName(["list"], [])).toEqual([]);
  });
});
