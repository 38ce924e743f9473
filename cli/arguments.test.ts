import { describe, expect, test } from "vitest";
import { type Option, parseArguments } from "./arguments.ts";

const options: readonly Option[] = [
  { name: "file", short: "f", value: "FILE", repeatable: true, description: "Files." },
  { name: "output", short: "o", value: "FORMAT", choices: ["text", "json"], description: "Format." },
  { name: "dry-run", description: "Dry." },
];

describe("parseArguments", () => {
  const cases = [
    [["-f", "a", "--file=b", "-fc", "--file", "-"], { file: ["a", "b", "c", "-"] }],
    [["-o", "json"], { output: ["json"] }],
    [["-ojson"], { output: ["json"] }],
    [["-o=json"], { output: ["json"] }],
    [["x", "--dry-run", "y"], { positionals: ["x", "y"], dryRun: true }],
    [["--", "--dry-run"], { positionals: ["--dry-run"], dryRun: false }],
    [["-"], { positionals: ["-"] }],
  ] as const;
  test.each(cases)("reads %j", (argv, expected) => {
    const args = parseArguments(argv, options);
    expect({
      file: args.texts("file"),
      output: args.texts("output"),
      positionals: args.positionals,
      dryRun: args.flag("dry-run"),
    }).toEqual({ file: [], output: [], positionals: [], dryRun: false, ...expected });
  });

  const refused = [
    [["--fil", "a"], "found unknown option --fil; expected one of -f/--file, -o/--output, --dry-run"],
    [["-x"], "found unknown option -x; expected one of -f/--file, -o/--output, --dry-run"],
    [["-f"], "found -f at the end; expected a FILE after it"],
    [["-o", "yaml"], "found -o/--output yaml; expected text or json"],
    [["-o", "json", "-o", "json"], "found -o/--output 2 times; expected it once"],
    [["--dry-run=no"], "found --dry-run=no; expected --dry-run without a value"],
  ] as const;
  test.each(refused)("refuses %j", (argv, message) => {
    expect(() => parseArguments(argv, options)).toThrow(message);
  });
});
