/**
 * No imports in a circle, anywhere. Imports of types count, though they vanish at run time: whoever wants to read one file of a
 * circle has to read all of them. So do those by `import()`.
 */
import { dirname, resolve } from "node:path";
import { type Graph, pathsFrom, readGraph, targetOf } from "./graph.ts";

/** Each of the shortest circles once, from its first file by name back to that. */
export function circlesIn(graph: Graph): string[][] {
  const found = new Map<string, string[]>();
  for (const file of graph.keys()) {
    const circle = pathsFrom(graph, file, () => true).get(file);
    if (circle === undefined) continue;
    const files = circle.slice(1);
    const first = files.indexOf([...files].sort()[0] ?? file);
    const turned = [...files.slice(first), ...files.slice(0, first + 1)];
    found.set(turned.join(" "), turned);
  }
  return [...found.values()];
}

/** Where the circle begins, all of it, and what to do. */
export function explain(graph: Graph, circle: readonly string[]): string {
  const [first = "", second = ""] = circle;
  const line = graph.get(first)?.find((each) => targetOf(first, each) === second)?.line ?? 1;
  return (
    `${first}:${line}: found a circle of imports: ${circle.join(" → ")}; ` +
    "expected none: give what both sides need a file of its own, or pass it in"
  );
}

if (import.meta.main) {
  const graph = readGraph(resolve(dirname(import.meta.filename), "../.."));
  const circles = circlesIn(graph);
  for (const circle of circles) console.error(explain(graph, circle));
  console.log(`circles: ${graph.size} files, ${circles.length} circles`);
  process.exitCode = circles.length === 0 ? 0 : 1;
}
