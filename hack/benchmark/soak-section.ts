/** What a soak found, for the document: how much went through, what failed, and what memory did meanwhile. */
import { aligned } from "./table.ts";

export interface SoakRecord {
  /** The day, ISO 8601. */
  readonly date: string;
  readonly machine: string;
  readonly command: string;
  readonly minutes: number;
  readonly clients: number;
  readonly requests: number;
  readonly failed: number;
  /** Anonymous memory in MB: medians of the middle third of the time and of the last. */
  readonly memory: Readonly<Record<"client" | "server", { readonly middle: number; readonly last: number }>>;
}

export function soakSection(record: SoakRecord): string {
  const { date, machine, command, minutes, clients, requests, failed, memory } = record;
  const lines = (["client", "server"] as const).map((side) => {
    const { middle, last } = memory[side];
    return [`${side}'s proxy`, ...[middle, last, last - middle].map((mb) => `${mb.toFixed(1)} MB`)];
  });
  return [
    `${requests.toLocaleString("en")} requests in ${minutes} minutes by ${clients} clients; ${failed} failed.`,
    "",
    aligned([["anonymous memory", "middle third", "last third", "growth"], ...lines]),
    "",
    `- ${date}, ${machine}; \`${command}\``,
  ].join("\n");
}
