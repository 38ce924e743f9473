/** What policies for workloads have in common: how they say which workloads they are for. */
import type { EnvoyFilter } from "./inputs.ts";
import { type Labels, selects } from "./labels.ts";

export interface Policy {
  readonly metadata: { readonly namespace?: string };
  readonly spec?: {
    readonly selector?: { readonly matchLabels?: Labels };
    readonly workloadSelector?: { readonly labels?: Labels };
    readonly targetRef?: object;
    readonly targetRefs?: readonly object[];
  };
}

/**
 * Whether a policy selects a workload. Policies of the root namespace apply to every namespace, through their selector
 * too; those with a target reference are for gateways and waypoints, never for sidecars.
 */
export function appliesTo(policy: Policy | EnvoyFilter, labels: Labels): boolean {
  const { selector, workloadSelector, targetRef, targetRefs }: NonNullable<Policy["spec"]> =
    policy.spec ?? {};
  if (targetRef !== undefined || (targetRefs ?? []).length > 0) return false;
  return selects({ ...selector?.matchLabels, ...workloadSelector?.labels }, labels);
}
