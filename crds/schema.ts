/**
 * A small language for schemas: each expression is at once the OpenAPI schema that the API server enforces and the
 * TypeScript type of what it admits (`Infer`), so that the two cannot drift apart.
 *
 * Everything is optional unless wrapped in `required`, and everything has a description, since that is what
 * `kubectl explain` and the reference pages print. Types are readonly: objects from the API are data.
 */
import type { CelRule, OpenApiSchema } from "./openapi.ts";

/** A schema whose values have type `T`; `type` exists only at compile time. */
export interface Schema<T> {
  readonly openapi: OpenApiSchema;
  readonly type?: T;
}

/** A field that must be present. */
export interface Required<T> extends Schema<T> {
  readonly required: true;
}

/** The type of the values that a schema admits. */
export type Infer<S extends Schema<unknown>> = S extends Schema<infer T> ? T : never;

export type Properties = Readonly<Record<string, Schema<unknown>>>;

type RequiredKeys<P extends Properties> = {
  [K in keyof P]: P[K] extends Required<unknown> ? K : never;
}[keyof P];

/** The object type of a set of properties: required ones first, the others optional. */
export type ObjectOf<P extends Properties> = Flatten<
  { readonly [K in RequiredKeys<P>]: Infer<P[K]> } & {
    readonly [K in Exclude<keyof P, RequiredKeys<P>>]?: Infer<P[K]>;
  }
>;

type Flatten<T> = { [K in keyof T]: T[K] } & {};

interface Checks {
  readonly rules?: readonly CelRule[];
}

interface StringOptions extends Checks {
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly format?: "date-time" | "byte";
  readonly default?: string;
}

interface NumberOptions extends Checks {
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: number;
}

interface ListOptions extends Checks {
  readonly minItems?: number;
  readonly maxItems?: number;
  /** How server-side apply merges it: as one value (the default), as a set, or by keys. */
  readonly listType?: "atomic" | "set" | { readonly keys: readonly string[] };
}

interface MapOptions extends Checks {
  readonly minProperties?: number;
  readonly maxProperties?: number;
  /** Owned as one value by server-side apply, which keeps managedFields small. */
  readonly atomic?: boolean;
}

interface ObjectOptions extends Checks {
  readonly atomic?: boolean;
  readonly default?: Readonly<Record<string, unknown>>;
}

/** Marks a field as required. */
export function required<T>(schema: Schema<T>): Required<T> {
  return { ...schema, required: true };
}

export function string(description: string, options: StringOptions = {}): Schema<string> {
  const { rules, ...facets } = options;
  return { openapi: { type: "string", description, ...facets, ...validations(rules) } };
}

/** A whole number; `int32` unless bounds say otherwise. */
export function integer(description: string, options: NumberOptions = {}): Schema<number> {
  const { rules, ...facets } = options;
  const format = facets.minimum === undefined && facets.maximum === undefined ? { format: "int32" } : {};
  return { openapi: { type: "integer", description, ...format, ...facets, ...validations(rules) } };
}

/** A whole number of 0 to 2^32-1, as protobuf's `uint32`. */
export function unsigned(description: string, options: NumberOptions = {}): Schema<number> {
  return integer(description, { minimum: 0, maximum: 4294967295, ...options });
}

export function number(description: string, options: NumberOptions = {}): Schema<number> {
  const { rules, ...facets } = options;
  return { openapi: { type: "number", format: "double", description, ...facets, ...validations(rules) } };
}

export function boolean(description: string, options: { readonly default?: boolean } = {}): Schema<boolean> {
  return { openapi: { type: "boolean", description, ...options } };
}

/**
 * A length of time as Go and protobuf write it (`1.5s`, `100ms`, `1h30m`), at least `1ms` unless `atLeast` is
 * undefined. The type is the text: whoever reads it parses it.
 */
export function duration(
  description: string,
  options: { readonly atLeast?: string | undefined; readonly default?: string } = {},
): Schema<string> {
  const atLeast = "atLeast" in options ? options.atLeast : "1ms";
  const rules =
    atLeast === undefined
      ? []
      : [
          {
            rule: `duration(self) >= duration('${atLeast}')`,
            message: `expected a duration of at least ${atLeast}, such as "500ms", "1.5s" or "1h"`,
          },
        ];
  const standard = options.default === undefined ? {} : { default: options.default };
  return { openapi: { type: "string", description, ...standard, ...validations(rules) } };
}

