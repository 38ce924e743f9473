/**
 * Full match as a lazily built deterministic automaton: one table lookup per character, whatever the pattern.
 * States are made when first met and thrown away when there are too many, so memory is bounded as well as time.
 */
import { contains, type Program } from "./program.ts";

interface State {
  /** Instructions that wait for a character, ascending. */
  readonly waiting: readonly number[];
  readonly accepts: boolean;
  /** By character class. */
  readonly next: (State | undefined)[];
}

/** States kept at once; a table row is about as long as the pattern has distinct character ranges. */
const maxStates = 256;

/** A full-match function for a program without assertions; linear in the text. */
export function createAutomaton(program: Program): (text: string) => boolean {
  const bounds = classBounds(program);
  const low = Uint16Array.from({ length: 256 }, (_, unit) => classOf(bounds, unit));
  let states = new Map<string, State>();
  let start: State | undefined;

  const stateOf = (pcs: readonly number[]): State => {
    const { waiting, accepts } = close(program, pcs);
    const key = `${accepts ? "+" : ""}${waiting.join(",")}`;
    const known = states.get(key);
    if (known !== undefined) return known;
    if (states.size >= maxStates) {
      // Forgetting the start too leaves nothing that holds on to the old states: new ones only ever lead to new ones.
      states = new Map();
      start = undefined;
    }
    const state: State = { waiting, accepts, next: [] };
    states.set(key, state);
    return state;
  };
  const step = (state: State, charClass: number): State => {
    const unit = bounds[charClass] ?? 0;
    const reached: number[] = [];
    for (const pc of state.waiting) {
      const instruction = program.code[pc];
      if (instruction?.op === "chars" && contains(instruction.ranges, unit)) reached.push(instruction.next);
    }
    const next = stateOf(reached);
    state.next[charClass] = next;
    return next;
  };

  return (text) => {
    start ??= stateOf([program.start]);
    let state = start;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      const charClass = unit < 256 ? (low[unit] ?? 0) : classOf(bounds, unit);
      state = state.next[charClass] ?? step(state, charClass);
      if (state.waiting.length === 0) return state.accepts && i === text.length - 1;
    }
    return state.accepts;
  };
}

/** The first unit of each character class: units between two bounds are alike to every instruction. */
function classBounds(program: Program): readonly number[] {
  const bounds = new Set([0]);
  for (const instruction of program.code) {
    if (instruction.op !== "chars") continue;
    for (let i = 0; i + 1 < instruction.ranges.length; i += 2) {
      bounds.add(instruction.ranges[i] ?? 0);
      bounds.add((instruction.ranges[i + 1] ?? 0) + 1);
    }
  }
  return [...bounds].sort((a, b) => a - b);
}

function classOf(bounds: readonly number[], unit: number): number {
  let low = 0;
  let high = bounds.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((bounds[middle] ?? 0) <= unit) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Follows every instruction that takes no character. */
function close(program: Program, pcs: readonly number[]): { waiting: number[]; accepts: boolean } {
  const seen = new Set<number>();
  const stack = [...pcs];
  const waiting: number[] = [];
  let accepts = false;
  for (let pc = stack.pop(); pc !== undefined; pc = stack.pop()) {
    if (seen.has(pc)) continue;
    seen.add(pc);
    const instruction = program.code[pc];
    if (instruction === undefined) continue;
    if (instruction.op === "match") accepts = true;
    else if (instruction.op === "chars") waiting.push(pc);
    else if (instruction.op === "split") stack.push(instruction.first, instruction.second);
    else stack.push(instruction.next);
  }
  return { waiting: waiting.sort((a, b) => a - b), accepts };
}
