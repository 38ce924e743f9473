/**
 * Search with captures and assertions by simulating every thread at once (Pike's machine): time is at most text × program,
 * and the match is the leftmost, with RE2's and Perl's preference among those that begin there.
 */
import { contains, holds, type Program } from "./program.ts";

interface Thread {
  readonly pc: number;
  readonly slots: readonly number[];
}

/** The first match at or after `from`: [start, end, start of group 1, …], -1 for a group that took no part. */
export function search(
  program: Program,
  text: string,
  from: number,
  full = false,
): readonly number[] | undefined {
  let found: readonly number[] | undefined;
  let current: Thread[] = [];
  const slotCount = (program.captures + 1) * 2;
  for (let at = from; at <= text.length; at++) {
    const seen = new Set<number>(current.map((thread) => thread.pc));
    // A later start is of lower priority than every thread that runs, and of none once something matched.
    if (found === undefined && (!full || at === from)) {
      const slots = new Array<number>(slotCount).fill(-1);
      slots[0] = at;
      follow(program, program.start, slots, text, at, seen, current);
    }
    const next: Thread[] = [];
    const reached = new Set<number>();
    for (const thread of current) {
      const instruction = program.code[thread.pc];
      if (instruction?.op === "match") {
        if (full && at !== text.length) continue;
        found = thread.slots.with(1, at);
        break;
      }
      if (
        at < text.length &&
        instruction?.op === "chars" &&
        contains(instruction.ranges, text.charCodeAt(at))
      ) {
        follow(program, instruction.next, thread.slots, text, at + 1, reached, next);
      }
    }
    current = next;
    if (current.length === 0 && (found !== undefined || full)) break;
  }
  return found;
}

/** Adds the threads that `pc` leads to without taking a character, in order of preference. */
function follow(
  program: Program,
  pc: number,
  slots: readonly number[],
  text: string,
  at: number,
  seen: Set<number>,
  threads: Thread[],
): void {
  const stack: Thread[] = [{ pc, slots }];
  for (let thread = stack.pop(); thread !== undefined; thread = stack.pop()) {
    if (seen.has(thread.pc)) continue;
    seen.add(thread.pc);
    const instruction = program.code[thread.pc];
    if (instruction === undefined) continue;
    switch (instruction.op) {
      case "split":
        stack.push(
          { pc: instruction.second, slots: thread.slots },
          { pc: instruction.first, slots: thread.slots },
        );
        break;
      case "assert":
        if (holds(instruction.assertion, text, at)) stack.push({ pc: instruction.next, slots: thread.slots });
        break;
      case "save":
        stack.push({ pc: instruction.next, slots: thread.slots.with(instruction.slot, at) });
        break;
      default:
        threads.push(thread);
    }
  }
}
