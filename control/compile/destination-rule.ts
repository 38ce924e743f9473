/**
 * Which DestinationRule a client calls a host by, in Istio's order: the client's namespace, then the service's, then
 * the root namespace. The first namespace that has a rule for the host ends the search; in it, the most specific host
 * wins, and several rules of one host are one.
 */
import { bySpecificity, hostCovers, resolveHost } from "./hosts.ts";
import type { DestinationRule } from "./inputs.ts";
import type { SubsetSpec, TrafficPolicySpec } from "./istio.ts";
import { isEmpty } from "./labels.ts";
import { byAge } from "./order.ts";
import { isPrivate, isVisible, type Visibility, visibilityOf, visibilityText } from "./visibility.ts";

/** Several DestinationRules of one host, namespace and visibility as one. */
export interface MergedRule {
  readonly subsets: readonly SubsetSpec[];
  readonly trafficPolicy?: TrafficPolicySpec;
  /** What it was made of, oldest first. */
  readonly rules: readonly DestinationRule[];
}

export interface RuleLookup {
  readonly host: string;
  /** Namespace of the service; "" for a host that is none. */
  readonly serviceNamespace: string;
  readonly rootNamespace: string;
  readonly clusterDomain: string;
}

export function ruleHost(rule: DestinationRule, clusterDomain: string): string {
  return resolveHost(rule.spec?.host ?? "", rule.metadata.namespace ?? "", clusterDomain);
}

/**
 * The rule for clients of one namespace. A rule with a `workloadSelector` is left out: it holds for some clients of a
 * namespace only, which the compiled form cannot say yet.
 */
export function selectDestinationRule(
  rules: readonly DestinationRule[],
  client: string,
  lookup: RuleLookup,
): MergedRule | undefined {
  const candidates = rules
    .filter((rule) => isEmpty(rule.spec?.workloadSelector?.matchLabels))
    .map((rule) => ({ rule, host: ruleHost(rule, lookup.clusterDomain), visibility: ruleVisibility(rule) }))
    .filter(({ host }) => hostCovers(host, lookup.host));
  const within = (namespace: string) =>
    candidates.filter(({ rule }) => (rule.metadata.namespace ?? "") === namespace);
  const exported = (namespace: string) => {
    const group = mostSpecific(
      within(namespace).filter(({ visibility }) => !isPrivate(visibility, namespace)),
    );
    return merge(group.filter(({ visibility }) => isVisible(visibility, client)));
  };
  const { rootNamespace, serviceNamespace } = lookup;
  // In the root namespace live rules for the whole mesh: for its own clients only what is private there comes first,
  // so that a mesh-wide wildcard does not hide what the service's owner says.
  const own = within(client).filter(
    ({ visibility }) => client !== rootNamespace || isPrivate(visibility, client),
  );
  return merge(mostSpecific(own)) ?? exported(serviceNamespace) ?? exported(rootNamespace);
}

interface Candidate {
  readonly rule: DestinationRule;
  readonly host: string;
  readonly visibility: Visibility;
}

function ruleVisibility(rule: DestinationRule): Visibility {
  return visibilityOf(rule.spec?.exportTo, rule.metadata.namespace ?? "");
}

function mostSpecific(candidates: readonly Candidate[]): Candidate[] {
  const [best] = candidates.map(({ host }) => host).sort(bySpecificity);
  return candidates.filter(({ host }) => host === best);
}

/**
 * Rules of one host as one: subsets one after the other, of one name the oldest; the traffic policy of the first that
 * has one. Rules that differ in `exportTo` are not merged; of those that are left, the youngest group holds, as in
 * Istio.
 */
function merge(candidates: readonly Candidate[]): MergedRule | undefined {
  const sorted = [...candidates].sort((a, b) => byAge(a.rule, b.rule));
  const groups = Map.groupBy(sorted, ({ visibility }) => visibilityText(visibility));
  const group = [...groups.values()].at(-1);
  if (group === undefined) return undefined;
  const rules = group.map(({ rule }) => rule);
  const subsets = new Map<string, SubsetSpec>();
  for (const rule of rules)
    for (const subset of rule.spec?.subsets ?? [])
      if (!subsets.has(subset.name)) subsets.set(subset.name, subset);
  const trafficPolicy = rules.find((rule) => rule.spec?.trafficPolicy)?.spec?.trafficPolicy;
  return { subsets: [...subsets.values()], ...(trafficPolicy && { trafficPolicy }), rules };
}
