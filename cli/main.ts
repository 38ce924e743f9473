#!/usr/bin/env node
/** `weft`: the process around `run`. */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { createClient, loadConfig, messageOf, systemClock } from "../kube/index.ts";
import type { Connection, Surroundings } from "./command.ts";
import { CommandError } from "./errors.ts";
import { run } from "./run.ts";

const root = join(import.meta.dirname, "..");
const bundles = { install: "config/install.yaml", sample: "config/samples/meshinstallation.yaml" } as const;

const version = String(
  (JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string }).version,
);
const surroundings: Surroundings = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  stdin: readStdin,
  read,
  list,
  bundled: (name) => read(join(root, bundles[name])),
  connect,
  clock: systemClock,
  version,
};

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // Whoever read us has enough: `weft install --dry-run | head`.
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});
process.exitCode = await run(process.argv.slice(2), surroundings);

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new CommandError(
      `${path}: found no readable file (${messageOf(error)}); expected a YAML or JSON file`,
    );
  }
}

async function list(path: string): Promise<string[] | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() !== true) return undefined;
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && /\.(ya?ml|json)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

async function connect({ kubeconfig, context }: Connection) {
  try {
    return createClient(await loadConfig({ kubeconfig, context }), { userAgent: `weft-cli/${version}` });
  } catch (error) {
    throw new CommandError(`${messageOf(error)}\nnext: check --kubeconfig and --context`);
  }
}
