/**
 * What memory a proxy may have: the injector tells the runtime, from the container's limit, and it is read here once more. Pure.
 */

/** The runtime's own: its collector heeds it. */
const VARIABLE = "BUN_JSC_forceRAMSize";

type Environment = Readonly<Record<string, string | undefined>>;

/** In bytes; Infinity when nobody said. */
export function memoryBytes(env: Environment): number {
  return Number(env[VARIABLE]) || Number.POSITIVE_INFINITY;
}

/** The variables that give each of so many processes its part of the memory of one. */
export function partOfMemory(env: Environment, processes: number): Record<string, string> {
  const bytes = memoryBytes(env);
  return Number.isFinite(bytes) ? { [VARIABLE]: String(Math.floor(bytes / processes)) } : {};
}
