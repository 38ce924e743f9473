import type { Condition } from "./types.ts";

/**
 * The conditions with this one set: added, or replaced in place. `lastTransitionTime` moves only when the status
 * changes (Kubernetes API conventions). `now` is in milliseconds.
 */
export function setCondition(
  conditions: readonly Condition[] | undefined,
  next: Omit<Condition, "lastTransitionTime">,
  now: number,
): Condition[] {
  const list = conditions ?? [];
  const old = list.find((condition) => condition.type === next.type);
  const lastTransitionTime =
    old !== undefined && old.status === next.status
      ? old.lastTransitionTime
      : // metav1.Time has whole seconds.
        `${new Date(now).toISOString().slice(0, 19)}Z`;
  const condition: Condition = { ...next, lastTransitionTime };
  return old === undefined ? [...list, condition] : list.map((item) => (item === old ? condition : item));
}

export function findCondition(
  conditions: readonly Condition[] | undefined,
  type: string,
): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}
