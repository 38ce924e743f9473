/**
 * RE2 syntax (https://github.com/google/re2/wiki/Syntax) to a tree. Code units stand for characters: paths and header values
 * are bytes on the wire. Back-references and look-around do not exist here, which is what makes linear time possible.
 */

import { charClass, escapedClass, escapedUnit, lastUnit } from "./classes.ts";
import { Cursor, PatternError } from "./cursor.ts";
import { foldCase, type Ranges } from "./ranges.ts";

export type Assertion = "lineStart" | "lineEnd" | "textStart" | "textEnd" | "word" | "notWord";

export type Node =
  | { readonly kind: "chars"; readonly ranges: Ranges }
  | { readonly kind: "assert"; readonly assertion: Assertion }
  | { readonly kind: "concat"; readonly items: readonly Node[] }
  | { readonly kind: "alternate"; readonly items: readonly Node[] }
  | {
      readonly kind: "repeat";
      readonly item: Node;
      readonly min: number;
      /** Infinity without a bound. */
      readonly max: number;
      readonly greedy: boolean;
    }
  | { readonly kind: "capture"; readonly index: number; readonly item: Node };

interface Flags {
  readonly insensitive: boolean;
  readonly multiline: boolean;
  readonly dotAll: boolean;
  readonly swapGreed: boolean;
}

/** As RE2: counts up to 1,000. */
const maxRepeat = 1000;
/** As Istio's validation: 1,024 bytes. Longer ones never pass admission. */
const maxLength = 1024;
/** Nested groups; deeper patterns are no one's intent and would cost stack. */
const maxDepth = 200;

/** Parses a pattern; `captures` counts its capturing groups. */
export function parsePattern(source: string): { node: Node; captures: number } {
  if (source.length > maxLength) {
    throw new PatternError(`the pattern has ${source.length} characters, expected at most ${maxLength}`);
  }
  const parser = new Parser(source);
  const node = parser.alternation(noFlags, 0);
  parser.end();
  return { node, captures: parser.captures };
}

const noFlags: Flags = { insensitive: false, multiline: false, dotAll: false, swapGreed: false };

class Parser {
  captures = 0;
  readonly #cursor: Cursor;
  /** Flags that `(?i)` set for the rest of the group. */
  #flags: Flags = noFlags;

  constructor(source: string) {
    this.#cursor = new Cursor(source);
  }

