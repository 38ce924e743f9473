/** Where a live object is not as it is wanted, for a log line, an Event and a decision. */
export interface Difference {
  /** Path of the field, `spec.ports[0].port`. */
  readonly path: string;
  readonly found: unknown;
  readonly expected: unknown;
}

/**
 * The first field of `wanted` that `live` does not have with the same value. Fields that `live` has besides are others'
 * or the API server's defaults. Lists have to be of one length and in one order, and are compared element by element.
 */
export function findDifference(wanted: unknown, live: unknown, path = ""): Difference | undefined {
  if (Array.isArray(wanted)) {
    if (!Array.isArray(live) || live.length !== wanted.length) return { path, found: live, expected: wanted };
    for (const [index, item] of wanted.entries()) {
      const difference = findDifference(item, live[index], `${path}[${index}]`);
      if (difference !== undefined) return difference;
    }
    return undefined;
  }
  if (isRecord(wanted)) {
    // An empty object and an absent one mean the same to the API server, which drops empty maps.
    if (!isRecord(live)) {
      return live === undefined && Object.keys(wanted).length === 0
        ? undefined
        : { path, found: live, expected: wanted };
    }
    for (const [name, value] of Object.entries(wanted)) {
      const difference = findDifference(value, live[name], path === "" ? name : `${path}.${name}`);
      if (difference !== undefined) return difference;
    }
    return undefined;
  }
  return Object.is(wanted, live) ? undefined : { path, found: live, expected: wanted };
}

/** `spec.ports[0].port: found 80, expected 443`, long values cut. */
export function describe(difference: Difference): string {
  return `${difference.path}: found ${brief(difference.found)}, expected ${brief(difference.expected)}`;
}

function brief(value: unknown): string {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
