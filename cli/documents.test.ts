import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseDocuments } from "./documents.ts";

const manifest = `# a comment
apiVersion: v1
kind: A
metadata: {name: a}
spec:
  http:
  - match:
    - headers:
        x-user.id: {exact: b}
    route:
    - weight: -1
---
# nothing here
---
kind: B
`;

describe("parseDocuments", () => {
  test("leaves empty documents out and knows where the others begin", () => {
    const documents = parseDocuments("f", manifest);
    expect(documents.map(({ file, line, value }) => [file, line, (value as { kind: string }).kind])).toEqual([
      ["f", 2, "A"],
      ["f", 15, "B"],
    ]);
  });

  const lines = [
    ["spec", 5],
    ["spec.http[0].route[0].weight", 11],
    ["spec.http[0].match[0].headers[x-user.id].exact", 9],
    ["spec.http[0].route[0].destination.host", 11],
    ["spec.http[7]", 6],
    ["metadata.labels", 4],
    ["status", 2],
    ["", 2],
  ] as const;
  test.each(lines)("finds the line of %j, or of what is around it", (field, line) => {
    expect(parseDocuments("f", manifest)[0]?.lineOf(field)).toBe(line);
  });

  test("takes a List apart", () => {
    const documents = parseDocuments("f", "kind: List\nitems:\n- kind: A\n- kind: B\n  spec: {}\n");
    expect(documents.map(({ line, value }) => [line, value])).toEqual([
      [3, { kind: "A" }],
      [4, { kind: "B", spec: {} }],
    ]);
    expect(documents[1]?.lineOf("spec")).toBe(5);
  });

  test("says where a document is malformed, and goes on with the next", () => {
    const documents = parseDocuments("f", "a: [1\n---\nkind: B\n");
    expect(documents[0]?.problem?.message).toMatch(/flow/i);
    expect(documents[0]?.problem?.line).toBeLessThanOrEqual(2);
    expect(documents.at(-1)?.value).toEqual({ kind: "B" });
  });

  test("refuses a key that is there twice", () => {
    expect(parseDocuments("f", "a: 1\na: 2\n")[0]?.problem).toEqual({
      line: 2,
      message: "Map keys must be unique",
    });
  });

  test("refuses aliases that stand for far more than is written", () => {
    const bomb = `a: &a [x, x, x, x, x, x, x, x, x, x]\n${["b", "c", "d", "e"]
      .map((name, i) => `${name}: &${name} [${Array(10).fill(`*${"abcd"[i]}`).join(", ")}]`)
      .join("\n")}\n`;
    expect(parseDocuments("f", bomb)[0]?.problem?.message).toMatch(/alias/i);
  });

  test("never throws, whatever the text and the field", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (text, field) => {
        for (const document of parseDocuments("f", text)) expect(document.lineOf(field)).toBeGreaterThan(0);
      }),
    );
  });
});
