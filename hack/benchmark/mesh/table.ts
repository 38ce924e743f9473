/** The mesh's rows beside their goals. */
import { aligned } from "../table.ts";
import { type Goal, goals, type MeshRecord, type MeshRow } from "./rows.ts";

export function meshTable(rows: readonly MeshRow[]): string {
  const of = (measure: string, mesh: MeshRow["mesh"]) =>
    rows.find((row) => row.measure === measure && row.mesh === mesh);
  const figure = (row: MeshRow | undefined) => (row === undefined ? "–" : `${row.value} ${row.unit}`);
  const lines = goals.flatMap((goal) => {
    const weft = of(goal.measure, "weft");
    if (weft === undefined) return [];
    const none = of(goal.measure, "none");
    return [[goal.title, figure(weft), figure(none), bound(goal), goal.istio, verdict(goal, weft.value)]];
  });
  return aligned([["measure", "Weft", "no mesh", "goal", "Istio", "verdict"], ...lines]);
}

function bound({ most, least }: Goal): string {
  if (most !== undefined) return `≤ ${most}`;
  return least === undefined ? "–" : `≥ ${least}`;
}

function verdict({ most, least }: Goal, value: number): string {
  if (most === undefined && least === undefined) return "–";
  return (most === undefined || value <= most) && (least === undefined || value >= least)
    ? "met"
    : "**not met**";
}

export function meshSection({ date, machine, command, rows }: MeshRecord): string {
  return `${meshTable(rows)}\n\n- ${date}, ${machine}; \`${command}\``;
}
