/**
 * docs/benchmarks.md: what runs write stands between marks, everything else is written by hand and stays. The results stand
 * beside it in docs/benchmarks.json, so that a run of some scenarios leaves the others as they were.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MeshRecord } from "./mesh/rows.ts";
import { meshSection } from "./mesh/table.ts";
import { type ProfileRecord, profileSection } from "./profile/section.ts";
import type { Result } from "./rows.ts";
import { scenarios } from "./scenarios.ts";
import { type SoakRecord, soakSection } from "./soak-section.ts";
import { aligned, remarks, table } from "./table.ts";
import { verdicts } from "./targets.ts";

export interface ScenarioRecord {
  /** The day, ISO 8601. */
  readonly date: string;
  readonly machine: string;
  readonly command: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly results: readonly Result[];
}

export interface Records {
  readonly scenarios: Readonly<Record<string, ScenarioRecord>>;
  readonly mesh?: MeshRecord;
  readonly soak?: SoakRecord;
  readonly profiles?: Readonly<Record<string, ProfileRecord>>;
}

const NOTHING = "Not measured yet.";
const docs = join(import.meta.dirname, "../../docs");
const DATA = join(docs, "benchmarks.json");
const DOCUMENT = join(docs, "benchmarks.md");

export function readRecords(): Records {
  return existsSync(DATA) ? (JSON.parse(readFileSync(DATA, "utf8")) as Records) : { scenarios: {} };
}

/** Writes both files. */
export function writeRecords(records: Records): void {
  writeFileSync(DATA, `${JSON.stringify(records, null, 2)}\n`);
  writeFileSync(DOCUMENT, render(readFileSync(DOCUMENT, "utf8"), records));
}

/** The document with what stands between its marks made anew; throws when a mark is missing. */
export function render(document: string, records: Records): string {
  const sections: Readonly<Record<string, string>> = {
    targets: targets(records),
    scenarios:
      scenarios.flatMap((each) => section(each.name, each.title, records) ?? []).join("\n\n") || NOTHING,
    profiles:
      Object.entries(records.profiles ?? {})
        .map(profileSection)
        .join("\n\n") || NOTHING,
    mesh: records.mesh === undefined ? NOTHING : meshSection(records.mesh),
    soak: records.soak === undefined ? NOTHING : soakSection(records.soak),
  };
  let text = document;
  for (const [name, content] of Object.entries(sections)) {
    const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`];
    const from = text.indexOf(begin);
    const to = text.indexOf(end);
    if (from < 0 || to < from) throw new Error(`docs/benchmarks.md: expected the marks ${begin} and ${end}`);
    text = `${text.slice(0, from + begin.length)}\n${content}\n${text.slice(to)}`;
  }
  return text;
}

function targets(records: Records): string {
  const lines = scenarios.flatMap(({ name }) => {
    const rows = (records.scenarios[name]?.results ?? []).flatMap((each) =>
      "row" in each ? [each.row] : [],
    );
    return verdicts(name, rows).map(({ target, found, met }) => [
      name,
      target,
      found,
      met ? "met" : "**not met**",
    ]);
  });
  return lines.length === 0 ? NOTHING : aligned([["scenario", "target", "found", "verdict"], ...lines]);
}

function section(name: string, title: string, records: Records): string | undefined {
  const record = records.scenarios[name];
  if (record === undefined) return undefined;
  const { date, machine, command, rounds, seconds, results } = record;
  return [
    `### ${name}`,
    "",
    `${title}.`,
    "",
    table(results),
    "",
    ...remarks(name, results).map((line) => `- ${line}`),
    `- ${date}, ${machine}; medians of ${rounds} × ${seconds} s; \`${command}\``,
  ].join("\n");
}
