/**
 * Decoders from unknown JSON: each checks, keeps only the fields it knows, and throws a ShapeError that names the path, what was
 * found and what was expected. Lists that are absent are empty where the type asks for a list: an API server drops no `[]`, but
 * a writer may. The path is put together only when something is wrong, on the way out: an index has 20 fields a service.
 */

export type Decoder<T> = (value: unknown) => T;

/** What `T` a decoder gives. */
export type Decoded<D> = D extends Decoder<infer T> ? T : never;

export class ShapeError extends Error {
  override readonly name = "ShapeError";
  #path = "";
  readonly #what: string;

  constructor(what: string) {
    super(what);
    this.#what = what;
  }

  /** The same error, seen from the value that holds the failed one. */
  within(step: string): this {
    this.#path = step + this.#path;
    this.message = `${this.#path.replace(/^\./, "")}: ${this.#what}`;
    return this;
  }
}

/** Decodes a member, and tells where it is when that fails. */
function member<T>(decode: Decoder<T>, value: unknown, step: string | number): T {
  try {
    return decode(value);
  } catch (error) {
    throw error instanceof ShapeError
      ? error.within(typeof step === "number" ? `[${step}]` : `.${step}`)
      : error;
  }
}

/** Longest list: more than an object in etcd can hold. */
const maxItems = 50_000;

function fail(expected: string, found: unknown): never {
  const shown = JSON.stringify(found) ?? "nothing";
  throw new ShapeError(`expected ${expected}, found ${shown.length > 80 ? `${shown.slice(0, 80)}…` : shown}`);
}

export const text: Decoder<string> = (value) => (typeof value === "string" ? value : fail("a string", value));

export const flag: Decoder<boolean> = (value) =>
  typeof value === "boolean" ? value : fail("true or false", value);

/** A finite number of at least `min` and at most `max`. */
export function number(min = 0, max = Number.MAX_SAFE_INTEGER): Decoder<number> {
  return (value) =>
    typeof value === "number" && value >= min && value <= max
      ? value
      : fail(`a number from ${min} to ${max}`, value);
}

export const port: Decoder<number> = (value) =>
  typeof value === "number" && Number.isInteger(value) && value > 0 && value < 65_536
    ? value
    : fail("a port from 1 to 65535", value);

export function oneOf<const T extends string>(...values: readonly T[]): Decoder<T> {
  return (value) => values.find((each) => each === value) ?? fail(`one of ${values.join(", ")}`, value);
}

/** A list; absent means empty. */
export function list<T>(item: Decoder<T>): Decoder<readonly T[]> {
  return (value) => {
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value) || value.length > maxItems) return fail(`a list of at most ${maxItems}`, value);
    return value.map((each, i) => member(item, each, i));
  };
}

/** A map from strings; absent means empty. The result has no prototype: `__proto__` is a key like any other. */
export function map<T>(item: Decoder<T>): Decoder<Readonly<Record<string, T>>> {
  return (value) => {
    const entries = value === undefined || value === null ? [] : Object.entries(record(value));
    const result: Record<string, T> = Object.create(null);
    for (const [key, each] of entries) result[key] = member(item, each, key);
    return result;
  };
}

interface Optional<T> {
  readonly optional: Decoder<T>;
}

/** A field that may be absent; null counts as absent. */
export function optional<T>(decoder: Decoder<T>): Optional<T> {
  return { optional: decoder };
}

type Fields = Readonly<Record<string, Decoder<unknown> | Optional<unknown>>>;

type Shape<F extends Fields> = {
  readonly [K in keyof F as F[K] extends Decoder<unknown> ? K : never]: F[K] extends Decoder<infer T>
    ? T
    : never;
} & {
  readonly [K in keyof F as F[K] extends Optional<unknown> ? K : never]?: F[K] extends Optional<infer T>
    ? T
    : never;
};

type Flat<T> = { [K in keyof T]: T[K] } & {};

/** An object with these fields and no others. */
export function object<F extends Fields>(fields: F): Decoder<Flat<Shape<F>>> {
  const decoders = Object.entries(fields);
  return (value) => {
    const given = record(value);
    const result: Record<string, unknown> = {};
    for (const [name, decoder] of decoders) {
      const field = given[name];
      if (typeof decoder === "function") result[name] = member(decoder, field, name);
      else if (field !== undefined && field !== null) result[name] = member(decoder.optional, field, name);
    }
    return result as Flat<Shape<F>>;
  };
}

/** As `object`, but a field that is not known is refused: where leaving one out would widen what is allowed. */
export function exactly<F extends Fields>(fields: F): Decoder<Flat<Shape<F>>> {
  const decode = object(fields);
  return (value) => {
    const stranger = Object.keys(record(value)).find((name) => !Object.hasOwn(fields, name));
    if (stranger !== undefined) member(() => fail("no such field", record(value)[stranger]), value, stranger);
    return decode(value);
  };
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return fail("an object", value);
  return value as Record<string, unknown>;
}
