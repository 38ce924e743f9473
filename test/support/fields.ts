/** The fields of a kind, by its schema: which there are, and which of them an object sets. */
import type { OpenApiSchema } from "../../crds/openapi.ts";

/** The leaves of a schema: `http[].match[].headers{}.exact`. */
export function leavesOf(schema: OpenApiSchema, path = ""): string[] {
  return schemasOf(schema, path).map((leaf) => leaf.path);
}

/** Every value of an enumeration among the leaves. */
export function enumeratedIn(schema: OpenApiSchema): { readonly path: string; readonly value: string }[] {
  return schemasOf(schema, "").flatMap(({ path, schema: leaf }) =>
    (leaf.enum ?? []).map((value) => ({ path, value: String(value) })),
  );
}

function schemasOf(schema: OpenApiSchema, path: string): { path: string; schema: OpenApiSchema }[] {
  const { properties, additionalProperties, items } = schema;
  if (items !== undefined) return schemasOf(items, items.properties === undefined ? path : `${path}[]`);
  if (typeof additionalProperties === "object" && additionalProperties.properties !== undefined)
    return schemasOf(additionalProperties, `${path}{}`);
  if (properties === undefined) return [{ path, schema }];
  return Object.entries(properties).flatMap(([name, of]) =>
    schemasOf(of, path === "" ? name : `${path}.${name}`),
  );
}

export interface Cut {
  /** As `leavesOf` has it. */
  readonly path: string;
  /** What the leaf says. */
  readonly value: unknown;
  /** The spec without the leaf. */
  readonly spec: unknown;
}

/** Every way to leave one leaf out of a value. */
export function cuts(schema: OpenApiSchema, value: unknown, path = ""): Cut[] {
  const { properties, additionalProperties, items } = schema;
  const leaf = [{ path, value, spec: undefined }];
  if (Array.isArray(value) && items?.properties !== undefined) {
    return value.flatMap((item, index) =>
      cuts(items, item, `${path}[]`).map((cut) => ({ ...cut, spec: value.with(index, cut.spec) })),
    );
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return leaf;
  const values = typeof additionalProperties === "object" ? additionalProperties : undefined;
  if (properties === undefined && values?.properties === undefined) return leaf;
  return Object.entries(value).flatMap(([name, member]) => {
    const of = properties?.[name] ?? values;
    if (of === undefined) throw new Error(`${path}.${name} is no field of the schema`);
    const below = properties === undefined ? `${path}{}` : path === "" ? name : `${path}.${name}`;
    return cuts(of, member, below).map((cut) => {
      const { [name]: _, ...others } = value as Record<string, unknown>;
      return { ...cut, spec: cut.spec === undefined ? others : { ...others, [name]: cut.spec } };
    });
  });
}

/** What the webhook does not let in at all. */
export const refused: Readonly<Record<string, unknown>> = {
  "http[].fault.delay.exponentialDelay": { http: [{ fault: { delay: { exponentialDelay: "1s" } } }] },
  "http[].fault.abort.http2Error": { http: [{ fault: { abort: { http2Error: "x" } } }] },
};

/** Whether a leaf is one of these fields, or a part of one. */
export function isWithin(leaf: string, fields: readonly string[]): boolean {
  return fields.some(
    (field) => leaf === field || leaf.startsWith(`${field}.`) || leaf.startsWith(`${field}[`),
  );
}
