/** The runtime of the proxies that tests and benchmarks start. */
import { existsSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

/** Bun's executable, wherever npm has put it. */
export function bunPath(): string {
  const places = ["node_modules/bun/bin/bun.exe", "node_modules/@oven/bun-linux-x64/bin/bun"].map((each) =>
    join(root, each),
  );
  const found = places.find(existsSync);
  if (found === undefined)
    throw new Error(`Bun is not installed: expected one of ${places.join(", ")}; run npm ci`);
  return found;
}

/** What a sidecar's runtime is told of its container, by the injector's default limit. */
export const LIMITED = { BUN_JSC_forceRAMSize: String(128 * 2 ** 20) };
