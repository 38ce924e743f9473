/** The metrics of several processes as those of one proxy: counters and gauges add up. Pure. */

/** Readings that every process has of the same thing: the largest holds. */
const SAME = new Set(["weft_config_objects", "weft_certificate_expiry_seconds"]);

/** Merges pages in Prometheus' text format; families and series in the order in which they come first. */
export function mergeExpositions(pages: readonly string[]): string {
  /** Lines of each family: its comments, then its series by name and labels. */
  const families = new Map<string, { comments: string[]; series: Map<string, number> }>();
  for (const page of pages) {
    let family = families.get("");
    for (const line of page.split("\n")) {
      if (line === "") continue;
      if (line.startsWith("#")) {
        const name = line.split(" ", 3)[2] ?? "";
        family = families.get(name) ?? { comments: [], series: new Map() };
        families.set(name, family);
        if (!family.comments.includes(line)) family.comments.push(line);
        continue;
      }
      if (family === undefined) continue;
      const at = line.lastIndexOf(" ");
      const series = line.slice(0, at);
      const value = Number(line.slice(at + 1));
      const known = family.series.get(series);
      const name = series.slice(0, (series.indexOf("{") + 1 || series.length + 1) - 1);
      const merged = SAME.has(name) ? Math.max(known ?? value, value) : (known ?? 0) + value;
      family.series.set(series, merged);
    }
  }
  let text = "";
  for (const { comments, series } of families.values()) {
    for (const comment of comments) text += `${comment}\n`;
    for (const [name, value] of series) text += `${name} ${value}\n`;
  }
  return text;
}
