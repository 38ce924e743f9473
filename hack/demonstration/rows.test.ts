import { expect, it } from "vitest";
import { table } from "./rows.ts";

const rows = [
  { name: "canary", expected: "90/10", measured: "1799/201", ok: true },
  { name: "STRICT refuses the outsider", expected: "0 of 20", measured: "20 of 20", ok: false },
];

it("aligns the columns and marks what is not as it should be", () => {
  expect(table(rows, false).split("\n")).toEqual([
    "   what                         expected  measured",
    "─  ───────────────────────────  ────────  ────────",
    "✔  canary                       90/10     1799/201",
    "✘  STRICT refuses the outsider  0 of 20   20 of 20",
  ]);
});

it("uses colour only where it is asked for", () => {
  expect(table(rows, false)).not.toContain("\x1b");
  expect(table(rows, true)).toContain("\x1b[31m✘");
});
