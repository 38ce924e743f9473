import { createHash } from "node:crypto";

/** JSON with sorted keys and no absent members: equal content is equal text, however it was put together. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  const members: string[] = [];
  for (const key of Object.keys(value).sort()) {
    const member = (value as Readonly<Record<string, unknown>>)[key];
    if (member !== undefined) members.push(`${JSON.stringify(key)}:${canonicalJson(member)}`);
  }
  return `{${members.join(",")}}`;
}

/** First 16 hex digits of the SHA-256 of a text: 64 bits, enough to tell versions and names apart. */
export function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
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
