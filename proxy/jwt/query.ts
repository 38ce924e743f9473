/** Parameters of a path's query, all of one name: an application may take the last where another takes the first. */

/** The values, percent-decoded; one whose encoding is broken as it stands. */
export function parameters(path: string, name: string): string[] {
  const values: string[] = [];
  for (const pair of pairs(path)) {
    if (nameOf(pair) !== name) continue;
    const equals = pair.indexOf("=");
    values.push(equals < 0 ? "" : decoded(pair.slice(equals + 1)));
  }
  return values;
}

/** The path without the parameters of these names. */
export function withoutParameters(path: string, names: ReadonlySet<string>): string {
  const kept = pairs(path).filter((pair) => !names.has(nameOf(pair)));
  const bare = path.slice(0, path.indexOf("?"));
  return kept.length === 0 ? bare : `${bare}?${kept.join("&")}`;
}

function pairs(path: string): string[] {
  const mark = path.indexOf("?");
  return mark < 0 ? [] : path.slice(mark + 1).split("&");
}

/** Decoded, as applications read it: `access%5Ftoken` is `access_token`. */
function nameOf(pair: string): string {
  const equals = pair.indexOf("=");
  return decoded(equals < 0 ? pair : pair.slice(0, equals));
}

function decoded(value: string): string {
  if (!value.includes("%")) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
