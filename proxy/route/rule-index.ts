/**
 * Long lists of rules by the paths that they ask for: which rule is first stays as the list says, but only rules whose path fits
 * are asked. Ten thousand routes cost a request a binary search and not ten thousand questions.
 *
 * Paths to equal and prefixes stand in one sorted list, where the prefixes of a path are found at once: the longest is the last
 * entry that does not sort behind the path, or a prefix of that entry; and of the entries each knows its own longest prefix.
 * Matches that no path tells (a regex, a path without regard to case, headers alone) are asked in their turn, as ever.
 */
import type { CompiledMatch, MatchRequest } from "./match.ts";
import { pathOnly } from "./query.ts";
import { findRule, type Rule } from "./table.ts";

/** Fewer matches are asked one by one as fast. */
const WORTH_AN_INDEX = 16;
/** Lists to take in turns. When so many prefixes of one path are in use, asking each rule is as good. */
const MOST_LISTS = 8;

/** How rules are found: the index of the first that matches, or -1. */
export type RuleFinder = (request: MatchRequest) => number;

/** The index is made by the first request: most lists that a proxy holds are never asked. */
export function ruleFinder(rules: readonly Rule[]): RuleFinder {
  const matches = rules.reduce((sum, rule) => sum + rule.matches.length, 0);
  if (matches <= WORTH_AN_INDEX) return (request) => findRule(rules, request);
  let index: RuleIndex | undefined;
  return (request) => {
    index ??= new RuleIndex(rules);
    return index.find(request);
  };
}

class RuleIndex {
  readonly #rules: readonly Rule[];
  /** Every match in order, and the rule that it belongs to. A rule without matches has one that takes everything. */
  readonly #matches: CompiledMatch[] = [];
  readonly #ruleOf: number[] = [];
  /** Paths and prefixes, sorted. */
  readonly #keys: readonly string[];
  /** For each key the longest other one that is a prefix of it and asked for as a prefix; -1 for none. */
  readonly #parents: Int32Array;
  /**
   * Lists of matches, one behind the other: of key `k` those that equal it are list 2k and those that begin with it list 2k + 1;
   * the last list is of matches without a key. List `l` stands from `#starts[l]` to before `#starts[l + 1]`.
   */
  readonly #lists: Int32Array;
  readonly #starts: Int32Array;
  /** Where each list that fits the request stands, and its end. */
  readonly #at = new Int32Array(MOST_LISTS);
  readonly #ends = new Int32Array(MOST_LISTS);

  constructor(rules: readonly Rule[]) {
    this.#rules = rules;
    for (const [rule, { matches }] of rules.entries()) {
      for (const match of matches.length > 0 ? matches : [everything]) {
        this.#matches.push(match);
        this.#ruleOf.push(rule);
      }
    }
    this.#keys = [...new Set(this.#matches.flatMap(({ path }) => path?.value ?? []))].sort();
    const numbers = new Map(this.#keys.map((key, number) => [key, number]));
    const listOf = ({ path }: CompiledMatch) =>
      path === undefined
        ? 2 * this.#keys.length
        : 2 * (numbers.get(path.value) ?? 0) + (path.kind === "prefix" ? 1 : 0);
    this.#starts = new Int32Array(2 * this.#keys.length + 2);
    this.#lists = new Int32Array(this.#matches.length);
    fillLists(this.#matches.map(listOf), this.#starts, this.#lists);
    this.#parents = this.#findParents();
  }

  find(request: MatchRequest): number {
    const path = pathOnly(request.path);
    let key = this.#lastNotBehind(path);
    let count = this.#open(2 * this.#keys.length, 0);
    if (key >= 0 && this.#keys[key] === path) count = this.#open(2 * key, count);
    // Once one is a prefix of the path, all of its own prefixes are.
    while (key >= 0 && !path.startsWith(this.#keys[key] as string)) key = this.#parents[key] as number;
    for (; key >= 0; key = this.#parents[key] as number) {
      if (count === MOST_LISTS) return findRule(this.#rules, request);
      count = this.#open(2 * key + 1, count);
    }
    return this.#firstOf(count, request);
  }

  /** Asks the matches of the open lists in the order of the rules. */
  #firstOf(count: number, request: MatchRequest): number {
    for (;;) {
      let first = this.#matches.length;
      let from = -1;
      for (let list = 0; list < count; list++) {
        const at = this.#at[list] as number;
        if (at === this.#ends[list]) continue;
        const match = this.#lists[at] as number;
        if (match >= first) continue;
        first = match;
        from = list;
      }
      if (from < 0) return -1;
      if ((this.#matches[first] as CompiledMatch).matches(request)) return this.#ruleOf[first] as number;
      this.#at[from] = (this.#at[from] as number) + 1;
    }
  }

  /** Takes a list in, unless it is empty; how many there are then. */
  #open(list: number, count: number): number {
    const start = this.#starts[list] as number;
    const end = this.#starts[list + 1] as number;
    if (start === end) return count;
    this.#at[count] = start;
    this.#ends[count] = end;
    return count + 1;
  }

  /** The last key that does not sort behind a path, or -1. */
  #lastNotBehind(path: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] as string) <= path) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #findParents(): Int32Array {
    const open: number[] = [];
    return Int32Array.from(this.#keys, (key, number) => {
      while (open.length > 0 && !key.startsWith(this.#keys[open.at(-1) ?? 0] as string)) open.pop();
      const parent = open.at(-1) ?? -1;
      const asPrefix = this.#starts[2 * number + 1] !== this.#starts[2 * number + 2];
      if (asPrefix) open.push(number);
      return parent;
    });
  }
}

const everything: CompiledMatch = { prefix: "/", path: undefined, matches: () => true };

/** Sorts matches into their lists, each in order. `starts` has one place more than there are lists. */
function fillLists(listOf: readonly number[], starts: Int32Array, lists: Int32Array): void {
  for (const list of listOf) starts[list + 1] = (starts[list + 1] ?? 0) + 1;
  for (let list = 1; list < starts.length; list++)
    starts[list] = (starts[list] ?? 0) + (starts[list - 1] ?? 0);
  const next = starts.slice();
  for (const [match, list] of listOf.entries()) {
    const at = next[list] as number;
    lists[at] = match;
    next[list] = at + 1;
  }
}
