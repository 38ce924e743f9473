import { hash } from "node:crypto";

/** JSON with sorted keys and no absent members: equal content is equal text, however it was put together. */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  // Concatenation, not lists and joins: half of the compiler's time is spent here.
  let text = "";
  if (Array.isArray(value)) {
    for (const item of value) text += `${text === "" ? "" : ","}${canonicalJson(item)}`;
    return `[${text}]`;
  }
  const members = value as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(members).sort()) {
    const member = members[key];
    if (member !== undefined)
      text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${canonicalJson(member)}`;
  }
  return `{${text}}`;
}

/** First 16 hex digits of the SHA-256 of a text: 64 bits, enough to tell versions and names apart. */
export function shortHash(text: string): string {
  return hash("sha256", text, "hex").slice(0, 16);
}

/** What every compiled status begins with, and its content: the hash covers all but itself. */
export function stamp<Content extends object>(
  revision: string,
  generations: readonly string[],
  content: Content,
): { revision: string; hash: string; generations: readonly string[] } & Content {
  const hashed = { revision, generations, ...content };
  return { ...hashed, hash: shortHash(canonicalJson(hashed)) };
}
