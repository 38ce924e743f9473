import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { normalizePath } from "./path.ts";

describe("a path is normalised", () => {
  it.each([
    ["/", "/"],
    ["/a/b?x=../y", "/a/b?x=../y"],
    ["/a/../b", "/b"],
    ["/a/./b", "/a/b"],
    ["/../../b", "/b"],
    ["/a/b/..", "/a/"],
    ["/a/b/.", "/a/b/"],
    ["/a/%2e%2E/b", "/b"],
    ["/a\\b", "/a/b"],
    ["/a\\..\\b", "/b"],
    ["/%61dmin", "/admin"],
    ["/a%2fb", "/a%2Fb"],
    ["/a%5cb", "/a%5Cb"],
    ["//a//b", "//a//b"],
    ["/a%7eb%2D", "/a~b-"],
    ["/a%zz", "/a%zz"],
    ["/.well-known/x", "/.well-known/x"],
    ["/a/...", "/a/..."],
    ["*", "*"],
    ["/a%00b", undefined],
    ["/%%41a", undefined],
    ["/100%/b/../c", "/100%/c"],
    ["a/b", undefined],
    ["", undefined],
    ["/a?%00", "/a?%00"],
  ])("%s becomes %s", (path, expected) => {
    expect(normalizePath(path)).toBe(expected);
  });

  it("to something that is normal itself and holds no dot segment", () => {
    const piece = fc.constantFrom("/", ".", "..", "a", "%2e", "%2f", "\\", "%41", "?", "%");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const normal = normalizePath(`/${pieces.join("")}`);
        if (normal === undefined) return;
        expect(normal.split("?")[0]).not.toMatch(/\/\.\.?(\/|$)|\\/);
        expect(normalizePath(normal)).toBe(normal);
      }),
      { numRuns: 2_000 },
    );
  });
});
