/** The reference pages: one a kind, with its fields, columns and rules. */
import { allKinds, definitionName, type Kind } from "../../crds/index.ts";
import type { OpenApiSchema } from "../../crds/openapi.ts";
import { generatedBy } from "./yaml.ts";

/** Path to text. */
export function reference(): Map<string, string> {
  const files = new Map<string, string>();
  for (const kind of allKinds) files.set(pagePath(kind), page(kind));
  files.set("docs/reference/README.md", contents());
  return files;
}

const pagePath = (kind: Kind) => `docs/reference/${kind.singular}.md`;
const comment = `<!-- ${generatedBy} -->\n\n`;

function contents(): string {
  const rows = allKinds.map((kind) => [
    `[${kind.kind}](${kind.singular}.md)`,
    kind.group,
    kind.versions.join(", "),
    (kind.shortNames ?? []).join(", "),
    kind.description,
  ]);
  return `${comment}# Kinds\n\n${table(["Kind", "Group", "Versions", "Short name", "What it is for"], rows)}\n[weft](weft.md) is the command line.\n`;
}

function page(kind: Kind): string {
  const facts = table(
    ["", ""],
    [
      ["API group", `\`${kind.group}\``],
      [
        "Versions",
        kind.versions.map((version, i) => `\`${version}\`${i === 0 ? " (stored)" : ""}`).join(", "),
      ],
      ["Scope", kind.scope === "Cluster" ? "the cluster" : "a namespace"],
      [
        "Names",
        [kind.plural, kind.singular, ...(kind.shortNames ?? [])].map((name) => `\`${name}\``).join(", "),
      ],
      ["Categories", (kind.categories ?? []).map((name) => `\`${name}\``).join(", ")],
      ["Definition", `[\`${definitionName(kind)}\`](../../crds/manifests/${definitionName(kind)}.yaml)`],
    ],
  );
  const columns = table(
    ["Column", "From", "What it shows"],
    kind.printerColumns.map((column) => [
      column.name + (column.priority ? " (`-o wide`)" : ""),
      `\`${column.jsonPath}\``,
      column.description,
    ]),
  );
  const rows: Row[] = [];
  walk(kind.spec.openapi, "spec", rows, new Map());
  const status: Row[] = [];
  walk(kind.status.openapi, "status", status, new Map());
  const rules = [...rows, ...status].flatMap((row) => row.rules);
  return [
    `${comment}# ${kind.kind}\n\n${kind.description}\n`,
    facts,
    `## Columns of \`kubectl get\`\n\n${columns}`,
    `## Spec\n\n${kind.spec.openapi.description}\n\n${fields(rows)}`,
    `## Status\n\n${kind.status.openapi.description}\n\n${fields(status)}`,
    ...(rules.length > 0
      ? [
          `## Rules\n\nThe API server checks these on every write.\n\n${table(["Field", "Message", "CEL"], rules)}`,
        ]
      : []),
  ].join("\n");
}

interface Row {
  readonly path: string;
  readonly type: string;
  readonly description: string;
  readonly rules: readonly (readonly [string, string, string])[];
}

/** Adds a row for each field below; a part that is written out already is only referred to. */
function walk(schema: OpenApiSchema, path: string, rows: Row[], seen: Map<string, string>): void {
  if (path === "spec" || path === "status")
    rows.push({ path, type: "", description: "", rules: rulesOf(schema, path) });
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const required = schema.required?.includes(name) === true;
    visit(property, `${path}.${name}`, required, rows, seen);
  }
}

function visit(
  schema: OpenApiSchema,
  path: string,
  required: boolean,
  rows: Row[],
  seen: Map<string, string>,
): void {
  const inner = schema.items ?? schema.additionalProperties;
  const suffix = schema.items ? "[]" : schema.additionalProperties ? ".*" : "";
  const body = inner ?? schema;
  const key = JSON.stringify(body.properties ?? {});
  const earlier = key.length > 200 ? seen.get(key) : undefined;
  const notes = earlier === undefined ? "" : ` Fields as in \`${earlier}\`.`;
  rows.push({
    path,
    type: `${typeOf(schema)}${required ? ", required" : ""}${limits(schema)}`,
    description: `${schema.description ?? ""}${notes}`,
    rules: [...rulesOf(schema, path), ...(inner ? rulesOf(inner, path + suffix) : [])],
  });
  if (earlier !== undefined) return;
  seen.set(key, path + suffix);
  walk(body, path + suffix, rows, seen);
}

function rulesOf(schema: OpenApiSchema, path: string): Row["rules"] {
  return (schema["x-kubernetes-validations"] ?? []).map(
    (rule) => [`\`${path}${rule.fieldPath ?? ""}\``, rule.message, `\`${rule.rule}\``] as const,
  );
}

function typeOf(schema: OpenApiSchema): string {
  if (schema["x-kubernetes-int-or-string"]) return "integer or string";
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(" ");
  if (schema.items) return `list of ${typeOf(schema.items)}`;
  if (schema.additionalProperties) return `map of ${typeOf(schema.additionalProperties)}`;
  if (schema.type === "string" && isDuration(schema)) return "duration";
  return schema.type ?? "";
}

const isDuration = (schema: OpenApiSchema) =>
  schema["x-kubernetes-validations"]?.some((rule) => rule.rule.startsWith("duration(self)")) === true;

function limits(schema: OpenApiSchema): string {
  const found: string[] = [];
  const item = schema.items ?? {};
  const range = (what: string, low?: number, high?: number) => {
    if (low !== undefined && high !== undefined) found.push(`${low} to ${high}${what}`);
    else if (low !== undefined) found.push(`at least ${low}${what}`);
    else if (high !== undefined) found.push(`at most ${high}${what}`);
  };
  range("", schema.minimum ?? item.minimum, schema.maximum ?? item.maximum);
  range(" characters", schema.minLength ?? item.minLength, schema.maxLength ?? item.maxLength);
  range(" entries", schema.minItems ?? schema.minProperties, schema.maxItems ?? schema.maxProperties);
  const pattern = schema.pattern ?? item.pattern;
  if (pattern !== undefined) found.push(`\`${pattern}\``);
  if (schema.default !== undefined && !isEmpty(schema.default))
    found.push(
      `default \`${typeof schema.default === "string" ? schema.default : JSON.stringify(schema.default)}\``,
    );
  return found.length > 0 ? `; ${found.join(", ")}` : "";
}

const isEmpty = (value: unknown) =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0;

function fields(rows: readonly Row[]): string {
  const shown = rows.filter((row) => row.type !== "");
  if (shown.length === 0) return "It has no fields.\n";
  return table(
    ["Field", "Type", "What it says"],
    shown.map((row) => [`\`${row.path}\``, row.type, row.description]),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
  return line(head) + line(head.map(() => "---")) + rows.map(line).join("");
}
