/** `npm run generate`: writes every generated file, or with `--check` says which ones are stale. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { customResourceDefinitions } from "../../crds/index.ts";
import { lintDefinition } from "../lint-crds.ts";
import { cliReference } from "./cli-reference.ts";
import { compare } from "./compare.ts";
import { kustomize } from "./kustomize.ts";
import { manifests } from "./manifests.ts";
import { reference } from "./reference.ts";
import { generatedBy } from "./yaml.ts";

const root = resolve(import.meta.dirname, "../..");
const folders = ["crds/manifests", "config", "docs/reference"];

const usage = `hack/generate/main.ts: writes the CRDs, config/ and docs/reference from crds/

usage: npm run generate [-- --check]
  --check   writes nothing; names each stale file, and exits with 1 when there is one
`;

process.exitCode = main(process.argv.slice(2));

function main(args: readonly string[]): number {
  const unknown = args.find((arg) => !["--check", "--help", "-h"].includes(arg));
  if (unknown !== undefined) {
    process.stderr.write(`found "${unknown}"; expected --check or --help\n\n${usage}`);
    return 2;
  }
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(usage);
    return 0;
  }
  const problems = customResourceDefinitions().flatMap((definition) => lintDefinition(definition));
  if (problems.length > 0) {
    process.stderr.write(`${problems.join("\n")}\n`);
    return 1;
  }
  const wanted = new Map([...manifests(), ...kustomize(), ...reference(), ...cliReference()]);
  const { stale, orphaned } = compare(wanted, present(wanted));
  if (args.includes("--check")) {
    for (const path of stale)
      process.stderr.write(`${path} is stale: run \`npm run generate\` and commit it\n`);
    for (const path of orphaned)
      process.stderr.write(
        `${path} is not generated any more: run \`npm run generate\` and commit its removal\n`,
      );
    return stale.length + orphaned.length > 0 ? 1 : 0;
  }
  for (const path of stale) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), wanted.get(path) ?? "");
  }
  for (const path of orphaned) rmSync(join(root, path));
  // Only now: whoever reads this may go away in the middle.
  process.stdout.write(
    [...stale.map((path) => `wrote ${path}\n`), ...orphaned.map((path) => `removed ${path}\n`)].join(""),
  );
  return 0;
}

/** The wanted files as they are, and every other file of the generated folders that a generator once wrote. */
function present(wanted: ReadonlyMap<string, string>): Map<string, string> {
  const files = new Map<string, string>();
  const read = (path: string) => readFileSync(join(root, path), "utf8");
  for (const path of wanted.keys()) if (existsSync(join(root, path))) files.set(path, read(path));
  for (const folder of folders) {
    if (!existsSync(join(root, folder))) continue;
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name).slice(root.length + 1);
      const text = read(path);
      if (text.slice(0, 200).includes(generatedBy)) files.set(path, text);
    }
  }
  return files;
}
