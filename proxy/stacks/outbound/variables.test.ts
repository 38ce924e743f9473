import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { variables } from "./variables.ts";

it("knows the variables that docs/validation.md lists, and no other", () => {
  const text = readFileSync(new URL("../../../docs/validation.md", import.meta.url), "utf8");
  const listed = /Variables: (.*?); others/.exec(text)?.[1] ?? "";
  expect([...listed.matchAll(/`([A-Z_]+)`/g)].map(([, name]) => name)).toEqual(Object.keys(variables));
});
