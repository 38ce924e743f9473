import { describe, expect, it } from "vitest";
import { circlesIn, explain } from "./circles.ts";
import { type Graph, importsIn } from "./graph.ts";

/** A graph of files with these texts. */
const graphOf = (files: Record<string, string>): Graph =>
  new Map(Object.entries(files).map(([file, text]) => [file, importsIn(text)]));

describe("the rule against circles", () => {
  const cases: { name: string; files: Record<string, string>; circles: string[] }[] = [
    {
      name: "lets files stand on each other in one direction",
      files: {
        "a/a.ts": `import { b } from "./b.ts";\nimport { c } from "../c.ts";`,
        "a/b.ts": `import { c } from "../c.ts";`,
        "c.ts": "",
      },
      circles: [],
    },
    {
      name: "finds a circle through other folders",
      files: {
        "a/a.ts": `import { b } from "../b/b.ts";`,
        "b/b.ts": `export { c } from "../c.ts";`,
        "c.ts": `import "./a/a.ts";`,
      },
      circles: ["a/a.ts → b/b.ts → c.ts → a/a.ts"],
    },
    {
      name: "finds one of types alone",
      files: { "a.ts": `import type { B } from "./b.ts";`, "b.ts": `import type { A } from "./a.ts";` },
      circles: ["a.ts → b.ts → a.ts"],
    },
    {
      name: "finds one through an import that waits",
      files: { "a.ts": `const b = await import("./b.ts");`, "b.ts": `import { A } from "./a.ts";` },
      circles: ["a.ts → b.ts → a.ts"],
    },
    {
      name: "finds a file that imports itself",
      files: { "a.ts": `import { a } from "./a.ts";` },
      circles: ["a.ts → a.ts"],
    },
    {
      name: "names two circles that share a file, each once",
      files: {
        "a.ts": `import "./b.ts";`,
        "b.ts": `import "./a.ts";\nimport "./c.ts";`,
        "c.ts": `import "./b.ts";`,
      },
      circles: ["a.ts → b.ts → a.ts", "b.ts → c.ts → b.ts"],
    },
    {
      name: "leaves out who only imports a file of a circle",
      files: { "a.ts": `import "./b.ts";`, "b.ts": `import "./a.ts";`, "main.ts": `import "./a.ts";` },
      circles: ["a.ts → b.ts → a.ts"],
    },
  ];
  it.each(cases)("$name", ({ files, circles }) => {
    expect(circlesIn(graphOf(files)).map((circle) => circle.join(" → "))).toEqual(circles);
  });

  it("names the line that closes the circle, all of its files, and a way out", () => {
    const graph = graphOf({
      "a.ts": `\n\nimport { b } from "./b.ts";`,
      "b.ts": `import { a } from "./a.ts";`,
    });
    expect(explain(graph, ["a.ts", "b.ts", "a.ts"])).toBe(
      "a.ts:3: found a circle of imports: a.ts → b.ts → a.ts; " +
        "expected none: give what both sides need a file of its own, or pass it in",
    );
  });
});
