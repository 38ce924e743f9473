/** One line of the demo's table: what should be, what was, and whether that is as it should be. */
export interface Row {
  readonly name: string;
  readonly expected: string;
  readonly measured: string;
  readonly ok: boolean;
}

/** The rows as a table of plain text, as wide as its longest cells; `colour` marks what is not as it should be. */
export function table(rows: readonly Row[], colour: boolean): string {
  const header = ["", "what", "expected", "measured"];
  const cells = rows.map((row) => [row.ok ? "✔" : "✘", row.name, row.expected, row.measured]);
  const widths = header.map((title, column) =>
    Math.max(title.length, ...cells.map((line) => line[column]?.length ?? 0)),
  );
  const line = (parts: readonly string[]) =>
    parts
      .map((part, column) => part.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  const body = cells.map((parts, i) =>
    colour && rows[i]?.ok === false ? `\x1b[31m${line(parts)}\x1b[0m` : line(parts),
  );
  return [line(header), line(widths.map((width) => "─".repeat(width))), ...body].join("\n");
}
