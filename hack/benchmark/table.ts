/** Results as text: the same table for the terminal and for the document. */
import { type Result, type Row, ratio } from "./rows.ts";
import { verdicts } from "./targets.ts";

const HEAD = [
  "peer",
  "per second",
  "core µs each",
  "core busy",
  "p50 ms",
  "p99 ms",
  "p99.9 ms",
  "RSS MB",
  "PSS MB",
  "Weft's rate ÷ its",
  "Weft's core time ÷ its",
] as const;

/** A Markdown table, its columns aligned so that it can be read as it is. */
export function table(results: readonly Result[]): string {
  const rows = results.flatMap((result) => ("row" in result ? [result] : []));
  const weft = rows.find(({ row }) => row.peer === "weft")?.row;
  const lines = rows.map(({ row, busy }) => cells(row, busy, weft));
  return aligned([HEAD, ...lines]);
}

function cells(row: Row, busy: number, weft: Row | undefined): string[] {
  const own = row.peer === "weft";
  const share = (value: number | undefined) => (own || value === undefined ? "–" : value.toFixed(2));
  return [
    row.peer,
    row.rps === null ? "–" : row.rps.toLocaleString("en"),
    figure(row.cpu_us_per_request, 1),
    row.rps === null ? "–" : `${Math.min(100, Math.round(busy * 100))} %`,
    figure(row.p50_ms, 2),
    figure(row.p99_ms, 2),
    figure(row.p999_ms, 2),
    figure(row.rss_mb, 1),
    figure(row.pss_mb, 1),
    share(ratio(weft?.rps, row.rps)),
    share(ratio(weft?.cpu_us_per_request, row.cpu_us_per_request)),
  ];
}

const figure = (value: number | null, digits: number) => (value === null ? "–" : value.toFixed(digits));

/** Rows of cells as a Markdown table; the first row is its head, all columns but the first are numbers. */
export function aligned(rows: readonly (readonly string[])[]): string {
  const [head = []] = rows;
  const widths = head.map((_, i) => Math.max(3, ...rows.map((row) => (row[i] ?? "").length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(" | ")} |`;
  const rule = `|${widths.map((width, i) => (i === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  return [line(head), rule, ...rows.slice(1).map(line)].join("\n");
}

/** What failed, and which targets are met: a line each. */
export function remarks(scenario: string, results: readonly Result[]): string[] {
  const failures = results.flatMap((result) =>
    "failure" in result ? [`${result.peer} was not measured: ${reason(result.failure)}`] : [],
  );
  const rows = results.flatMap((result) => ("row" in result ? [result.row] : []));
  const judged = verdicts(scenario, rows).map(
    ({ target, found, met }) => `${met ? "met" : "**not met**"}: ${target}; found ${found}`,
  );
  return [...judged, ...failures];
}

/** What went wrong and the last that was printed, in one line. */
function reason(failure: string): string {
  const lines = failure.split("\n").map((line) => line.trim());
  const [first = ""] = lines;
  const last = lines.filter((line) => line !== "").at(-1) ?? first;
  return (last === first ? first : `${first} … ${last}`).slice(0, 300);
}
