import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { OpenApiSchema } from "../../crds/openapi.ts";
import { serviceConfig } from "../../crds/service-config.ts";
import { workloadConfig } from "../../crds/workload-config.ts";
import { anyManifest } from "./arbitrary.fake.ts";
import { snapshotOf } from "./cluster.fake.ts";
import { compile } from "./compile.ts";
import type { CompiledObject } from "./compiled.ts";
import { defaultSettings } from "./inputs.ts";

/** What an API server would refuse, or silently drop: the path of each value that the schema does not have. */
function violations(schema: OpenApiSchema, value: unknown, path: string): string[] {
  if (Array.isArray(value)) {
    const { items, maxItems = Number.POSITIVE_INFINITY } = schema;
    if (schema.type !== "array" || items === undefined) return [`${path}: a list is not expected`];
    if (value.length > maxItems) return [`${path}: more than ${maxItems}`];
    return value.flatMap((item, i) => violations(items, item, `${path}[${i}]`));
  }
  switch (typeof value) {
    case "object":
      return value === null ? [`${path}: null`] : inObject(schema, value, path);
    case "number":
      if (schema.type !== "number" && schema.type !== "integer") return [`${path}: a number is not expected`];
      if (schema.type === "integer" && !Number.isInteger(value)) return [`${path}: ${value} is not whole`];
      return value < (schema.minimum ?? -Infinity) || value > (schema.maximum ?? Infinity)
        ? [`${path}: ${value} is out of range`]
        : [];
    case "string":
      if (schema.type !== "string") return [`${path}: a text is not expected`];
      return schema.enum !== undefined && !schema.enum.includes(value) ? [`${path}: ${value}`] : [];
    default:
      return schema.type === typeof value ? [] : [`${path}: ${typeof value} is not expected`];
  }
}

function inObject(schema: OpenApiSchema, value: object, path: string): string[] {
  if (schema.type !== "object") return [`${path}: an object is not expected`];
  const { properties = {}, additionalProperties, required = [] } = schema;
  const missing = required.filter((name) => !(name in value)).map((name) => `${path}.${name}: missing`);
  const members = Object.entries(value).flatMap(([name, member]) => {
    const of = properties[name] ?? additionalProperties;
    if (member === undefined) return [`${path}.${name}: undefined`];
    return of === undefined ? [`${path}.${name}: unknown`] : violations(of, member, `${path}.${name}`);
  });
  return [...missing, ...members];
}

const schemaOf = ({ kind }: CompiledObject) =>
  (kind === "ServiceConfig" ? serviceConfig : workloadConfig).status.openapi;

describe("whatever is compiled", () => {
  it("is what the compiled kinds' schemas admit, to the last member", () => {
    fc.assert(
      fc.property(fc.array(anyManifest, { maxLength: 25 }), (all) => {
        for (const object of compile(snapshotOf(all), defaultSettings))
          expect(violations(schemaOf(object), object.status, object.name)).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });
});

describe("the check itself", () => {
  it("sees unknown, missing and misshapen members", () => {
    const header = { revision: "r", hash: "h", generations: [] };
    const of = (value: object) => violations(serviceConfig.status.openapi, { ...header, ...value }, "s");
    expect(of({ index: { namespace: "n", services: [] } })).toEqual([]);
    expect(of({ surplus: 1 })).toEqual(["s.surplus: unknown"]);
    expect(of({ index: { namespace: 1 } })).toEqual([
      "s.index.services: missing",
      "s.index.namespace: a number is not expected",
    ]);
    expect(of({ generations: undefined })).toEqual(["s.generations: undefined"]);
  });
});
