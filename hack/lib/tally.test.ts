import { describe, expect, it } from "vitest";
import { sum, tallyCheck, tallyVitest } from "./tally.ts";

const report = (status: string, tests: [string, string][], message = "") => ({
  testResults: [
    {
      name: "a.test.ts",
      status,
      message,
      assertionResults: tests.map(([fullName, s]) => ({ fullName, status: s })),
    },
  ],
});

describe("the tally of a test run", () => {
  it("counts what passed", () => {
    expect(
      tallyVitest(
        report("passed", [
          ["x", "passed"],
          ["y", "passed"],
        ]),
      ),
    ).toMatchObject({ passed: 2, failed: 0 });
  });

  it.each(["failed", "skipped", "pending", "todo"])("counts a test that is %s as failed", (status) => {
    expect(tallyVitest(report("passed", [["x", status]]))).toMatchObject({ passed: 0, failed: 1 });
  });

  it("counts a file that could not be loaded", () => {
    const tally = tallyVitest(report("failed", [], "Cannot find module\nat x"));
    expect(tally.failures).toEqual(["a.test.ts: Cannot find module"]);
  });

  it("counts checks by line", () => {
    expect(tallyCheck("pass types\nfail format\n")).toEqual({ passed: 1, failed: 1, failures: ["format"] });
  });

  it("sums", () => {
    expect(sum([tallyCheck("pass a\n"), tallyCheck("fail b\n")])).toEqual({
      passed: 1,
      failed: 1,
      failures: ["b"],
    });
  });
});
