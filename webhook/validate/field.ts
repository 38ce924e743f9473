import { isObject } from "../json.ts";
import type { Report } from "../report.ts";

/**
 * One value of an object under validation, with the path that names it in messages. Reading through it never throws:
 * a value of the wrong type becomes an error of the report, and the reader gets `undefined` or nothing to walk.
 */
export class Field {
  readonly path: string;
  readonly value: unknown;
  readonly #report: Report;

  constructor(report: Report, path: string, value: unknown) {
    this.#report = report;
    this.path = path;
    this.value = value;
  }

  /** Neither absent nor null: the API server drops nulls of fields that are not nullable. */
  get present(): boolean {
    return this.value !== undefined && this.value !== null;
  }

  /** A member of an object; absent when this is none. */
  at(name: string): Field {
    const value = isObject(this.value) && Object.hasOwn(this.value, name) ? this.value[name] : undefined;
    return new Field(this.#report, this.path === "" ? name : `${this.path}.${name}`, value);
  }

  /** Whether this is an object. Members not listed are warned of: the API server drops them. */
  object(known: readonly string[]): boolean {
    if (!isObject(this.value)) {
      if (this.present) this.invalid("must be an object");
      return false;
    }
    for (const name of Object.keys(this.value)) {
      if (!known.includes(name)) this.warn(`unknown field ${JSON.stringify(name)} is ignored`);
    }
    return true;
  }

  /** The items of a list, without those that are null, which are errors. Absent counts as empty. */
  items(): Field[] {
    if (!this.present) return [];
    if (!Array.isArray(this.value)) {
      this.invalid("must be a list");
      return [];
    }
    const items = this.value.map((value, index) => new Field(this.#report, `${this.path}[${index}]`, value));
    return items.filter((item) => {
      if (!item.present) item.required("must not be null");
      return item.present;
    });
  }

  /** The entries of a map, each under the path `map[key]`. */
  entries(): { readonly key: string; readonly field: Field }[] {
    if (!this.present) return [];
    if (!isObject(this.value)) {
      this.invalid("must be a map");
      return [];
    }
    return Object.entries(this.value).map(([key, value]) => ({
      key,
      field: new Field(this.#report, `${this.path}[${key.slice(0, 64)}]`, value),
    }));
  }

  /** How many items or members there are; 0 for anything else. */
  get size(): number {
    if (Array.isArray(this.value)) return this.value.length;
    return isObject(this.value) ? Object.keys(this.value).length : 0;
  }

  /** The text, the empty one included; undefined when absent or of another type. */
  text(): string | undefined {
    if (!this.present) return undefined;
    if (typeof this.value === "string") return this.value;
    this.invalid("must be a string");
    return undefined;
  }

  /** A list of texts, each of which must not be empty. */
  texts(): { readonly text: string; readonly field: Field }[] {
    const texts: { text: string; field: Field }[] = [];
    for (const field of this.items()) {
      const text = field.text();
      if (text === "") field.invalid("must not be empty");
      else if (text !== undefined) texts.push({ text, field });
    }
    return texts;
  }

  boolean(): boolean | undefined {
    if (!this.present) return undefined;
    if (typeof this.value === "boolean") return this.value;
    this.invalid("must be true or false");
    return undefined;
  }

  /** A whole number between the bounds, both included. */
  integer(least: number, most: number): number | undefined {
    if (!this.present) return undefined;
    if (typeof this.value === "number" && Number.isInteger(this.value)) {
      if (this.value >= least && this.value <= most) return this.value;
    }
    this.invalid(`must be a whole number from ${least} to ${most}`);
    return undefined;
  }

  /** A number between the bounds, both included. */
  number(least: number, most: number): number | undefined {
    if (!this.present) return undefined;
    if (typeof this.value === "number" && this.value >= least && this.value <= most) return this.value;
    this.invalid(`must be a number from ${least} to ${most}`);
    return undefined;
  }

  /** One of the supported texts. */
  choice<T extends string>(supported: readonly T[]): T | undefined {
    if (!this.present) return undefined;
    const found = supported.find((candidate) => candidate === this.value);
    if (found === undefined) this.#report.notSupported(this.path, this.value, supported);
    return found;
  }

  /** `found` is for what was derived from the value: a map's key, a sum. */
  invalid(expected: string, found: unknown = this.value): void {
    this.#report.invalid(this.path, found, expected);
  }

  required(expected: string): void {
    this.#report.required(this.path, expected);
  }

  forbidden(why: string): void {
    this.#report.forbidden(this.path, why);
  }

  duplicate(why = ""): void {
    this.#report.duplicate(this.path, this.value, why);
  }

  /** Warns in words that name their own field. */
  tell(message: string): void {
    this.#report.warn(message);
  }

  warn(message: string): void {
    this.#report.warn(this.path === "" ? message : `${this.path}: ${message}`);
  }
}

/** Forbids all but the first of the members that are present: they are alternatives. Returns the names present. */
export function exclusive(field: Field, names: readonly string[]): string[] {
  const present = names.filter((name) => field.at(name).present);
  const [first] = present;
  for (const name of present.slice(1)) field.at(name).forbidden(`may not be used together with ${first}`);
  return present;
}

export const maxInt32 = 2_147_483_647;
export const maxUint32 = 4_294_967_295;
