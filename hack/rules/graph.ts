/** Which file imports which, read from their text: no compiler is needed. */
import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";

export interface Import {
  /** As it is written. */
  readonly specifier: string;
  /** `type` vanishes at run time, `lazy` is an `import()`. */
  readonly kind: "value" | "type" | "lazy";
  readonly line: number;
}

/** The imports of every file, by its path from the repository's root, with forward slashes. */
export type Graph = ReadonlyMap<string, readonly Import[]>;

const pattern =
  /^[ \t]*(?:import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/gm;

export function importsIn(text: string): Import[] {
  return [...text.matchAll(pattern)].map(({ index, 1: type, 2: fixed, 3: lazy = "" }) => ({
    specifier: fixed ?? lazy,
    kind: fixed === undefined ? "lazy" : type === undefined ? "value" : "type",
    line: text.slice(0, index).split("\n").length,
  }));
}

/** The file that a relative specifier in `file` means; undefined for a package or a module of the runtime. */
export function targetOf(file: string, { specifier }: Import): string | undefined {
  return specifier.startsWith(".") ? posix.join(posix.dirname(file), specifier) : undefined;
}

/** Every TypeScript file of the repository at `root`. */
export function readGraph(root: string): Graph {
  const graph = new Map<string, readonly Import[]>();
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    if (!entry.isDirectory() || entry.name === "node_modules" || entry.name === "dist") continue;
    for (const path of readdirSync(join(root, entry.name), { recursive: true, encoding: "utf8" })) {
      if (!path.endsWith(".ts")) continue;
      const file = posix.join(entry.name, path);
      graph.set(file, importsIn(readFileSync(join(root, file), "utf8")));
    }
  }
  return new Map([...graph].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The shortest ways from `start` to every file that it reaches by imports that `follows` takes; itself only by a circle. */
export function pathsFrom(
  graph: Graph,
  start: string,
  follows: (each: Import) => boolean,
): Map<string, readonly string[]> {
  const paths = new Map<string, readonly string[]>();
  const queue: (readonly string[])[] = [[start]];
  for (const path of queue) {
    const file = path.at(-1) ?? start;
    for (const each of graph.get(file) ?? []) {
      const target = targetOf(file, each);
      if (target === undefined || !follows(each) || !graph.has(target) || paths.has(target)) continue;
      const longer = [...path, target];
      paths.set(target, longer);
      if (target !== start) queue.push(longer);
    }
  }
  return paths;
}
