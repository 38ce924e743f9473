/**
 * Which DestinationRule a client calls a host by, in Istio's order: the client's namespace, then the service's, then
 * the root namespace. The first namespace that has a rule for the host ends the search; in it, the most specific host
 * wins, and several rules of one host are one.
 */
import { canonicalJson } from "./hash.ts";
import { bySpecificity, hostCovers, resolveHost } from "./hosts.ts";
import type { DestinationRule } from "./inputs.ts";
import type { SubsetSpec, TrafficPolicySpec } from "./istio.ts";
import { isEmpty, type Labels } from "./labels.ts";
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

/** The rule for clients of one namespace, but for those that a rule with a `workloadSelector` is for: `selectedRules`. */
export function selectDestinationRule(
  rules: readonly DestinationRule[],
  client: string,
  lookup: RuleLookup,
): MergedRule | undefined {
  const candidates = rules
    .filter((rule) => isEmpty(selectorOf(rule)))
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

/** A rule for the clients of one namespace whose workload has these labels. */
export interface SelectedRule {
  readonly labels: Labels;
  readonly rule: MergedRule;
}

/**
 * The rules with a `workloadSelector` for clients of one namespace, which is their own: of the most specific host that any
 * rule of the namespace names, oldest first. They come before every other rule; clients that none selects are called by
 * what `selectDestinationRule` finds.
 */
export function selectedRules(
  rules: readonly DestinationRule[],
  client: string,
  lookup: RuleLookup,
): SelectedRule[] {
  const own = rules
    .filter((rule) => (rule.metadata.namespace ?? "") === client)
    .map((rule) => ({ rule, host: ruleHost(rule, lookup.clusterDomain), visibility: ruleVisibility(rule) }))
    .filter(({ host }) => hostCovers(host, lookup.host));
  const selecting = mostSpecific(own).filter(({ rule }) => !isEmpty(selectorOf(rule)));
  const groups = Map.groupBy(
    selecting.sort((a, b) => byAge(a.rule, b.rule)),
    ({ rule }) => canonicalJson(selectorOf(rule)),
  );
  return [...groups.values()].flatMap((group) => {
    const rule = merge(group);
    const labels = group[0] && selectorOf(group[0].rule);
    return rule === undefined || labels === undefined ? [] : [{ labels, rule }];
  });
}

/** Rules are merged with those of the same selector alone. */
export function isForWorkloads({ rules }: MergedRule): boolean {
  return rules.some((rule) => !isEmpty(selectorOf(rule)));
}

function selectorOf(rule: DestinationRule): Labels | undefined {
  return rule.spec?.workloadSelector?.matchLabels;
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
