import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { applyText, root } from "./e2e.ts";

/** One document of examples/overview.yaml, as it stands there. */
interface Document {
  readonly text: string;
  readonly kind: string;
  readonly name: string;
}

const documents: readonly Document[] = readFileSync(join(root, "examples/overview.yaml"), "utf8")
  .split(/^---$/m)
  .map((text) => {
    const { kind, metadata } = parse(text) as { kind: string; metadata: { name: string } };
    return { text, kind, name: metadata.name };
  });

/** The document of a kind and name that says `about`, word for word. */
function documentOf(kind: string, name: string, about: string): Document {
  const found = documents.find(
    (each) => each.kind === kind && each.name === name && each.text.includes(about),
  );
  if (found === undefined) throw new Error(`examples/overview.yaml has no ${kind} ${name} with "${about}"`);
  return found;
}

/** Applies a document of the overview unchanged; returns what kubectl had to say besides, such as warnings. */
export function applyOverview(ns: string, kind: string, name: string, about = ""): Promise<string> {
  return applyText(documentOf(kind, name, about).text, ["-n", ns]);
}
