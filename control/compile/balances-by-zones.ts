import type { DestinationRule } from "./inputs.ts";
import type { TrafficPolicySpec } from "./istio.ts";

/** Whether any policy of a rule has a `zoneAwareLbSetting` that is on. */
export function balancesByZones({ spec }: DestinationRule): boolean {
  const policies = [spec?.trafficPolicy, ...(spec?.subsets ?? []).map((subset) => subset.trafficPolicy)];
  return policies.some(isZoneAware);
}

function isZoneAware(policy: TrafficPolicySpec | undefined): boolean {
  return [policy, ...(policy?.portLevelSettings ?? [])].some((each) => {
    const setting = each?.loadBalancer?.zoneAwareLbSetting;
    return setting !== undefined && setting.enabled !== false;
  });
}
