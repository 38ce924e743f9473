import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createStore } from "./store.ts";
import type { MetaObject } from "./types.ts";

interface Item extends MetaObject {
  tags: string[];
}
const item = (name: string, tags: string[]): Item => ({ metadata: { name, namespace: "ns" }, tags });

describe("the store", () => {
  it("finds by key and by index, and forgets what an object no longer says", () => {
    const store = createStore<Item>({ tag: ({ tags }) => tags });
    store.set(item("a", ["x", "y"]));
    store.set(item("b", ["y"]));
    expect(store.byIndex("tag", "y").map(({ metadata }) => metadata.name)).toEqual(["a", "b"]);
    expect(store.set(item("a", ["z"]))?.tags).toEqual(["x", "y"]);
    expect(store.byIndex("tag", "x")).toEqual([]);
    expect(store.byIndex("tag", "y").map(({ metadata }) => metadata.name)).toEqual(["b"]);
    store.delete("ns/b");
    expect(store.byIndex("tag", "y")).toEqual([]);
    expect(store.get("ns/b")).toBeUndefined();
  });

  it("refuses an index that was not declared", () => {
    expect(() => createStore<Item>().byIndex("tag", "x")).toThrow('no index "tag"');
  });

  it("answers by index as a search through everything would", () => {
    const names = fc.constantFrom("a", "b", "c", "d");
    const change = fc.record({ name: names, tags: fc.option(fc.array(fc.constantFrom("x", "y", "z"))) });
    fc.assert(
      fc.property(fc.array(change), (changes) => {
        const store = createStore<Item>({ tag: ({ tags }) => tags });
        for (const { name, tags } of changes) {
          if (tags === null) store.delete(`ns/${name}`);
          else store.set(item(name, tags));
        }
        for (const tag of ["x", "y", "z"]) {
          const expected = store.list().filter(({ tags }) => tags.includes(tag));
          expect(new Set(store.byIndex("tag", tag))).toEqual(new Set(expected));
        }
      }),
    );
  });
});
