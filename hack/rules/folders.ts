/**
 * The proxy's folders stand on each other in the order of proxy/README.md: a file imports from its own folder and from those in
 * rows below, of which the table says what they know.
 */
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { type Graph, readGraph, targetOf } from "./graph.ts";

/** Row by row from the top, the folders that the table names. */
export function rowsOf(readme: string): string[][] {
  const rows = readme.split("\n").filter((line) => /^\| .*\/`/.test(line));
  return rows.map((row) =>
    [...(row.split(" | ")[0] ?? "").matchAll(/`([a-z0-9]+)\/`/g)].map(([, name = ""]) => name),
  );
}

export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly found: string;
  readonly expected: string;
}

/** Imports that go up, or between two folders of a row, and folders that the table lacks. Tests may reach wherever they must. */
export function findings(graph: Graph, readme: string): Finding[] {
  const row = new Map(rowsOf(readme).flatMap((names, index) => names.map((name) => [name, index] as const)));
  const found: Finding[] = [];
  for (const [file, imports] of graph) {
    const own = folderOf(file);
    if (own === undefined || /\.(test|fake|fixture)\.ts$|testdata/.test(file)) continue;
    const from = row.get(own);
    if (from === undefined) {
      const expected = `a row in proxy/README.md, "Where things are"`;
      found.push({ file, line: 1, found: `a folder without a row, proxy/${own}/`, expected });
      continue;
    }
    for (const each of imports) {
      const target = targetOf(file, each);
      const other = target === undefined ? undefined : folderOf(target);
      if (other === undefined || other === own || (row.get(other) ?? -1) > from) continue;
      const expected = `proxy/${own}/ itself and the folders in rows below it in proxy/README.md`;
      found.push({ file, line: each.line, found: `import of "${each.specifier}"`, expected });
    }
  }
  return found;
}

/** `net` of `proxy/net/a.ts`; undefined outside of the proxy's folders. */
function folderOf(file: string): string | undefined {
  return /^proxy\/([^/]+)\//.exec(file)?.[1];
}

if (import.meta.main) {
  const root = resolve(dirname(import.meta.filename), "../..");
  const found = findings(readGraph(root), readFileSync(join(root, "proxy/README.md"), "utf8"));
  for (const { file, line, found: what, expected } of found)
    console.error(`${file}:${line}: found ${what}; expected ${expected}`);
  console.log(`folders: ${found.length} findings`);
  process.exitCode = found.length === 0 ? 0 : 1;
}
