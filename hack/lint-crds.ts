/**
 * Rules for CustomResourceDefinitions beyond what the API server enforces: descriptions for `kubectl explain`,
 * bounds wherever CEL reads, columns that fit a terminal, a size that client-side `kubectl apply` can annotate.
 */
import type { CustomResourceDefinition } from "../crds/kind.ts";
import type { OpenApiSchema } from "../crds/openapi.ts";

export interface LintOptions {
  /** Paths that may keep unknown fields. */
  readonly preserving: ReadonlySet<string>;
  /** `kubectl apply` keeps the whole object in an annotation, and annotations end at 256 KiB. */
  readonly maxBytes: number;
}

/** An EnvoyFilter's patches are Envoy's language. */
const patch = "spec.configPatches[]";
const defaults: LintOptions = {
  preserving: new Set(["status", `${patch}.match`, `${patch}.patch`, `${patch}.patch.value`]),
  maxBytes: 256 * 1024,
};
const maxColumns = 6;

/** What is wrong with a definition, one sentence each: the path, what was found and what was expected. */
export function lintDefinition(
  definition: CustomResourceDefinition,
  options: Partial<LintOptions> = {},
): string[] {
  const { preserving, maxBytes } = { ...defaults, ...options };
  const name = definition.metadata.name;
  const problems: string[] = [];
  const bytes = JSON.stringify(definition).length;
  if (bytes > maxBytes) problems.push(`${name}: found ${bytes} bytes, expected at most ${maxBytes}`);

  const stored = definition.spec.versions.filter((version) => version.storage);
  if (stored.length !== 1) problems.push(`${name}: found ${stored.length} stored versions, expected one`);

  for (const version of definition.spec.versions) {
    const columns = (version.additionalPrinterColumns ?? []).filter((column) => (column.priority ?? 0) === 0);
    if (columns.length > maxColumns)
      problems.push(
        `${name} ${version.name}: found ${columns.length} columns, expected at most ${maxColumns}`,
      );
    const root = version.schema.openAPIV3Schema;
    for (const part of ["spec", "status"] as const) {
      const schema = root.properties?.[part];
      if (schema === undefined) problems.push(`${name} ${version.name}: found no ${part}, expected one`);
      else
        lintSchema(schema, part, preserving, (problem) =>
          problems.push(`${name} ${version.name}: ${problem}`),
        );
    }
  }
  return problems;
}

function lintSchema(
  schema: OpenApiSchema,
  path: string,
  preserving: ReadonlySet<string>,
  report: (problem: string) => void,
  described = true,
): void {
  if (schema.type === undefined && schema["x-kubernetes-int-or-string"] !== true)
    report(`${path}: found no type, expected one`);
  if (described && !isSentence(schema.description))
    report(`${path}: found description ${JSON.stringify(schema.description)}, expected a sentence`);
  if (schema["x-kubernetes-preserve-unknown-fields"] === true && !preserving.has(path))
    report(`${path}: keeps unknown fields, expected only ${[...preserving].join(", ")} to do so`);
  if (schema.type === "array" && schema["x-kubernetes-list-type"] === undefined)
    report(`${path}: found no list type, expected atomic, set or map`);
  for (const name of schema.required ?? [])
    if (schema.properties?.[name]?.default !== undefined)
      report(`${path}.${name}: is required and has a default, expected one of the two`);
  lintRules(schema, path, report);

  for (const [name, property] of Object.entries(schema.properties ?? {}))
    lintSchema(property, `${path}.${name}`, preserving, report);
  // A list of texts says all there is to say at the list.
  if (schema.items) lintSchema(schema.items, `${path}[]`, preserving, report, schema.items.type === "object");
  if (schema.additionalProperties) {
    const value = schema.additionalProperties;
    lintSchema(value, `${path}.*`, preserving, report, value.type === "object");
  }
}

/** CEL's cost is estimated from bounds: a rule over something unbounded is paid for as if it filled a request. */
function lintRules(schema: OpenApiSchema, path: string, report: (problem: string) => void): void {
  for (const { rule, message } of schema["x-kubernetes-validations"] ?? []) {
    if (message.length === 0) report(`${path}: a rule has no message, expected one`);
    if (/\n/.test(message)) report(`${path}: a rule's message has several lines, expected one`);
    const readsText = schema.type === "string" && !rule.startsWith("duration(self)");
    const bound =
      (readsText && schema.maxLength === undefined && "maxLength") ||
      (schema.type === "array" && schema.maxItems === undefined && "maxItems") ||
      (schema.additionalProperties && schema.maxProperties === undefined && "maxProperties");
    if (bound) report(`${path}: the rule ${JSON.stringify(rule)} reads it, expected ${bound}`);
  }
}

function isSentence(text: string | undefined): boolean {
  return text !== undefined && /^\S/.test(text) && /[.)]$/.test(text);
}
