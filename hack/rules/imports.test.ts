import { describe, expect, it } from "vitest";
import { violationsIn } from "./imports.ts";

describe("the import rules", () => {
  const cases: { name: string; file: string; text: string; violations: number }[] = [
    {
      name: "let a room import itself",
      file: "proxy/net/a.ts",
      text: `import { b } from "./b.ts";`,
      violations: 0,
    },
    {
      name: "let the proxy use types of crds",
      file: "proxy/config/a.ts",
      text: `import type { A } from "../../crds/service-config.ts";`,
      violations: 0,
    },
    {
      name: "refuse values of crds in the proxy",
      file: "proxy/config/a.ts",
      text: `import { a } from "../../crds/service-config.ts";`,
      violations: 1,
    },
    {
      name: "refuse control in the proxy",
      file: "proxy/main.ts",
      text: `import type { A } from "../control/main.ts";`,
      violations: 1,
    },
    {
      name: "refuse a package in the proxy",
      file: "proxy/main.ts",
      text: `import fastify from "fastify";`,
      violations: 1,
    },
    {
      name: "see dynamic imports",
      file: "proxy/main.ts",
      text: `const x = await import("../kube/index.ts");`,
      violations: 1,
    },
    {
      name: "see re-exports over several lines",
      file: "kube/index.ts",
      text: `export {\n  a,\n  b,\n} from "../crds/index.ts";`,
      violations: 1,
    },
    {
      name: "let the operator share the certificate authority",
      file: "operator/ca.ts",
      text: `import { sign } from "../control/ca/sign.ts";`,
      violations: 0,
    },
    {
      name: "refuse the rest of control in the operator",
      file: "operator/ca.ts",
      text: `import { x } from "../control/watch.ts";`,
      violations: 1,
    },
    {
      name: "keep the compiler pure",
      file: "control/compile/a.ts",
      text: `import { x } from "../../kube/index.ts";`,
      violations: 1,
    },
    {
      name: "refuse Bun outside the proxy",
      file: "control/a.ts",
      text: `import { dlopen } from "bun:ffi";`,
      violations: 1,
    },
    {
      name: "let anyone use the runtime's modules",
      file: "webhook/a.ts",
      text: `import { createHash } from "node:crypto";`,
      violations: 0,
    },
  ];
  it.each(cases)("$name", ({ file, text, violations }) => {
    expect(violationsIn(file, text)).toHaveLength(violations);
  });

  it("name the file, the line, what was found and what is allowed", () => {
    const [violation] = violationsIn("kube/a.ts", `\nimport { x } from "../crds/index.ts";`);
    expect(violation).toMatchObject({ file: "kube/a.ts", line: 2, found: `import of "../crds/index.ts"` });
    expect(violation?.expected).toContain("kube/ itself");
  });
});
