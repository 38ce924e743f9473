/** A pattern's tree as instructions of a Thompson machine (Russ Cox, "Regular Expression Matching: the Virtual Machine Approach"). */

import { PatternError } from "./cursor.ts";
import type { Ranges } from "./ranges.ts";
import type { Assertion, Node } from "./syntax.ts";

export type Instruction =
  | { readonly op: "chars"; readonly ranges: Ranges; next: number }
  /** `first` is tried before `second`. */
  | { readonly op: "split"; first: number; second: number }
  | { readonly op: "assert"; readonly assertion: Assertion; next: number }
  | { readonly op: "save"; readonly slot: number; next: number }
  | { readonly op: "match" };

export interface Program {
  readonly code: readonly Instruction[];
  readonly start: number;
  readonly captures: number;
  readonly asserts: boolean;
}

/** Instructions; counted repetition multiplies them. RE2's own memory bound for a pattern admits about as many. */
const maxInstructions = 10_000;

/** Compiles back to front: each node is given where to go on from it. Throws PatternError for a pattern too large. */
export function assemble(node: Node, captures: number): Program {
  const code: Instruction[] = [{ op: "match" }];
  let asserts = false;

  const emit = (instruction: Instruction): number => {
    if (code.length >= maxInstructions) {
      throw new PatternError(
        `the pattern's counted repetitions make more than ${maxInstructions} instructions`,
      );
    }
    return code.push(instruction) - 1;
  };
  const split = (first: number, second: number, greedy: boolean): number =>
    emit(greedy ? { op: "split", first, second } : { op: "split", first: second, second: first });

  const place = (item: Node, next: number): number => {
    switch (item.kind) {
      case "chars":
        return emit({ op: "chars", ranges: item.ranges, next });
      case "assert":
        asserts = true;
        return emit({ op: "assert", assertion: item.assertion, next });
      case "concat":
        return item.items.reduceRight((after, each) => place(each, after), next);
      case "alternate":
        return item.items
          .map((each) => place(each, next))
          .reduceRight((second, first) => emit({ op: "split", first, second }));
      case "capture": {
        const close = emit({ op: "save", slot: item.index * 2 + 1, next });
        return emit({ op: "save", slot: item.index * 2, next: place(item.item, close) });
      }
      case "repeat":
        return repeat(item, next);
    }
  };

  const repeat = ({ item, min, max, greedy }: Extract<Node, { kind: "repeat" }>, next: number): number => {
    let after = next;
    if (max === Number.POSITIVE_INFINITY) {
      // A loop: the split's body end points back at it. Empty bodies end because a thread visits a split once per character.
      const loop = split(-1, next, greedy);
      const body = place(item, loop);
      const instruction = code[loop];
      if (instruction?.op === "split") {
        if (greedy) instruction.first = body;
        else instruction.second = body;
      }
      after = loop;
    } else {
      for (let i = min; i < max; i++) after = split(place(item, after), next, greedy);
    }
    for (let i = 0; i < min; i++) after = place(item, after);
    return after;
  };

  const start = place(node, 0);
  return { code, start, captures, asserts };
}

/** Whether an assertion holds before the character at `at`. */
export function holds(assertion: Assertion, text: string, at: number): boolean {
  switch (assertion) {
    case "textStart":
      return at === 0;
    case "textEnd":
      return at === text.length;
    case "lineStart":
      return at === 0 || text.charCodeAt(at - 1) === 10;
    case "lineEnd":
      return at === text.length || text.charCodeAt(at) === 10;
    case "word":
      return isWord(text, at - 1) !== isWord(text, at);
    case "notWord":
      return isWord(text, at - 1) === isWord(text, at);
  }
}

function isWord(text: string, at: number): boolean {
  if (at < 0 || at >= text.length) return false;
  const unit = text.charCodeAt(at);
  return (
    (unit >= 48 && unit <= 57) || (unit >= 65 && unit <= 90) || unit === 95 || (unit >= 97 && unit <= 122)
  );
}

/** Whether a unit is in the ranges. */
export function contains(ranges: Ranges, unit: number): boolean {
  for (let i = 0; i + 1 < ranges.length; i += 2) {
    if (unit < (ranges[i] ?? 0)) return false;
    if (unit <= (ranges[i + 1] ?? 0)) return true;
  }
  return false;
}
