/** Links in the documentation lead somewhere: to a file or folder of the repository, and to a heading that is there. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly found: string;
  readonly expected: string;
}

/** What the links in one page's text want and do not find; `read` gives a file's text, "" for a folder, undefined for nothing. */
export function findings(file: string, text: string, read: (path: string) => string | undefined): Finding[] {
  const found: Finding[] = [];
  for (const [index, line] of withoutCode(text).split("\n").entries()) {
    // Code may look like a link; as a link's text it is nothing to us.
    for (const [, target = ""] of line.replace(/`[^`]*`/g, "").matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = "", anchor] = target.split("#");
      const to = path === "" ? file : join(dirname(file), path);
      const page = to === file ? text : read(to);
      const place = { file, line: index + 1, found: `a link to ${target}` };
      if (page === undefined) found.push({ ...place, expected: `${to} to exist` });
      else if (anchor !== undefined && to.endsWith(".md") && !anchorsOf(page).has(anchor))
        found.push({ ...place, expected: `a heading in ${to} with the anchor ${anchor}` });
    }
  }
  return found;
}

/** Fenced code is no Markdown; its lines stay, so that others keep their numbers. */
function withoutCode(text: string): string {
  return text.replace(/^ *```[\s\S]*?^ *```/gm, (code) => code.replace(/[^\n]/g, ""));
}

/** As GitHub makes them of headings: a repeated one gets a number. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ""] of withoutCode(text).matchAll(/^#+ +(.*)$/gm)) {
    const plain = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replace(/\s/g, "-");
    let anchor = plain;
    for (let again = 1; anchors.has(anchor); again++) anchor = `${plain}-${again}`;
    anchors.add(anchor);
  }
  return anchors;
}

function pages(root: string, folder = root): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return /^(?:node_modules|dist|\.git)$/.test(entry.name) ? [] : pages(root, path);
    return entry.name.endsWith(".md") ? [relative(root, path)] : [];
  });
}

if (import.meta.main) {
  const root = resolve(dirname(import.meta.filename), "../..");
  const read = (path: string) => {
    if (!existsSync(join(root, path))) return undefined;
    return path.endsWith(".md") ? readFileSync(join(root, path), "utf8") : "";
  };
  const files = pages(root);
  const found = files.flatMap((file) => findings(file, read(file) ?? "", read));
  for (const { file, line, found: what, expected } of found)
    console.error(`${file}:${line}: found ${what}; expected ${expected}`);
  console.log(`links: ${files.length} pages, ${found.length} findings`);
  process.exitCode = found.length === 0 ? 0 : 1;
}
