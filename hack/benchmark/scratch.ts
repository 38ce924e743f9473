/** A folder for what one run writes. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endAll } from "./processes.ts";

/** Makes it; a run that is interrupted ends its processes and leaves nothing of it, one that goes to its end removes it itself. */
export function scratchFolder(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    process.once(signal, () => {
      endAll();
      rmSync(folder, { recursive: true, force: true });
      process.exit(code);
    });
  }
  return folder;
}
