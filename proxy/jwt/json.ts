/** JSON objects of strangers: bounded in depth before the parser recurses into them. */

const MAX_DEPTH = 32;

export type JsonObject = Readonly<Record<string, unknown>>;

export function asObject(value: unknown): JsonObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : undefined;
}

/** The object that the bytes spell in UTF-8; undefined for anything else. */
export function parseObject(bytes: Uint8Array): JsonObject | undefined {
  try {
    return asObject(JSON.parse(utf8.decode(bytes)));
  } catch {
    return undefined;
  }
}

/** Whether brackets are nested deeper than any token needs. */
export function tooDeep(bytes: Uint8Array): boolean {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (quoted) {
      if (byte === 0x5c) at++;
      else if (byte === 0x22) quoted = false;
    } else if (byte === 0x22) quoted = true;
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > MAX_DEPTH) return true;
    } else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return false;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });
