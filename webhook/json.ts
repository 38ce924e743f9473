/** Decoding helpers for what arrives as JSON: everything is `unknown` until looked at. */

export type JsonObject = { readonly [field: string]: unknown };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value if it is a non-empty string. */
export function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The members that are strings; anything else in the map is left out. */
export function stringMap(value: unknown): Record<string, string> {
  const map: Record<string, string> = {};
  if (!isObject(value)) return map;
  for (const [key, entry] of Object.entries(value)) if (typeof entry === "string") map[key] = entry;
  return map;
}

/** A short printable form of any value for an error message: at most 60 characters. */
export function show(value: unknown): string {
  const printed = value === undefined ? "nothing" : (JSON.stringify(value) ?? String(value));
  return printed.length > 60 ? `${printed.slice(0, 57)}...` : printed;
}
