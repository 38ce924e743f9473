import { validate as check } from "../../webhook/index.ts";
import { type Command, outputOption, type Surroundings } from "../command.ts";
import { type Document, parseDocuments, type SourceLocation } from "../documents.ts";
import { CommandError, UsageError } from "../errors.ts";

interface Finding {
  readonly level: "error" | "warning";
  readonly field?: string;
  readonly line?: number;
  readonly reason?: string;
  readonly message: string;
}

interface Result extends SourceLocation {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
  readonly findings: readonly Finding[];
}

export const validate: Command = {
  name: "validate",
  summary: "checks manifests as the mesh's admission webhook does, without a cluster",
  options: [
    {
      name: "file",
      short: "f",
      value: "FILE",
      repeatable: true,
      description: "A YAML or JSON file, a folder of them, or - for standard input; may be given again.",
    },
    {
      name: "namespace",
      short: "n",
      value: "NAME",
      description: "For objects that name none; default by default.",
    },
    outputOption,
  ],
  examples: [
    ["weft validate -f manifests/", "every file of a folder"],
    ["kustomize build . | weft validate -f -", "what a pipeline makes"],
    ["weft validate -f vs.yaml -o json", "for scripts and editors"],
  ],
  exitCodes: [
    [0, "everything is valid; warnings may have been printed"],
    [1, "something is invalid or cannot be read"],
    [2, "wrong usage"],
  ],
  async run(args, surroundings) {
    if (args.positionals.length > 0)
      throw new UsageError(`found "${args.positionals[0]}"; expected files as -f FILE`);
    if (args.texts("file").length === 0)
      throw new UsageError("found no file; expected -f FILE, -f FOLDER or -f -");
    const documents = (await Promise.all(args.texts("file").map((path) => read(path, surroundings)))).flat();
    const results = documents.map((document) => examine(document, args.text("namespace") ?? "default"));
    if (args.text("output") === "json") surroundings.out(`${JSON.stringify({ results }, null, 2)}\n`);
    else surroundings.out(printed(results));
    return results.some(isInvalid) ? 1 : 0;
  },
};

async function read(path: string, { read, list, stdin }: Surroundings): Promise<Document[]> {
  if (path === "-") return parseDocuments("<stdin>", await stdin());
  const folder = await list(path);
  if (folder?.length === 0)
    throw new CommandError(
      `${path}: found no .yaml, .yml or .json file in this folder; expected at least one`,
    );
  const files = folder ?? [path];
  return (await Promise.all(files.map(async (file) => parseDocuments(file, await read(file))))).flat();
}

function examine(document: Document, namespace: string): Result {
  const { file, line, value, problem } = document;
  const at = { file, line };
  if (problem !== undefined)
    return {
      ...at,
      kind: "",
      name: "",
      findings: [{ level: "error", line: problem.line, message: problem.message }],
    };
  const { errors, warnings } = check(value, namespace);
  const object = (value ?? {}) as { kind?: unknown; metadata?: { name?: unknown; namespace?: unknown } };
  return {
    ...at,
    kind: text(object.kind),
    name: text(object.metadata?.name),
    ...(typeof object.metadata?.namespace === "string" ? { namespace: object.metadata.namespace } : {}),
    findings: [
      ...errors.map(({ field, reason, message }) => ({
        level: "error" as const,
        field,
        line: document.lineOf(field),
        reason,
        message,
      })),
      ...warnings.map((message) => ({ level: "warning" as const, message })),
    ],
  };
}

const text = (value: unknown) => (typeof value === "string" ? value : "");
const isInvalid = (result: Result) => result.findings.some((finding) => finding.level === "error");

function printed(results: readonly Result[]): string {
  const lines = results
    .filter((result) => result.findings.length > 0)
    .flatMap((result) => [
      `${result.file}:${result.line} ${[result.kind, result.name].filter((part) => part !== "").join(" ")}`.trimEnd(),
      ...result.findings.map(({ level, field, line, message }) => {
        const where = line === undefined || level === "warning" ? "" : `line ${line}: `;
        return `  ${level}: ${where}${field ? `${field}: ` : ""}${message}`;
      }),
    ]);
  const invalid = results.filter(isInvalid).length;
  const objects = `${results.length} object${results.length === 1 ? "" : "s"}`;
  return `${[...lines, `${objects} checked, ${invalid} invalid`].join("\n")}\n`;
}
