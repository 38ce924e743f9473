/**
 * RE2 patterns in time linear in the text.
 *
 * Users' patterns meet strangers' paths and headers, and RE2 admits patterns such as `(a+)+$` that take a backtracking
 * engine exponential time. The runtime's RegExp backtracks, so patterns run here on an automaton instead; the same
 * parser makes the accepted language RE2's, which is what the validator promised the user.
 */
import { createAutomaton } from "./automaton.ts";
import { search } from "./machine.ts";
import { assemble, type Program } from "./program.ts";
import { parsePattern } from "./syntax.ts";

export { PatternError } from "./cursor.ts";

export interface Pattern {
  /** Whether the whole text matches. */
  matches(text: string): boolean;
  /** Every match replaced; `\1` to `\9` in the replacement stand for groups, `\0` for the match, `\\` for a backslash. */
  replaceAll(text: string, replacement: string): string;
}

/** Compiles a pattern; throws PatternError when RE2 would refuse it or it exceeds our limits. */
export function compilePattern(source: string): Pattern {
  const { node, captures } = parsePattern(source);
  const program = assemble(node, captures);
  return {
    matches: program.asserts
      ? (text) => search(program, text, 0, true) !== undefined
      : createAutomaton(program),
    replaceAll: (text, replacement) => replaceAll(program, text, replacement),
  };
}

function replaceAll(program: Program, text: string, replacement: string): string {
  let out = "";
  let copied = 0;
  for (let from = 0; from <= text.length; ) {
    const match = search(program, text, from);
    if (match === undefined) break;
    const [start = 0, end = 0] = match;
    // As RE2's GlobalReplace: an empty match right after the last one is no match of its own.
    if (end > start || start === 0 || start > copied) {
      out += text.slice(copied, start) + expand(replacement, text, match);
      copied = end;
    }
    from = end > start ? end : end + 1;
  }
  return out + text.slice(copied);
}

function expand(replacement: string, text: string, match: readonly number[]): string {
  return replacement.replace(/\\([0-9\\])/g, (_, char: string) => {
    if (char === "\\") return "\\";
    const index = Number(char) * 2;
    const start = match[index] ?? -1;
    return start < 0 ? "" : text.slice(start, match[index + 1] ?? start);
  });
}
