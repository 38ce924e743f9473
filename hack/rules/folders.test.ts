import { describe, expect, it } from "vitest";
import { findings, rowsOf } from "./folders.ts";
import { importsIn } from "./graph.ts";

const README = `
| Folder | What it knows |
|---|---|
| \`main.ts\`, [\`commands/\`](commands/) | Picks a command |
| [\`http/\`](http/) | Beside it stands \`other/\` |
| [\`fault/\`](fault/), [\`trace/\`](trace/) | Two in a row |
| [\`net/\`](net/) | The ground |
`;

describe("the order of the proxy's folders", () => {
  it("is read from the first column of its README", () => {
    expect(rowsOf(README)).toEqual([["commands"], ["http"], ["fault", "trace"], ["net"]]);
  });

  const cases: { name: string; file: string; text: string; findings: number }[] = [
    {
      name: "lets one import what is below",
      file: "proxy/http/a.ts",
      text: `import "../net/b.ts";`,
      findings: 0,
    },
    { name: "lets one import itself", file: "proxy/http/a.ts", text: `import "./b.ts";`, findings: 0 },
    { name: "refuses what is above", file: "proxy/net/a.ts", text: `import "../http/b.ts";`, findings: 1 },
    {
      name: "refuses types of what is above",
      file: "proxy/net/a.ts",
      text: `import type { B } from "../http/b.ts";`,
      findings: 1,
    },
    {
      name: "refuses what is above also where it waits",
      file: "proxy/net/a.ts",
      text: `await import("../http/b.ts");`,
      findings: 1,
    },
    {
      name: "keeps two of a row apart",
      file: "proxy/trace/a.ts",
      text: `import "../fault/b.ts";`,
      findings: 1,
    },
    { name: "wants a row for every folder", file: "proxy/new/a.ts", text: "", findings: 1 },
    { name: "lets tests reach up", file: "proxy/net/a.test.ts", text: `import "../http/b.ts";`, findings: 0 },
    {
      name: "leaves other rooms alone",
      file: "proxy/net/a.ts",
      text: `import type { A } from "../../crds/a.ts";`,
      findings: 0,
    },
  ];
  it.each(cases)("$name", ({ file, text, findings: expected }) => {
    expect(findings(new Map([[file, importsIn(text)]]), README)).toHaveLength(expected);
  });

  it("names the file, the line, the import and what is allowed", () => {
    const graph = new Map([["proxy/net/a.ts", importsIn(`\nimport { b } from "../http/b.ts";`)]]);
    expect(findings(graph, README)).toEqual([
      {
        file: "proxy/net/a.ts",
        line: 2,
        found: 'import of "../http/b.ts"',
        expected: "proxy/net/ itself and the folders in rows below it in proxy/README.md",
      },
    ]);
  });
});
