/** One RFC 6902 operation. */
export type Operation =
  | { readonly op: "test" | "add" | "replace"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string };

/** RFC 6901: `~` is written `~0`, `/` is written `~1`. */
export function pointer(...segments: readonly (string | number)[]): string {
  return segments
    .map((segment) => `/${String(segment).replaceAll("~", "~0").replaceAll("/", "~1")}`)
    .join("");
}

/** Sets members of a map, making the map when there is none; members that already have the value cost nothing. */
export function setMembers(
  path: readonly string[],
  existing: Readonly<Record<string, string>> | undefined,
  members: Readonly<Record<string, string>>,
): Operation[] {
  if (existing === undefined) {
    return Object.keys(members).length === 0 ? [] : [{ op: "add", path: pointer(...path), value: members }];
  }
  const operations: Operation[] = [];
  for (const [name, value] of Object.entries(members)) {
    if (existing[name] === value) continue;
    operations.push({
      op: Object.hasOwn(existing, name) ? "replace" : "add",
      path: pointer(...path, name),
      value,
    });
  }
  return operations;
}

/** Appends items to a list, making the list when there is none. */
export function append(path: readonly string[], exists: boolean, items: readonly unknown[]): Operation[] {
  if (items.length === 0) return [];
  if (!exists) return [{ op: "add", path: pointer(...path), value: items }];
  return items.map((value) => ({ op: "add", path: pointer(...path, "-"), value }));
}

/** Puts items before all others, making the list when there is none. */
export function prepend(path: readonly string[], exists: boolean, items: readonly unknown[]): Operation[] {
  if (items.length === 0) return [];
  if (!exists) return [{ op: "add", path: pointer(...path), value: items }];
  return items.map((value, index) => ({ op: "add", path: pointer(...path, index), value }));
}

/**
 * A guard for operations by index. JSON Patch cannot ask a list's length; the last item's name says that the list
 * reaches this far and ends as it did, so that a patch laid on another object fails instead of editing a stranger.
 */
export function testLastName(path: readonly string[], names: readonly string[]): Operation[] {
  const last = names.length - 1;
  const value = names[last];
  return value === undefined ? [] : [{ op: "test", path: pointer(...path, last, "name"), value }];
}
