import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyPath, anyPort, anyValue, remembered } from "./values.ts";

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const text = fc.string({ unit: fc.constantFrom("a", "b", "/"), maxLength: 4 });

describe("a list of values", () => {
  it("matches as its patterns say one by one, however many they are", () => {
    const pattern = fc.oneof(
      fc.constant("*"),
      text,
      text.map((part) => `${part}*`),
      text.map((part) => `*${part}`),
    );
    const saysOne = (pattern: string, value: string) => {
      if (pattern === "*") return value !== "";
      const [, before, middle = "", after] = /^(\*?)(.*?)(\*?)$/s.exec(pattern) ?? [];
      if (before === "*") return value.endsWith(middle + after);
      return after === "*" ? value.startsWith(middle) : value === middle;
    };
    fc.assert(
      fc.property(fc.array(pattern, { minLength: 1, maxLength: 20 }), text, (patterns, value) => {
        expect(anyValue(patterns)(value)).toBe(patterns.some((each) => saysOne(each, value)));
      }),
    );
  });

  it("of paths takes templates by the segment", () => {
    const segment = fc.constantFrom("a", "b", "", "{*}");
    const template = fc
      .tuple(fc.array(segment, { minLength: 1, maxLength: 4 }), fc.boolean())
      .map(([segments, open]) => ["", ...segments, ...(open ? ["{**}"] : [])].join("/"));
    const expression = (path: string) => new RegExp(`^${path.split("/").map(segmentExpression).join("/")}$`);
    const segmentExpression = (each: string) =>
      each === "{*}" ? "[^/]+" : each === "{**}" ? ".*" : escaped(each);
    const path = fc
      .array(fc.constantFrom("a", "b", ""), { maxLength: 5 })
      .map((parts) => `/${parts.join("/")}`);
    fc.assert(
      fc.property(template, path, (template, path) => {
        expect(anyPath([template])(path)).toBe(expression(template).test(path));
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    [["80", "8080"], 8080, true],
    [["80", "8080"], 808, false],
    [["80*"], 8080, true],
    [["080"], 80, false],
    [["*"], 1, true],
  ])("of ports %j: %d is in it: %s", (values, port, expected) => {
    expect(anyPort(values)(port)).toBe(expected);
  });
});

describe("remembered answers", () => {
  it("are those that were worked out, each once while peers are few", () => {
    const asked: string[] = [];
    const matches = remembered((value) => {
      asked.push(value);
      return value.endsWith("1");
    });
    expect(["a1", "b", "a1", "b"].map(matches)).toEqual([true, false, true, false]);
    expect(asked).toEqual(["a1", "b"]);
  });

  it("stay right beyond as many peers as are kept", () => {
    const matches = remembered((value) => value.endsWith("1"));
    const peers = Array.from({ length: 300 }, (_, i) => String(i));
    for (const peer of [...peers, ...peers]) expect(matches(peer)).toBe(peer.endsWith("1"));
  });
});