export function enumeration<const V extends readonly string[]>(
  description: string,
  values: V,
  options: { readonly default?: V[number] } & Checks = {},
): Schema<V[number]> {
  const { rules, ...facets } = options;
  return { openapi: { type: "string", description, enum: values, ...facets, ...validations(rules) } };
}

export function list<T>(
  description: string,
  item: Schema<T>,
  options: ListOptions = {},
): Schema<readonly T[]> {
  const { rules, listType = "atomic", ...facets } = options;
  const merge =
    typeof listType === "string"
      ? { "x-kubernetes-list-type": listType }
      : { "x-kubernetes-list-type": "map" as const, "x-kubernetes-list-map-keys": listType.keys };
  return {
    openapi: {
      type: "array",
      description,
      items: item.openapi,
      ...facets,
      ...merge,
      ...validations(rules),
    },
  };
}

/** A list of texts, each within `item`'s limits. */
export function strings(
  description: string,
  options: ListOptions & { readonly item?: StringOptions } = {},
): Schema<readonly string[]> {
  const { item = {}, ...rest } = options;
  const { rules, ...facets } = item;
  return list(
    description,
    { openapi: { type: "string", ...facets, ...validations(rules) } } as Schema<string>,
    rest,
  );
}

/** An object with any keys, all values of one schema. */
export function map<T>(
  description: string,
  value: Schema<T>,
  options: MapOptions = {},
): Schema<Readonly<Record<string, T>>> {
  const { rules, atomic, ...facets } = options;
  return {
    openapi: {
      type: "object",
      description,
      additionalProperties: value.openapi,
      ...facets,
      ...mapType(atomic),
      ...validations(rules),
    },
  };
}

/** A map from text to text. */
export function labels(
  description: string,
  options: MapOptions & { readonly value?: StringOptions } = {},
): Schema<Readonly<Record<string, string>>> {
  const { value = {}, ...rest } = options;
  const { rules, ...facets } = value;
  return map(
    description,
    { openapi: { type: "string", ...facets, ...validations(rules) } } as Schema<string>,
    rest,
  );
}

export function object<P extends Properties>(
  description: string,
  properties: P,
  options: ObjectOptions = {},
): Schema<ObjectOf<P>> {
  const { rules, atomic, ...facets } = options;
  const names = Object.entries(properties)
    .filter(([, schema]) => "required" in schema)
    .map(([name]) => name);
  return {
    openapi: {
      type: "object",
      description,
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, schema]) => [name, schema.openapi]),
      ),
      ...(names.length > 0 ? { required: names } : {}),
      ...facets,
      ...mapType(atomic),
      ...validations(rules),
    },
  };
}

/** A union told apart by `tag`: a discriminated union in TypeScript, one object with optional members in the schema. */
export function tagged<const K extends string, V extends Readonly<Record<string, Properties>>>(
  description: string,
  tag: K,
  variants: V,
): Schema<Tagged<K, V>> {
  const optional: Record<string, Schema<unknown>> = {};
  for (const properties of Object.values(variants)) {
    for (const [name, schema] of Object.entries(properties)) optional[name] = { openapi: schema.openapi };
  }
  const kind = required(
    enumeration(
      "Which of the alternatives this is; it decides which other fields count.",
      Object.keys(variants),
    ),
  );
  return object(description, { [tag]: kind, ...optional }) as Schema<unknown> as Schema<Tagged<K, V>>;
}

type Tagged<K extends string, V extends Readonly<Record<string, Properties>>> = {
  [N in keyof V]: Flatten<{ readonly [key in K]: N } & ObjectOf<V[N]>>;
}[keyof V];

/** An object that keeps whatever is written into it, besides its known fields. For opaque data only. */
export function preserved<P extends Properties>(
  description: string,
  properties: P,
): Schema<ObjectOf<P> & Readonly<Record<string, unknown>>> {
  const { openapi } = object(description, properties);
  return { openapi: { ...openapi, "x-kubernetes-preserve-unknown-fields": true } };
}

/** A whole number or its text, as Kubernetes' `IntOrString`. */
export function integerOrString(description: string): Schema<number | string> {
  return {
    openapi: {
      description,
      anyOf: [{ type: "integer" }, { type: "string" }],
      "x-kubernetes-int-or-string": true,
    },
  };
}

function validations(rules: readonly CelRule[] | undefined): Pick<OpenApiSchema, "x-kubernetes-validations"> {
  return rules === undefined || rules.length === 0 ? {} : { "x-kubernetes-validations": rules };
}

function mapType(atomic: boolean | undefined): Pick<OpenApiSchema, "x-kubernetes-map-type"> {
  return atomic === true ? { "x-kubernetes-map-type": "atomic" } : {};
}
