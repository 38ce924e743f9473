import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { binaryKey, cacheFolder, corednsVersion, kubernetesVersion } from "./binaries.ts";

const sources = new Map([
  ["main.go", "package main"],
  ["go.mod", "module a"],
]);

describe("the key of a built binary", () => {
  it("names the version for people", () => {
    expect(binaryKey("v1.2.3", "-s", sources)).toMatch(/^v1\.2\.3-[0-9a-f]{12}$/);
  });
  it("does not depend on the order in which files are listed", () => {
    expect(binaryKey("v1", "-s", new Map([...sources].reverse()))).toBe(binaryKey("v1", "-s", sources));
  });
  it.each([
    ["the flags", binaryKey("v1", "-w", sources)],
    ["a file's content", binaryKey("v1", "-s", new Map([...sources, ["go.mod", "module b"]]))],
    [
      "a file's name",
      binaryKey(
        "v1",
        "-s",
        new Map([
          ["main2.go", "package main"],
          ["go.mod", "module a"],
        ]),
      ),
    ],
    ["one more file", binaryKey("v1", "-s", new Map([...sources, ["go.sum", ""]]))],
  ])("changes with %s", (_, key) => {
    expect(key).not.toBe(binaryKey("v1", "-s", sources));
  });
});

describe("the pinned versions", () => {
  const required = (module: string, name: string) =>
    new RegExp(`${name} (v\\S+)`).exec(
      readFileSync(join(import.meta.dirname, module, "go.mod"), "utf8"),
    )?.[1];
  it("are those of the Go modules", () => {
    expect(required("kubernetes", "k8s.io/kubernetes")).toBe(kubernetesVersion);
    expect(required("coredns", "github.com/coredns/coredns")).toBe(corednsVersion);
  });
});

describe("the cache", () => {
  it.each([
    [{ WEFT_CACHE: "/a" }, "/a"],
    [{ XDG_CACHE_HOME: "/b" }, "/b/weft"],
    [{ WEFT_CACHE: "/a", XDG_CACHE_HOME: "/b" }, "/a"],
  ])("of %j is %s", (env, folder) => {
    expect(cacheFolder(env)).toBe(folder);
  });
});
