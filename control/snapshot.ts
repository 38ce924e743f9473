import type { Change as InformerChange, MetaObject, Store } from "../kube/index.ts";
import { keyOf } from "../kube/index.ts";
import type { Change, InputKind, Inputs, Snapshot } from "./compile/inputs.ts";

/** The informers' stores by the kind that the compiler knows them as; absent while a kind is not served. */
export type InputStores = { readonly [K in InputKind]?: Store<MetaObject & Inputs[K]> | undefined };

/** Everything in the stores now, as the compiler loads it. */
export function snapshotOf(stores: InputStores): Snapshot {
  const entries = Object.entries(stores).map(([kind, store]) => [
    kind,
    new Map((store?.list() ?? []).map((object: MetaObject) => [keyOf(object), object])),
  ]);
  return Object.fromEntries(entries) as Snapshot;
}

/** An informer's change as the compiler takes it. */
export function changeOf<K extends InputKind>(
  kind: K,
  change: InformerChange<MetaObject & Inputs[K]>,
): Change {
  const key = keyOf(change.object);
  const object = change.type === "delete" ? {} : { object: change.object };
  return { kind, key, ...object } as Change;
}

/**
 * Whether an update alters nothing that is kept: kubelets write a pod's conditions and a node's heartbeats all day.
 * Both objects have been stripped already; only their resourceVersion tells them apart.
 */
export function isNoise(old: MetaObject, object: MetaObject): boolean {
  return sameValue({ ...old, metadata: versionless(old) }, { ...object, metadata: versionless(object) });
}

const versionless = ({ metadata }: MetaObject) => ({ ...metadata, resourceVersion: "" });

function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  return keys.every((key) => Object.hasOwn(right, key) && sameValue(left[key], right[key]));
}
