import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative, resolve } from "node:path";
import { importsIn } from "./graph.ts";

/** Who may import whom: a room may import itself and the rooms and packages listed here, nothing else. */
export interface Rule {
  readonly room: string;
  /** Rooms whose values and types may be imported. */
  readonly rooms: readonly string[];
  /** Rooms of which only types may be imported: they vanish at run time. */
  readonly types?: readonly string[];
  /** npm packages; `node:` and `bun:` modules are the runtime's. */
  readonly packages: readonly string[];
  readonly why: string;
}

export const rules: readonly Rule[] = [
  { room: "crds", rooms: [], packages: [], why: "the API stands on nothing" },
  {
    room: "kube",
    rooms: [],
    packages: ["prom-client", "yaml"],
    why: "the Kubernetes layer knows nothing of the mesh",
  },
  {
    room: "operator",
    rooms: ["crds", "kube", "control/ca"],
    packages: ["prom-client", "@peculiar/x509", "reflect-metadata", "fastify"],
    why: "lifecycle only: it shares the certificate authority's code with control, and no other part of it",
  },
  {
    room: "control",
    rooms: ["crds", "kube", "webhook"],
    packages: ["fastify", "prom-client", "@peculiar/x509", "reflect-metadata", "re2js"],
    why: "control compiles, signs and serves the webhooks",
  },
  {
    room: "control/compile",
    rooms: [],
    types: ["crds"],
    packages: [],
    why: "the compiler is pure: no Kubernetes client, no I/O, nothing of control's runtime",
  },
  {
    room: "webhook",
    rooms: [],
    types: ["crds"],
    packages: ["re2js", "yaml"],
    why: "admission is pure functions over a review; serving them is control's job",
  },
  {
    room: "proxy",
    rooms: [],
    types: ["crds"],
    packages: [],
    why: "every byte in the proxy is paid for in every pod",
  },
  {
    room: "cli",
    rooms: ["crds", "kube", "webhook"],
    packages: ["yaml"],
    why: "the CLI shares the validators and the Kubernetes layer",
  },
];

export interface Violation {
  readonly file: string;
  readonly line: number;
  readonly found: string;
  readonly expected: string;
}

/** The violations in one file's text; `file` is relative to the repository root, with forward slashes. */
export function violationsIn(file: string, text: string): Violation[] {
  const rule = ruleFor(file);
  if (rule === undefined) return [];
  const found: Violation[] = [];
  for (const { specifier, kind, line } of importsIn(text)) {
    const typeOnly = kind === "type";
    const expected = refuse(rule, file, specifier, typeOnly);
    if (expected === undefined) continue;
    found.push({ file, line, found: `${typeOnly ? "type " : ""}import of "${specifier}"`, expected });
  }
  return found;
}

/** The most specific rule: `control/compile` before `control`. */
function ruleFor(file: string): Rule | undefined {
  const candidates = rules.filter((rule) => file.startsWith(`${rule.room}/`));
  return candidates.sort((a, b) => b.room.length - a.room.length)[0];
}

function refuse(rule: Rule, file: string, specifier: string, typeOnly: boolean): string | undefined {
  if (specifier.startsWith("node:")) {
    return undefined;
  }
  if (specifier === "bun" || specifier.startsWith("bun:")) {
    return rule.room === "proxy" ? undefined : `Node alone in ${rule.room}/: Bun is the proxy's runtime`;
  }
  if (!specifier.startsWith(".")) {
    const parts = specifier.split("/");
    const name = specifier.startsWith("@") ? parts.slice(0, 2).join("/") : (parts[0] ?? specifier);
    return rule.packages.includes(name) ? undefined : expectation(rule);
  }
  const target = posix.join(posix.dirname(file), specifier);
  const within = (room: string) => target.startsWith(`${room}/`);
  if (within(rule.room) || rule.rooms.some(within)) return undefined;
  if (typeOnly && (rule.types ?? []).some(within)) return undefined;
  return expectation(rule);
}

function expectation(rule: Rule): string {
  const allowed = [
    `${rule.room}/ itself`,
    ...rule.rooms.map((room) => `${room}/`),
    ...(rule.types ?? []).map((room) => `types of ${room}/`),
    ...rule.packages,
  ];
  return `${allowed.join(", ")} (${rule.why})`;
}

/** Every TypeScript file of the rooms that have a rule, tests left out: they may reach wherever they must. */
export function sources(root: string): string[] {
  const files: string[] = [];
  for (const room of new Set(rules.map((rule) => rule.room.split("/")[0] ?? rule.room))) {
    for (const entry of readdirSync(join(root, room), { recursive: true, withFileTypes: true })) {
      const path = relative(root, join(entry.parentPath, entry.name));
      if (entry.isFile() && path.endsWith(".ts") && !/\.(test|fake)\.ts$|testdata|fixture/.test(path))
        files.push(path);
    }
  }
  return files.sort();
}

/** Checks the whole repository at `root`. */
export function check(root: string): { files: number; violations: Violation[] } {
  const files = sources(root);
  const violations = files.flatMap((file) => violationsIn(file, readFileSync(join(root, file), "utf8")));
  return { files: files.length, violations };
}

if (import.meta.main) {
  const { files, violations } = check(resolve(dirname(import.meta.filename), "../.."));
  for (const v of violations) console.error(`${v.file}:${v.line}: found ${v.found}; expected ${v.expected}`);
  console.log(`imports: ${files} files, ${violations.length} violations`);
  process.exitCode = violations.length === 0 ? 0 : 1;
}
