import { expect, it } from "vitest";
import { withFlag } from "./flags.ts";

it.each([
  ["-", "URX", "URX"],
  ["UF", "URX", "UF,URX"],
  ["UF,URX", "DI", "UF,DI,URX"],
  ["FI", "DI", "DI,FI"],
  ["UO", "DI", "UO,DI"],
  ["NC", "DI", "DI,NC"],
])("response flags %s with %s are %s", (flags, flag, expected) => {
  expect(withFlag(flags, flag)).toBe(expected);
});
