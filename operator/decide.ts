import type { KubeObject } from "../kube/index.ts";
import { type Difference, findDifference } from "./difference.ts";
import { appliedAnnotation, fieldManager, labels } from "./names.ts";

/** What has to be done about one operand. */
export type Decision =
  | { readonly action: "none" }
  /** First of its kind, or the wish changed. */
  | { readonly action: "apply"; readonly because: "missing" | "wish" }
  /** Someone else deleted or changed what was as wished. */
  | { readonly action: "correct"; readonly difference: Difference | "deleted" }
  /** An object of that name that is not the operator's: never overwritten. */
  | { readonly action: "refuse"; readonly owner: string };

/**
 * Compares a wanted object with the live one. `wasApplied`: it has been there before as far as is known, so that its
 * absence is somebody's doing. `livingOwners`: uids of the other MeshInstallations.
 */
export function decide(
  wanted: KubeObject,
  live: KubeObject | undefined,
  known: { readonly wasApplied: boolean; readonly livingOwners: ReadonlySet<string> },
): Decision {
  if (live === undefined) {
    return known.wasApplied
      ? { action: "correct", difference: "deleted" }
      : { action: "apply", because: "missing" };
  }
  const stranger = strangerOf(live, known.livingOwners);
  if (stranger !== undefined) return { action: "refuse", owner: stranger };
  const applied = live.metadata.annotations?.[appliedAnnotation];
  if (applied !== wanted.metadata.annotations?.[appliedAnnotation])
    return { action: "apply", because: "wish" };
  const difference = findDifference(wanted, live);
  return difference === undefined ? { action: "none" } : { action: "correct", difference };
}

/** Who else an object belongs to, for a person to read; undefined when it is the operator's to write. */
function strangerOf(live: KubeObject, livingOwners: ReadonlySet<string>): string | undefined {
  const owner = live.metadata.ownerReferences?.find(({ uid }) => livingOwners.has(uid));
  if (owner !== undefined) return `MeshInstallation ${owner.name}`;
  const isLabelled = live.metadata.labels?.[labels.managedBy] === fieldManager;
  // The label may be what was taken away; who wrote the object is on record.
  const wrote = (live.metadata.managedFields ?? []).some((entry) => managerOf(entry) === fieldManager);
  if (isLabelled || wrote) return undefined;
  const managers = [...new Set((live.metadata.managedFields ?? []).map(managerOf))].filter(
    (name) => name !== "",
  );
  return managers.length > 0 ? managers.join(", ") : "somebody else";
}

function managerOf(entry: unknown): string {
  const manager =
    typeof entry === "object" && entry !== null && "manager" in entry ? entry.manager : undefined;
  return typeof manager === "string" ? manager : "";
}
