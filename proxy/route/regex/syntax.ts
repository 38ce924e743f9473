/**
 * RE2 syntax (https://github.com/google/re2/wiki/Syntax) to a tree. Code units stand for characters: paths and header values
 * are bytes on the wire. Back-references and look-around do not exist here, which is what makes linear time possible.
 */

import {
  foldCase,
  negate,
  normalize,
  perlClasses,
  posixClasses,
  type Ranges,
  unicodeClass,
} from "./ranges.ts";

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

/** Thrown for a pattern that RE2 refuses too, or that exceeds our limits. */
export class PatternError extends Error {
  override readonly name = "PatternError";
}

interface Flags {
  readonly insensitive: boolean;
  readonly multiline: boolean;
  readonly dotAll: boolean;
  readonly swapGreed: boolean;
}

const lastUnit = 0xffff;
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
  if (!parser.done) parser.fail("unexpected )");
  return { node, captures: parser.captures };
}

const noFlags: Flags = { insensitive: false, multiline: false, dotAll: false, swapGreed: false };

class Parser {
  captures = 0;
  readonly #source: string;
  #at = 0;
  /** Flags that `(?i)` set for the rest of the group. */
  #flags: Flags = noFlags;

  constructor(source: string) {
    this.#source = source;
  }

  get done(): boolean {
    return this.#at >= this.#source.length;
  }

  fail(why: string): never {
    throw new PatternError(
      `the pattern ${JSON.stringify(this.#source)} is no RE2 expression: ${why} at character ${this.#at}`,
    );
  }

