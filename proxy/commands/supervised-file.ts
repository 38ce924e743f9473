/** `DIR/proxy/proxy.json` as a supervisor sees it: it follows the file for its workers, and answers on its admin ports itself. */
import { systemClock } from "../config/clock.ts";
import type { Log } from "../config/log.ts";
import { fileIn, follow, readFileIn } from "./followed-file.ts";
import type { AdminLayout } from "./listeners.ts";
import { parseStandaloneFile } from "./standalone-file.ts";
import type { SupervisedFile } from "./supervisor.ts";

/** Reads the folder's file. Throws StandaloneFileError. */
export async function superviseFile(folder: string, log: Log): Promise<SupervisedFile> {
  const path = fileIn(folder);
  const adminOf = (text: string): AdminLayout => parseStandaloneFile(path, text).listeners.admin;
  const text = await readFileIn(folder);
  let inForce = text;
  return {
    text,
    admin: adminOf(text),
    follow: (take) =>
      follow({
        folders: () => [path.slice(0, path.lastIndexOf("/"))],
        async apply() {
          const next = await readFileIn(folder);
          if (next === inForce) return;
          await take(next, adminOf(next));
          inForce = next;
        },
        clock: systemClock,
        log,
      }),
  };
}
