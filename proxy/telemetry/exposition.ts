/** Prometheus' text format (exposition format 0.0.4): made only when somebody scrapes. Pure. */

/** A metric family that can print itself. */
export interface Family {
  /** Appends its lines, HELP and TYPE included, or nothing when it has no series. */
  write(out: string[]): void;
}

export type MetricType = "counter" | "gauge" | "histogram";

export function writeHeader(out: string[], name: string, type: MetricType, help: string): void {
  out.push(
    `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n# TYPE ${name} ${type}\n`,
  );
}

/** `a="1",b="2"`, escaped; "" without labels. */
export function labelText(names: readonly string[], values: readonly string[]): string {
  let text = "";
  for (let index = 0; index < names.length; index++) {
    text += `${index === 0 ? "" : ","}${names[index]}="${escapeLabel(values[index] ?? "")}"`;
  }
  return text;
}

function escapeLabel(value: string): string {
  if (!/[\\"\n]/.test(value)) return value;
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

/** Every family in order, as one page. */
export function exposition(families: readonly Family[]): string {
  const out: string[] = [];
  for (const family of families) family.write(out);
  return out.join("");
}
