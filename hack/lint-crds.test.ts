import { describe, expect, test } from "vitest";
import { customResourceDefinitions } from "../crds/index.ts";
import type { CustomResourceDefinition, PrinterColumn } from "../crds/kind.ts";
import type { OpenApiSchema } from "../crds/openapi.ts";
import { lintDefinition } from "./lint-crds.ts";

test.each(customResourceDefinitions().map((definition) => [definition.metadata.name, definition] as const))(
  "%s keeps to the rules",
  (_, definition) => {
    expect(lintDefinition(definition)).toEqual([]);
  },
);

describe("a definition is refused", () => {
  const cases: readonly (readonly [string, OpenApiSchema, string])[] = [
    ["without a type", { description: "A." }, "spec.a: found no type"],
    ["without a description", { type: "string" }, "spec.a: found description undefined"],
    [
      "with a description that is no sentence",
      { type: "string", description: "todo" },
      `found description "todo"`,
    ],
    [
      "that keeps unknown fields in its spec",
      { type: "object", description: "A.", "x-kubernetes-preserve-unknown-fields": true },
      "spec.a: keeps unknown fields",
    ],
    [
      "with a list of no list type",
      { type: "array", description: "A.", items: { type: "string" } },
      "no list type",
    ],
    [
      "with a rule over an unbounded text",
      {
        type: "string",
        description: "A.",
        "x-kubernetes-validations": [{ rule: "self != ''", message: "not empty" }],
      },
      "expected maxLength",
    ],
    [
      "with a rule over an unbounded map",
      {
        type: "object",
        description: "A.",
        additionalProperties: { type: "string" },
        "x-kubernetes-validations": [{ rule: "self.all(k, k != '')", message: "not empty" }],
      },
      "expected maxProperties",
    ],
    [
      "with a rule over an unbounded list",
      {
        type: "array",
        description: "A.",
        items: { type: "string" },
        "x-kubernetes-list-type": "atomic",
        "x-kubernetes-validations": [{ rule: "self.all(k, k != '')", message: "not empty" }],
      },
      "expected maxItems",
    ],
    [
      "with objects in a list that have no description",
      { type: "array", description: "A.", items: { type: "object" }, "x-kubernetes-list-type": "atomic" },
      "spec.a[]: found description undefined",
    ],
    [
      "with a required field that has a default",
      {
        type: "object",
        description: "A.",
        required: ["b"],
        properties: { b: { type: "string", description: "B.", default: "x" } },
      },
      "spec.a.b: is required and has a default",
    ],
  ];
  test.each(cases)("%s", (_, schema, problem) => {
    const problems = lintDefinition(definitionWith(schema));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(problem);
  });

  test("with more columns than a terminal shows", () => {
    const column = { name: "C", type: "string", jsonPath: ".spec.a", description: "C." } as const;
    const seven = Array.from({ length: 7 }, () => column);
    expect(lintDefinition(definitionWith({ type: "string", description: "A." }, seven))).toEqual([
      "things.example.org v1: found 7 columns, expected at most 6",
    ]);
  });

  test("that is too large to be kept in an annotation", () => {
    const large = definitionWith({ type: "string", description: "A." });
    expect(lintDefinition(large, { maxBytes: 100 })[0]).toMatch(/found \d+ bytes, expected at most 100/);
  });
});

function definitionWith(
  a: OpenApiSchema,
  additionalPrinterColumns: readonly PrinterColumn[] = [],
): CustomResourceDefinition {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "things.example.org", labels: {}, annotations: {} },
    spec: {
      group: "example.org",
      names: {},
      scope: "Namespaced",
      conversion: { strategy: "None" },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: "object",
              properties: {
                spec: { type: "object", description: "S.", properties: { a } },
                status: { type: "object", description: "S." },
              },
            },
          },
          subresources: { status: {} },
          additionalPrinterColumns,
        },
      ],
    },
  };
}
