import { describe, expect, expectTypeOf, test } from "vitest";
import {
  boolean,
  duration,
  enumeration,
  type Infer,
  integer,
  integerOrString,
  labels,
  list,
  map,
  number,
  object,
  preserved,
  required,
  string,
  strings,
  tagged,
  unsigned,
} from "./schema.ts";
import type {
  Endpoint,
  HttpRoute,
  Protocol,
  RouteAction,
  ServiceConfig,
  StringMatch,
} from "./service-config.ts";
import type { WorkloadConfigStatus } from "./workload-config.ts";

describe("the static type of a schema", () => {
  test("has required fields, optional ones, and is readonly throughout", () => {
    const pet = object("A pet.", {
      name: required(string("Its name.")),
      legs: integer("How many."),
      tags: strings("Tags."),
      mood: enumeration("Mood.", ["HAPPY", "SAD"]),
      owners: map("Owners.", object("One.", { since: duration("How long.") })),
      weight: number("Kilograms."),
      good: boolean("Always."),
    });
    expectTypeOf<Infer<typeof pet>>().toEqualTypeOf<{
      readonly name: string;
      readonly legs?: number;
      readonly tags?: readonly string[];
      readonly mood?: "HAPPY" | "SAD";
      readonly owners?: Readonly<Record<string, { readonly since?: string }>>;
      readonly weight?: number;
      readonly good?: boolean;
    }>();
    expect(pet.openapi.required).toEqual(["name"]);
  });

  test("of a tagged object is a discriminated union, its schema one object", () => {
    const shape = tagged("A shape.", "kind", {
      circle: { radius: required(number("Radius.")) },
      square: { side: required(number("Side.")), label: string("Label.") },
    });
    expectTypeOf<Infer<typeof shape>>().toEqualTypeOf<
      | { readonly kind: "circle"; readonly radius: number }
      | { readonly kind: "square"; readonly side: number; readonly label?: string }
    >();
    expect(shape.openapi.required).toEqual(["kind"]);
    expect(Object.keys(shape.openapi.properties ?? {})).toEqual(["kind", "radius", "side", "label"]);
    expect(shape.openapi.properties?.kind?.enum).toEqual(["circle", "square"]);
  });

  test("of the compiled kinds is what the rooms agreed on", () => {
    expectTypeOf<Protocol>().toEqualTypeOf<"http" | "http2" | "grpc" | "https" | "tls" | "tcp" | "auto">();
    expectTypeOf<StringMatch>().toEqualTypeOf<{
      readonly kind: "exact" | "prefix" | "regex" | "present";
      readonly value: string;
    }>();
    expectTypeOf<Extract<RouteAction, { kind: "directResponse" }>>().toEqualTypeOf<{
      readonly kind: "directResponse";
      readonly status: number;
      readonly body?: string;
      readonly bodyBase64?: string;
    }>();
    expectTypeOf<HttpRoute["timeoutMs"]>().toEqualTypeOf<number | undefined>();
    expectTypeOf<Endpoint["ready"]>().toEqualTypeOf<boolean>();
    expectTypeOf<WorkloadConfigStatus["mtls"]>().toEqualTypeOf<"STRICT" | "PERMISSIVE" | "DISABLE">();
    expectTypeOf<NonNullable<ServiceConfig["status"]>["hash"]>().toEqualTypeOf<string>();
  });
});

describe("the OpenAPI schema", () => {
  const cases = [
    [
      "a text with limits",
      string("T.", { maxLength: 3, pattern: "^a" }),
      { type: "string", description: "T.", maxLength: 3, pattern: "^a" },
    ],
    ["an int32", integer("I."), { type: "integer", description: "I.", format: "int32" }],
    [
      "a bounded integer",
      integer("I.", { minimum: 1, maximum: 9 }),
      { type: "integer", description: "I.", minimum: 1, maximum: 9 },
    ],
    ["a uint32", unsigned("U."), { type: "integer", description: "U.", minimum: 0, maximum: 4294967295 }],
    [
      "a boolean with a default",
      boolean("B.", { default: false }),
      { type: "boolean", description: "B.", default: false },
    ],
    [
      "a duration",
      duration("D."),
      {
        type: "string",
        description: "D.",
        "x-kubernetes-validations": [
          {
            rule: "duration(self) >= duration('1ms')",
            message: `expected a duration of at least 1ms, such as "500ms", "1.5s" or "1h"`,
          },
        ],
      },
    ],
    [
      "a duration without a least",
      duration("D.", { atLeast: undefined }),
      { type: "string", description: "D." },
    ],
    [
      "a list, atomic unless said otherwise",
      strings("L.", { maxItems: 2, item: { minLength: 1 } }),
      {
        type: "array",
        description: "L.",
        items: { type: "string", minLength: 1 },
        maxItems: 2,
        "x-kubernetes-list-type": "atomic",
      },
    ],
    [
      "a list merged by key",
      list("L.", object("E.", { name: required(string("N.")) }), { listType: { keys: ["name"] } }),
      {
        type: "array",
        description: "L.",
        items: {
          type: "object",
          description: "E.",
          properties: { name: { type: "string", description: "N." } },
          required: ["name"],
        },
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
      },
    ],
    [
      "an atomic map",
      labels("M.", { atomic: true, maxProperties: 4 }),
      {
        type: "object",
        description: "M.",
        additionalProperties: { type: "string" },
        maxProperties: 4,
        "x-kubernetes-map-type": "atomic",
      },
    ],
    [
      "an object that keeps unknown fields",
      preserved("P.", { a: string("A.") }),
      {
        type: "object",
        description: "P.",
        properties: { a: { type: "string", description: "A." } },
        "x-kubernetes-preserve-unknown-fields": true,
      },
    ],
    [
      "an integer or its text",
      integerOrString("X."),
      {
        description: "X.",
        anyOf: [{ type: "integer" }, { type: "string" }],
        "x-kubernetes-int-or-string": true,
      },
    ],
  ] as const;

  test.each(cases)("of %s", (_, schema, expected) => {
    expect(schema.openapi).toEqual(expected);
  });
});