  /** All of the pattern has been taken. */
  end(): void {
    if (!this.#cursor.done) this.#cursor.fail("unexpected )");
  }

  alternation(flags: Flags, depth: number): Node {
    if (depth > maxDepth) this.#cursor.fail(`more than ${maxDepth} nested groups`);
    const outer = this.#flags;
    this.#flags = flags;
    const branches: Node[] = [];
    let items: Node[] = [];
    while (!this.#cursor.done && this.#cursor.peek() !== ")") {
      if (this.#cursor.take("|")) {
        branches.push(concat(items));
        items = [];
        continue;
      }
      this.#term(items, depth);
    }
    branches.push(concat(items));
    this.#flags = outer;
    return branches.length === 1 ? (branches[0] ?? concat([])) : { kind: "alternate", items: branches };
  }

  #term(items: Node[], depth: number): void {
    if (this.#cursor.take("\\Q")) {
      const text = this.#cursor.until("\\E");
      const literals = [...text].map((char) => this.#literal(char.charCodeAt(0)));
      const last = literals.pop();
      items.push(...literals);
      if (last !== undefined) items.push(this.#repeated(last));
      return;
    }
    const atom = this.#atom(depth);
    if (atom !== undefined) items.push(this.#repeated(atom));
  }

  /** One atom; undefined for a flag group, which stands for nothing. */
  #atom(depth: number): Node | undefined {
    const char = this.#cursor.next();
    switch (char) {
      case "(":
        return this.#group(depth);
      case "[":
        return { kind: "chars", ranges: charClass(this.#cursor, (ranges) => this.#folded(ranges)) };
      case ".":
        return { kind: "chars", ranges: this.#flags.dotAll ? [0, lastUnit] : [0, 9, 11, lastUnit] };
      case "^":
        return { kind: "assert", assertion: this.#flags.multiline ? "lineStart" : "textStart" };
      case "$":
        return { kind: "assert", assertion: this.#flags.multiline ? "lineEnd" : "textEnd" };
      case "*":
      case "+":
      case "?":
        this.#cursor.back();
        return this.#cursor.fail(`nothing to repeat before ${char}`);
      case "\\":
        return this.#escape();
      default:
        return this.#literal(char.charCodeAt(0));
    }
  }

  #group(depth: number): Node | undefined {
    let flags = this.#flags;
    let index = 0;
    if (this.#cursor.take("?")) {
      if (this.#cursor.match(/^P?<([A-Za-z_][A-Za-z0-9_]*)>/, 70) !== null) {
        index = ++this.captures;
      } else {
        const set = this.#cursor.match(/^([imsU]*)(?:-([imsU]+))?([:)])/, 20);
        if (set === null) this.#cursor.fail("expected (?:, (?P<name>, (?<name> or flags out of imsU");
        flags = withFlags(flags, set[1] ?? "", set[2] ?? "");
        if (set[3] === ")") {
          this.#flags = flags;
          return undefined;
        }
      }
    } else {
      index = ++this.captures;
    }
    const item = this.alternation(flags, depth + 1);
    if (!this.#cursor.take(")")) this.#cursor.fail("missing )");
    return index === 0 ? item : { kind: "capture", index, item };
  }

  #repeated(item: Node): Node {
    let min: number;
    let max: number;
    if (this.#cursor.take("*")) [min, max] = [0, Number.POSITIVE_INFINITY];
    else if (this.#cursor.take("+")) [min, max] = [1, Number.POSITIVE_INFINITY];
    else if (this.#cursor.take("?")) [min, max] = [0, 1];
    else {
      const counts = this.#cursor.match(/^\{(\d{1,9})(,(\d{0,9}))?\}/, 24);
      // As RE2: a brace that is no count is a literal.
      if (counts === null) return item;
      min = Number(counts[1]);
      max = counts[2] === undefined ? min : counts[3] === "" ? Number.POSITIVE_INFINITY : Number(counts[3]);
      if (min > maxRepeat || (max !== Number.POSITIVE_INFINITY && max > maxRepeat) || min > max) {
        this.#cursor.fail(`a count out of 0..${maxRepeat}, or the wrong way round,`);
      }
    }
    const lazy = this.#cursor.take("?");
    if (this.#cursor.test(/^(?:[*+?]|\{\d+(?:,\d*)?\})/, 24) !== null) {
      this.#cursor.fail("a repetition of a repetition");
    }
    return { kind: "repeat", item, min, max, greedy: lazy === this.#flags.swapGreed };
  }

  #literal(unit: number): Node {
    return { kind: "chars", ranges: this.#folded([unit, unit]) };
  }

  #folded(ranges: Ranges): Ranges {
    return this.#flags.insensitive ? foldCase(ranges) : ranges;
  }

  #escape(): Node {
    const assertion = assertions[this.#cursor.peek()];
    if (assertion !== undefined) {
      this.#cursor.next();
      return { kind: "assert", assertion };
    }
    if (this.#cursor.take("C")) return { kind: "chars", ranges: [0, lastUnit] };
    const ranges = escapedClass(this.#cursor);
    return ranges === undefined
      ? this.#literal(escapedUnit(this.#cursor))
      : { kind: "chars", ranges: this.#folded(ranges) };
  }
}

/** By the letter after the backslash. */
const assertions: Readonly<Record<string, Assertion>> = {
  A: "textStart",
  z: "textEnd",
  b: "word",
  B: "notWord",
};

function withFlags(flags: Flags, on: string, off: string): Flags {
  const value = (letter: string, now: boolean) => (on.includes(letter) || now) && !off.includes(letter);
  return {
    insensitive: value("i", flags.insensitive),
    multiline: value("m", flags.multiline),
    dotAll: value("s", flags.dotAll),
    swapGreed: value("U", flags.swapGreed),
  };
}

function concat(items: readonly Node[]): Node {
  const [only] = items;
  return items.length === 1 && only !== undefined ? only : { kind: "concat", items };
}
