/** The path without its query: what uri matches and policies see. */
export function pathOnly(path: string): string {
  const mark = path.indexOf("?");
  return mark < 0 ? path : path.slice(0, mark);
}

/** The query with its `?`, or "". */
export function queryOf(path: string): string {
  const mark = path.indexOf("?");
  return mark < 0 ? "" : path.slice(mark);
}

/** The first value of a query parameter, as it stands (not percent-decoded, as Envoy compares it); "" for a name alone. */
export function queryParam(path: string, name: string): string | undefined {
  for (let from = path.indexOf("?") + 1; from > 0; ) {
    const end = path.indexOf("&", from);
    const stop = end < 0 ? path.length : end;
    if (path.startsWith(name, from)) {
      const after = from + name.length;
      if (after === stop) return "";
      if (path[after] === "=") return path.slice(after + 1, stop);
    }
    from = end < 0 ? 0 : end + 1;
  }
  return undefined;
}
