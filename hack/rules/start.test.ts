import { describe, expect, it } from "vitest";
import { importsIn } from "./graph.ts";
import { explain, findings } from "./start.ts";

/** What is found where the sidecar's command has `imports`, and the files besides have these texts. */
function found(imports: string, files: Record<string, string> = {}): string[] {
  const texts: Record<string, string> = {
    "proxy/main.ts": `const { run } = await import("./commands/run.ts");\nprocess.stdout.write("help");`,
    "proxy/commands/run.ts": imports,
    ...files,
  };
  const graph = new Map(Object.entries(texts).map(([file, text]) => [file, importsIn(text)]));
  return findings(graph, (file) => texts[file] ?? "").map(explain);
}

describe("what a sidecar loads at its start", () => {
  it("may be files, Bun's ffi and the file system", () => {
    const imports = `import { readFile } from "node:fs/promises";\nimport { dlopen } from "bun:ffi";`;
    expect(found(imports)).toEqual([]);
  });

  it("is no module that costs megabytes: the error names the way by which it is loaded", () => {
    const files = {
      "proxy/net/a.ts": `import { b } from "./b.ts";`,
      "proxy/net/b.ts": `import { readFileSync } from "node:fs";\nimport { createHash } from "node:crypto";`,
    };
    expect(found(`import { a } from "../net/a.ts";`, files)).toEqual([
      'proxy/net/b.ts:2: found import of "node:crypto", which every sidecar loads at its start by proxy/commands/run.ts → ' +
        "proxy/net/a.ts → proxy/net/b.ts; expected bun:ffi, node:fs, node:fs/promises, or " +
        '`await import("node:crypto")` where it is first needed',
    ]);
  });

  const dear: { name: string; text: string; findings: number }[] = [
    { name: "is no stream of the process", text: "process.stderr.write(line);", findings: 1 },
    { name: "is no fetch", text: "const answer = await fetch(url);", findings: 1 },
    { name: "may be a method that is called fetch", text: "await client.fetch(url);", findings: 0 },
    { name: "may speak of them in comments", text: "// `process.stderr` would cost 2 MB", findings: 0 },
    { name: "may wait for a module", text: `await import("node:http2");`, findings: 0 },
    {
      name: "may have types of any module",
      text: `import type { JsonWebKey } from "node:crypto";`,
      findings: 0,
    },
  ];
  it.each(dear)("$name", ({ text, findings }) => {
    expect(found(`import "../net/a.ts";`, { "proxy/net/a.ts": text })).toHaveLength(findings);
  });

  it("is not what only a file loads that waits itself", () => {
    const files = {
      "proxy/net/a.ts": `const b = await import("./b.ts");`,
      "proxy/net/b.ts": `import { connect } from "node:net";`,
    };
    expect(found(`import { a } from "../net/a.ts";`, files)).toEqual([]);
  });
});
