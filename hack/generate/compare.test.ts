import { describe, expect, test } from "vitest";
import { cliReference } from "./cli-reference.ts";
import { compare } from "./compare.ts";
import { kustomize } from "./kustomize.ts";
import { manifests } from "./manifests.ts";
import { reference } from "./reference.ts";
import { generatedBy } from "./yaml.ts";

describe("compare", () => {
  const cases = [
    ["nothing when all is as it should be", { a: "1" }, { a: "1" }, [], []],
    ["a missing file as stale", { a: "1", b: "2" }, { a: "1" }, ["b"], []],
    ["a changed file as stale", { b: "2", a: "1" }, { a: "x", b: "y" }, ["a", "b"], []],
    ["a file that is generated no more", { a: "1" }, { a: "1", old: "0" }, [], ["old"]],
  ] as const;
  test.each(cases)("finds %s", (_, wanted, present, stale, orphaned) => {
    expect(compare(new Map(Object.entries(wanted)), new Map(Object.entries(present)))).toEqual({
      stale,
      orphaned,
    });
  });
});

test("every generated file says what made it, near its beginning", () => {
  for (const [path, text] of new Map([...manifests(), ...kustomize(), ...reference(), ...cliReference()]))
    expect(text.slice(0, 200), path).toContain(generatedBy);
});

test("a kustomization names only files that are generated beside it", () => {
  const files = kustomize();
  const resources = [...(files.get("config/operator/kustomization.yaml") ?? "").matchAll(/^ {2}- (.*)$/gm)];
  expect(resources.length).toBeGreaterThan(3);
  for (const [, name] of resources) expect(files.has(`config/operator/${name}`), name).toBe(true);
});
