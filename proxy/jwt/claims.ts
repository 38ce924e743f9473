/** What a verified token says, as authorization policies ask for it. */
import { asObject, type JsonObject } from "./json.ts";
import type { Token } from "./token.ts";

/** Claims that hold several values in one text, always (RFC 8693 section 4.2; `permission` as Istio). */
const SPACE_DELIMITED = ["scope", "permission"];

export class Claims {
  /** `issuer/subject`; "" unless the token has both. */
  readonly principal: string;
  readonly audiences: readonly string[];
  /** `azp`, the party that the token was issued to; "" when there is none. */
  readonly presenter: string;
  readonly #claims: JsonObject;
  readonly #delimited: ReadonlySet<string>;

  constructor(token: Token, spaceDelimited: readonly string[]) {
    const { issuer, subject, audiences, claims } = token;
    this.principal = issuer === "" || subject === "" ? "" : `${issuer}/${subject}`;
    this.audiences = audiences;
    this.presenter = typeof claims.azp === "string" ? claims.azp : "";
    this.#claims = claims;
    this.#delimited = new Set([...SPACE_DELIMITED, ...spaceDelimited]);
  }

  /** The values under a path of names: of a list each, of a space-delimited claim each word, as text; [] for none. */
  values(path: readonly string[]): readonly string[] {
    const value = lookup(this.#claims, path);
    if (Array.isArray(value)) return value.flatMap((each) => scalarText(each) ?? []);
    const text = scalarText(value);
    if (text === undefined) return [];
    const [name = ""] = path;
    return path.length === 1 && this.#delimited.has(name) ? text.split(" ").filter((each) => each) : [text];
  }
}

/** The value under a path of names. */
export function lookup(claims: JsonObject, path: readonly string[]): unknown {
  let value: unknown = claims;
  for (const name of path) {
    const object = asObject(value);
    if (object === undefined || !Object.hasOwn(object, name)) return undefined;
    value = object[name];
  }
  return value;
}

/** A string, number or boolean as text. */
export function scalarText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value))
    ? String(value)
    : undefined;
}
