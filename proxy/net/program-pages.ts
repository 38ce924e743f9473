/** The pages of the executable and its libraries that are mapped into this process: madvise(2). */
import { dlopen } from "bun:ffi";
import { readFileSync } from "node:fs";
import { codeMappings } from "./code-mappings.ts";

const MADV_DONTNEED = 4;

/**
 * Returns what lets go of the program's code: most of it ran once, at the start. What runs again is mapped again at its next
 * touch, from the kernel's page cache. Code alone is let go: of other mappings a process may have pages of its own.
 */
export function createProgramPages(): () => void {
  const libc = dlopen("libc.so.6", {
    madvise: { args: ["u64", "u64", "i32"], returns: "i32" },
  } as const);
  const code = codeMappings(readFileSync("/proc/self/maps", "latin1"));
  return () => {
    for (const { start, bytes } of code) libc.symbols.madvise(start, bytes, MADV_DONTNEED);
  };
}
