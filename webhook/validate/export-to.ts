import type { Field } from "./field.ts";
import { isDnsLabel } from "./names.ts";

/**
 * `exportTo`: `.` for the object's own namespace, `*` for all and alone, or namespaces' names; no duplicates. `~`, for nobody
 * and alone, where the kind knows it.
 */
export function checkExportTo(field: Field, namespace: string, { nobody = false } = {}): void {
  const items = field.texts();
  const seen = new Set<string>();
  for (const { text, field: item } of items) {
    const normal = text === namespace ? "." : text;
    if (seen.has(normal)) item.duplicate();
    seen.add(normal);
    if (text === "*" || (nobody && text === "~")) {
      if (items.length > 1) item.forbidden(`"${text}" must be the only entry`);
    } else if (text !== "." && !isDnsLabel(text)) {
      item.invalid(`must be ".", "*"${nobody ? ', "~"' : ""} or the name of a namespace`);
    }
  }
}
