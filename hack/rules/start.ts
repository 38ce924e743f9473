/**
 * What a sidecar loads at its start, before the first connection: its own modules, and of the runtime's only those below. Others
 * are dear where an idle sidecar has to stay small, so that whoever needs one loads it then, by `await import()`; types cost nothing.
 */
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { type Graph, pathsFrom, readGraph } from "./graph.ts";

/** Where it starts: `main.ts` loads the command, which is the sidecar. */
export const ENTRIES = ["proxy/main.ts", "proxy/commands/run.ts"] as const;

/** What the runtime has loaded anyway, or costs next to nothing. */
export const ALLOWED: readonly string[] = ["bun:ffi", "node:fs", "node:fs/promises"];

/** Names that load whole parts of the runtime when they are first used. */
const DEAR: readonly { name: string; pattern: RegExp; instead: string }[] = [
  {
    name: "process.stdout, process.stderr or process.stdin",
    pattern: /\bprocess\.std(?:out|err|in)\b/,
    instead: "writeSync of node:fs, console.error",
  },
  { name: "fetch", pattern: /(?<![.\w#])fetch\(/, instead: "proxy/https" },
];

/** Files that use such names only in commands that end at once, or when all is lost. */
const SHORT_LIVED: readonly string[] = ["proxy/main.ts"];

export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly found: string;
  /** From an entry to the file. */
  readonly path: readonly string[];
  readonly expected: string;
}

/** Modules and names that a sidecar must not load at its start; `textOf` reads a file. */
export function findings(graph: Graph, textOf: (file: string) => string): Finding[] {
  const loaded = new Map<string, readonly string[]>();
  for (const entry of ENTRIES) {
    if (!loaded.has(entry)) loaded.set(entry, [entry]);
    for (const [file, path] of pathsFrom(graph, entry, ({ kind }) => kind === "value")) {
      if (!loaded.has(file)) loaded.set(file, path);
    }
  }
  return [...loaded].flatMap(([file, path]) => [
    ...modulesOf(graph, file, path),
    ...(SHORT_LIVED.includes(file) ? [] : namesOf(file, textOf(file), path)),
  ]);
}

function modulesOf(graph: Graph, file: string, path: readonly string[]): Finding[] {
  return (graph.get(file) ?? [])
    .filter(({ kind, specifier }) => kind === "value" && !specifier.startsWith("."))
    .filter(({ specifier }) => !ALLOWED.includes(specifier))
    .map(({ specifier, line }) => ({
      file,
      line,
      found: `import of "${specifier}"`,
      path,
      expected: `${ALLOWED.join(", ")}, or \`await import("${specifier}")\` where it is first needed`,
    }));
}

function namesOf(file: string, text: string, path: readonly string[]): Finding[] {
  return text.split("\n").flatMap((line, index) => {
    if (/^\s*(?:\/\/|\/?\*)/.test(line)) return [];
    return DEAR.filter(({ pattern }) => pattern.test(line)).map(({ name, instead }) => ({
      file,
      line: index + 1,
      found: `use of ${name}`,
      path,
      expected: `${instead}, or a file that is loaded by \`await import()\``,
    }));
  });
}

/** In one line: where, what, how it is reached, and what to do. */
export const explain = ({ file, line, found, path, expected }: Finding): string =>
  `${file}:${line}: found ${found}, which every sidecar loads at its start by ${path.join(" → ")}; expected ${expected}`;

if (import.meta.main) {
  const root = resolve(dirname(import.meta.filename), "../..");
  const graph = readGraph(root);
  const found = findings(graph, (file) => readFileSync(join(root, file), "utf8"));
  for (const each of found) console.error(explain(each));
  console.log(`start: ${found.length} findings`);
  process.exitCode = found.length === 0 ? 0 : 1;
}