  alternation(flags: Flags, depth: number): Node {
    if (depth > maxDepth) this.fail(`more than ${maxDepth} nested groups`);
    const outer = this.#flags;
    this.#flags = flags;
    const branches: Node[] = [];
    let items: Node[] = [];
    while (!this.done && this.#peek() !== ")") {
      if (this.#take("|")) {
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

  #peek(offset = 0): string {
    return this.#source[this.#at + offset] ?? "";
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #next(): string {
    if (this.done) this.fail("unexpected end");
    return this.#source[this.#at++] ?? "";
  }

  #term(items: Node[], depth: number): void {
    if (this.#take("\\Q")) {
      const end = this.#source.indexOf("\\E", this.#at);
      const text = this.#source.slice(this.#at, end < 0 ? undefined : end);
      this.#at = end < 0 ? this.#source.length : end + 2;
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
    const char = this.#next();
    switch (char) {
      case "(":
        return this.#group(depth);
      case "[":
        return { kind: "chars", ranges: this.#charClass() };
      case ".":
        return { kind: "chars", ranges: this.#flags.dotAll ? [0, lastUnit] : [0, 9, 11, lastUnit] };
      case "^":
        return { kind: "assert", assertion: this.#flags.multiline ? "lineStart" : "textStart" };
      case "$":
        return { kind: "assert", assertion: this.#flags.multiline ? "lineEnd" : "textEnd" };
      case "*":
      case "+":
      case "?":
        this.#at--;
        return this.fail(`nothing to repeat before ${char}`);
      case "\\":
        return this.#escape();
      default:
        return this.#literal(char.charCodeAt(0));
    }
  }

  #group(depth: number): Node | undefined {
    let flags = this.#flags;
    let index = 0;
    if (this.#take("?")) {
      const name = /^P?<([A-Za-z_][A-Za-z0-9_]*)>/.exec(this.#source.slice(this.#at, this.#at + 70));
      if (name !== null) {
        this.#at += name[0].length;
        index = ++this.captures;
      } else {
        const set = /^([imsU]*)(?:-([imsU]+))?([:)])/.exec(this.#source.slice(this.#at, this.#at + 20));
        if (set === null) this.fail("expected (?:, (?P<name>, (?<name> or flags out of imsU");
        this.#at += set[0].length;
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
    if (!this.#take(")")) this.fail("missing )");
    return index === 0 ? item : { kind: "capture", index, item };
  }

  #repeated(item: Node): Node {
    let min: number;
    let max: number;
    if (this.#take("*")) [min, max] = [0, Number.POSITIVE_INFINITY];
    else if (this.#take("+")) [min, max] = [1, Number.POSITIVE_INFINITY];
    else if (this.#take("?")) [min, max] = [0, 1];
    else {
      const counts = /^\{(\d{1,9})(,(\d{0,9}))?\}/.exec(this.#source.slice(this.#at, this.#at + 24));
      // As RE2: a brace that is no count is a literal.
      if (counts === null) return item;
      this.#at += counts[0].length;
      min = Number(counts[1]);
      max = counts[2] === undefined ? min : counts[3] === "" ? Number.POSITIVE_INFINITY : Number(counts[3]);
      if (min > maxRepeat || (max !== Number.POSITIVE_INFINITY && max > maxRepeat) || min > max) {
        this.fail(`a count out of 0..${maxRepeat}, or the wrong way round,`);
      }
    }
    const lazy = this.#take("?");
    if (/^(?:[*+?]|\{\d+(?:,\d*)?\})/.test(this.#source.slice(this.#at, this.#at + 24))) {
      this.fail("a repetition of a repetition");
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
    switch (this.#peek()) {
      case "A":
        this.#at++;
        return { kind: "assert", assertion: "textStart" };
      case "z":
        this.#at++;
        return { kind: "assert", assertion: "textEnd" };
      case "b":
        this.#at++;
        return { kind: "assert", assertion: "word" };
      case "B":
        this.#at++;
        return { kind: "assert", assertion: "notWord" };
      case "C":
        this.#at++;
        return { kind: "chars", ranges: [0, lastUnit] };
      default: {
        const ranges = this.#escapedClass();
        return ranges === undefined
          ? this.#literal(this.#escapedUnit())
          : { kind: "chars", ranges: this.#folded(ranges) };
      }
    }
  }

  /** `\d`, `\pL` and their like after the backslash; undefined (nothing taken) for anything else. */
  #escapedClass(): Ranges | undefined {
    const char = this.#peek();
    const perl = perlClasses[char.toLowerCase()];
    if (perl !== undefined && /[dswDSW]/.test(char)) {
      this.#at++;
      return char === char.toLowerCase() ? perl : negate(perl);
    }
    if (char !== "p" && char !== "P") return undefined;
    this.#at++;
    const braced = /^(?:\{(\^?)([A-Za-z_]+)\}|([A-Z]))/.exec(this.#source.slice(this.#at, this.#at + 50));
    if (braced === null) this.fail("expected \\p{Name} or \\pN");
    this.#at += braced[0].length;
    const ranges = unicodeClass(braced[2] ?? braced[3] ?? "");
    if (ranges === undefined) this.fail("an unknown Unicode class");
    return (char === "P") !== (braced[1] === "^") ? negate(ranges) : ranges;
  }

  /** One escaped character after the backslash, as a code unit. */
  #escapedUnit(): number {
    const char = this.#next();
    const control = "afnrtv".indexOf(char);
    if (control >= 0) return [7, 12, 10, 13, 9, 11][control] ?? 0;
    if (char === "x") {
      const hex = /^(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})/.exec(
        this.#source.slice(this.#at, this.#at + 8),
      );
      if (hex === null) this.fail("expected two hex digits or {…} after \\x");
      this.#at += hex[0].length;
      return Math.min(Number.parseInt(hex[1] ?? hex[2] ?? "0", 16), lastUnit);
    }
    if (/[0-7]/.test(char)) {
      const octal = /^[0-7]{1,2}/.exec(this.#source.slice(this.#at, this.#at + 2));
      // As RE2: \0 and \123 are octal, \1 would be a back-reference.
      if (char !== "0" && octal === null) this.fail("a back-reference");
      this.#at += octal?.[0].length ?? 0;
      return Number.parseInt(char + (octal?.[0] ?? ""), 8);
    }
    if (/[A-Za-z0-9]/.test(char)) this.fail(`the unknown escape \\${char}`);
    return char.charCodeAt(0);
  }

  #charClass(): Ranges {
    const negated = this.#take("^");
    const ranges: number[] = [];
    for (let first = true; first || this.#peek() !== "]"; first = false) {
      if (this.done) this.fail("missing ]");
      const posix = /^\[:(\^?)([a-z]+):\]/.exec(this.#source.slice(this.#at, this.#at + 14));
      if (posix !== null) {
        const known = posixClasses[posix[2] ?? ""];
        if (known === undefined) this.fail(`the unknown class ${posix[0]}`);
        this.#at += posix[0].length;
        ranges.push(...(posix[1] === "^" ? negate(known) : known));
        continue;
      }
      if (this.#peek() === "\\") {
        this.#at++;
        const escaped = this.#escapedClass();
        if (escaped !== undefined) {
          ranges.push(...escaped);
          continue;
        }
        this.#at--;
      }
      const from = this.#classUnit();
      if (this.#peek() === "-" && this.#peek(1) !== "]" && this.#peek(1) !== "") {
        this.#at++;
        const to = this.#classUnit();
        if (to < from) this.fail("a range the wrong way round");
        ranges.push(from, to);
      } else {
        ranges.push(from, from);
      }
    }
    this.#at++;
    const folded = this.#folded(normalize(ranges));
    return negated ? negate(folded) : folded;
  }

  #classUnit(): number {
    const char = this.#next();
    return char === "\\" ? this.#escapedUnit() : char.charCodeAt(0);
  }
}

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
