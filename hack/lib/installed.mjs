// Exits with 0 when node_modules holds every package of package-lock.json, in its version.
// Plain JavaScript: it runs on whatever Node is there before the pinned one is installed.
import { readFileSync } from "node:fs";

const read = (path) => JSON.parse(readFileSync(path, "utf8")).packages;
let installed;
try {
  installed = read("node_modules/.package-lock.json");
} catch {
  process.exit(1);
}
for (const [path, wanted] of Object.entries(read("package-lock.json"))) {
  // Optional packages are other platforms' variants.
  if (path !== "" && !wanted.optional && installed[path]?.version !== wanted.version) process.exit(1);
}
