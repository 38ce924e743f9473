/** YAML with positions: what the documents of a file hold, and on which line a field of an object stands. */
import { isMap, isNode, isPair, isSeq, LineCounter, parseAllDocuments } from "yaml";
import { messageOf } from "../kube/index.ts";

export interface SourceLocation {
  readonly file: string;
  /** Of the document's first content, from 1. */
  readonly line: number;
}

export interface Document extends SourceLocation {
  readonly value: unknown;
  /** Why the document cannot be read. */
  readonly problem?: { readonly line: number; readonly message: string };
  /** Line of a field such as `spec.http[0].match[0].headers[x-user]`, or of the nearest thing around it. */
  lineOf(field: string): number;
}

/** Larger files are refused: no manifest is near it. */
const maxCharacters = 16 * 1024 * 1024;

/** The documents of a YAML or JSON text, empty ones left out; a `List` counts as its items. */
export function parseDocuments(file: string, text: string): Document[] {
  if (text.length > maxCharacters) {
    const message = `found ${text.length} characters; expected at most ${maxCharacters}`;
    return [{ file, line: 1, value: undefined, problem: { line: 1, message }, lineOf: () => 1 }];
  }
  const lines = new LineCounter();
  const found = parseAllDocuments(text, { lineCounter: lines, uniqueKeys: true });
  const documents = Array.isArray(found) ? found : [];
  return documents.flatMap((document): Document[] => {
    const [error] = document.errors;
    const start = lineAt(lines, document.contents);
    if (error !== undefined) {
      const message = error.message.split("\n")[0]?.replace(/ at line \d+, column \d+:?$/, "") ?? "";
      const line = error.linePos?.[0].line ?? start;
      return [{ file, line, value: undefined, problem: { line, message }, lineOf: () => line }];
    }
    const { value, reason } = toValue(document);
    if (reason !== undefined)
      return [{ file, line: start, value, problem: { line: start, message: reason }, lineOf: () => start }];
    if (value === null || value === undefined) return [];
    if (isList(value)) {
      const items = document.get("items");
      return value.items.map((item, index) => {
        const node = isSeq(items) ? items.items[index] : undefined;
        return {
          file,
          line: lineAt(lines, node, start),
          value: item,
          lineOf: (field) => lineIn(lines, node, field),
        };
      });
    }
    return [{ file, line: start, value, lineOf: (field) => lineIn(lines, document.contents, field) }];
  });
}

/** Aliases are bounded: a few lines of them can stand for gigabytes. */
function toValue(document: { toJS(options: { maxAliasCount: number }): unknown }): {
  value?: unknown;
  reason?: string;
} {
  try {
    return { value: document.toJS({ maxAliasCount: 100 }) };
  } catch (error) {
    return { reason: messageOf(error) };
  }
}

function isList(value: unknown): value is { items: unknown[] } {
  if (typeof value !== "object" || value === null) return false;
  const { kind, items } = value as { kind?: unknown; items?: unknown };
  return typeof kind === "string" && kind.endsWith("List") && Array.isArray(items);
}

/** Walks down as far as the path leads; the line of a field is that of its name. */
function lineIn(lines: LineCounter, root: unknown, field: string): number {
  let line = lineAt(lines, root);
  let node = root;
  for (const segment of segments(field)) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isPair(item) && String(keyOf(item.key)) === segment);
      if (pair === undefined) return line;
      line = lineAt(lines, pair.key, line);
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(segment)];
      if (node === undefined) return line;
      line = lineAt(lines, node, line);
    } else return line;
  }
  return line;
}

const keyOf = (key: unknown) => (isNode(key) ? key.toJSON() : key);

/** `a.b[0].c[x.y/z]` → a, b, 0, c, x.y/z. */
function segments(field: string): string[] {
  return [...field.matchAll(/\[([^\]]*)\]|([^.[\]]+)/g)].map((match) => match[1] ?? match[2] ?? "");
}

function lineAt(lines: LineCounter, node: unknown, otherwise = 1): number {
  const offset = isNode(node) ? node.range?.[0] : undefined;
  return offset === undefined ? otherwise : lines.linePos(offset).line;
}
