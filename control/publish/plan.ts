/** What to do so that the published objects of one key say what was compiled. Pure. */
import type { CompiledObject, CompiledOwner } from "../compile/compiled.ts";

/** What is known of a published object: enough to tell whether it must be written. */
export interface PublishedObject {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  /** `status.hash`, "" when the status was never written. */
  readonly hash: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly owner: CompiledOwner | undefined;
}

export type Action =
  | { readonly do: "create"; readonly object: CompiledObject }
  /** Labels or owner differ: `metadata` alone is patched. */
  | { readonly do: "relabel"; readonly object: CompiledObject; readonly uid: string }
  | { readonly do: "write"; readonly object: CompiledObject; readonly uid: string }
  | { readonly do: "delete"; readonly name: string; readonly namespace: string; readonly uid: string };

/**
 * The actions that lead from what is published to what was compiled. Deletions come last: a service part that names
 * fewer slices is out before the slices go.
 */
export function plan(
  compiled: readonly CompiledObject[],
  published: readonly PublishedObject[],
): { actions: Action[]; unchanged: number } {
  const byName = new Map(published.map((object) => [object.name, object]));
  const actions: Action[] = [];
  let unchanged = 0;
  for (const object of compiled) {
    const existing = byName.get(object.name);
    byName.delete(object.name);
    if (existing === undefined) {
      actions.push({ do: "create", object });
      continue;
    }
    const relabel = !sameLabels(object.labels, existing.labels) || !sameOwner(object.owner, existing.owner);
    if (relabel) actions.push({ do: "relabel", object, uid: existing.uid });
    if (object.status.hash !== existing.hash) actions.push({ do: "write", object, uid: existing.uid });
    else if (!relabel) unchanged++;
  }
  for (const { name, namespace, uid } of byName.values())
    actions.push({ do: "delete", name, namespace, uid });
  return { actions, unchanged };
}

/** Labels that others put there besides ours are theirs. */
function sameLabels(
  wanted: Readonly<Record<string, string>>,
  found: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(wanted).every(([key, value]) => found[key] === value);
}

/** A compiled owner without a uid is any owner of that name: the one published was asked for when it was created. */
function sameOwner(wanted: CompiledOwner | undefined, found: CompiledOwner | undefined): boolean {
  if (wanted === undefined) return true;
  if (wanted.uid === undefined)
    return found === undefined || (wanted.kind === found.kind && wanted.name === found.name);
  return found !== undefined && wanted.uid === found.uid;
}
