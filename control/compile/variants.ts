/**
 * What clients of different namespaces see of one host. Nearly all see the same; only namespaces that some resource
 * speaks of can see something else, so that these are asked one by one, and everyone else once.
 */
import type { ServiceVariant, ServiceView } from "../../crds/service-config.ts";
import {
  type MergedRule,
  type RuleLookup,
  type SelectedRule,
  selectDestinationRule,
  selectedRules,
} from "./destination-rule.ts";
import { canonicalJson } from "./hash.ts";
import type { DestinationRule, VirtualService } from "./inputs.ts";
import { keyOf } from "./names.ts";
import { compareText, sortedUnique } from "./order.ts";
import { type Claim, selectVirtualService } from "./virtual-service.ts";
import { visibilityOf } from "./visibility.ts";

/** What decides for the clients of one namespace. */
export interface Selection {
  readonly virtualService: VirtualService | undefined;
  readonly rule: MergedRule | undefined;
  /** For clients by their labels; the first that fits comes before `rule`. */
  readonly selected: readonly SelectedRule[];
}

/** A client namespace that no resource can speak of. */
const anyClient = "";

/** The selection for clients in general, and for each namespace that could see another one. */
export function selections(
  claims: readonly Claim[],
  rules: readonly DestinationRule[],
  lookup: RuleLookup,
): { common: Selection; special: ReadonlyMap<string, Selection> } {
  const select = (client: string): Selection => ({
    virtualService: selectVirtualService(claims, client),
    rule: selectDestinationRule(rules, client, lookup),
    selected: selectedRules(rules, client, lookup),
  });
  const spoken = rules.flatMap((rule) => {
    const namespace = rule.metadata.namespace ?? "";
    const visibility = visibilityOf(rule.spec?.exportTo, namespace);
    return [namespace, lookup.rootNamespace, ...(visibility === "all" ? [] : visibility)];
  });
  for (const { visibility } of claims) if (visibility !== "all") spoken.push(...visibility);
  const special = sortedUnique(spoken).filter((namespace) => namespace !== anyClient);
  return { common: select(anyClient), special: new Map(special.map((client) => [client, select(client)])) };
}

/** The common view, and the views of those namespaces whose view differs, grouped where they agree. */
export function views(
  { common, special }: ReturnType<typeof selections>,
  viewOf: (selection: Selection) => ServiceView,
): { common: ServiceView; variants: ServiceVariant[] } {
  const ordinary = viewOf(common);
  const ordinaryKey = selectionKey(common);
  const others = [...special].filter(([, selection]) => selectionKey(selection) !== ordinaryKey);
  if (others.length === 0) return { common: ordinary, variants: [] };
  const ordinaryText = canonicalJson(ordinary);
  const built = new Map<string, { view: ServiceView; text: string }>();
  const groups = new Map<string, { namespaces: string[]; view: ServiceView }>();
  for (const [namespace, selection] of others) {
    const key = selectionKey(selection);
    const view = built.get(key)?.view ?? viewOf(selection);
    const text = built.get(key)?.text ?? canonicalJson(view);
    built.set(key, { view, text });
    if (text === ordinaryText) continue;
    const group = groups.get(text);
    if (group === undefined) groups.set(text, { namespaces: [namespace], view });
    else group.namespaces.push(namespace);
  }
  const variants = [...groups.values()].sort((a, b) =>
    compareText(a.namespaces[0] ?? "", b.namespaces[0] ?? ""),
  );
  return { common: ordinary, variants };
}

function selectionKey({ virtualService, rule, selected }: Selection): string {
  const keys = (of: MergedRule | undefined) => (of?.rules ?? []).map(({ metadata }) => keyOf(metadata));
  return [
    virtualService === undefined ? "" : keyOf(virtualService.metadata),
    ...keys(rule),
    ...selected.flatMap((each) => ["", ...keys(each.rule)]),
  ].join(" ");
}
