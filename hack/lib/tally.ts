/**
 * Sums what the steps of a test run reported: `node hack/lib/tally.ts FOLDER` reads the vitest JSON reports
 * (`*.json`) and the verdicts of single checks (`*.check`, a line `pass NAME` or `fail NAME`) and prints the failures
 * and, as its last line, `N passed, N failed`. Exits with 1 when anything failed or nothing ran.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly failures: readonly string[];
}

interface VitestReport {
  testResults: {
    name: string;
    status: string;
    message?: string;
    assertionResults: { status: string; fullName: string }[];
  }[];
}

/** A test that neither passed nor failed (skipped, todo) counts as failed: nothing is left out silently. */
export function tallyVitest(report: VitestReport): Tally {
  let passed = 0;
  const failures: string[] = [];
  for (const file of report.testResults) {
    for (const test of file.assertionResults) {
      if (test.status === "passed") passed += 1;
      else failures.push(`${file.name}: ${test.fullName} (${test.status})`);
    }
    if (file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed")) {
      failures.push(`${file.name}: ${file.message?.split("\n")[0] || "could not be loaded"}`);
    }
  }
  return { passed, failed: failures.length, failures };
}

export function tallyCheck(text: string): Tally {
  const lines = text.split("\n").filter((line) => line !== "");
  const failures = lines
    .filter((line) => !line.startsWith("pass "))
    .map((line) => line.replace(/^fail /, ""));
  return { passed: lines.length - failures.length, failed: failures.length, failures };
}

export function sum(tallies: readonly Tally[]): Tally {
  return {
    passed: tallies.reduce((n, t) => n + t.passed, 0),
    failed: tallies.reduce((n, t) => n + t.failed, 0),
    failures: tallies.flatMap((t) => t.failures),
  };
}

if (import.meta.main) {
  const folder = process.argv[2];
  if (folder === undefined) throw new Error("usage: node hack/lib/tally.ts FOLDER");
  const total = sum(
    readdirSync(folder).flatMap((name) => {
      const text = readFileSync(join(folder, name), "utf8");
      if (name.endsWith(".json")) return [tallyVitest(JSON.parse(text) as VitestReport)];
      return name.endsWith(".check") ? [tallyCheck(text)] : [];
    }),
  );
  for (const failure of total.failures) console.log(`FAILED ${failure}`);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
}
