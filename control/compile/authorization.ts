/** Which AuthorizationPolicies hold for a workload, written out for its proxy. */
import type {
  AuthorizationRule,
  CompiledAuthorizationPolicy,
  Operation,
  Source,
} from "../../crds/workload-config.ts";
import type { AuthorizationPolicy } from "./inputs.ts";
import type { OperationSpec, RuleSpec, SourceSpec } from "./istio.ts";
import type { Labels } from "./labels.ts";
import { compareText } from "./order.ts";
import { appliesTo } from "./policy.ts";

/** Evaluates a policy without enforcing it. */
const dryRunAnnotation = "istio.io/dry-run";

type Action = CompiledAuthorizationPolicy["action"];

/** The order in which a proxy asks them, so that a dump reads as it decides. */
const actionOrder: Readonly<Record<Action, number>> = { CUSTOM: 0, DENY: 1, ALLOW: 2, AUDIT: 3 };

/** The policies that hold, of the workload's and the root namespace's: all of them together, none overrides another. */
export function compileAuthorization(
  policies: readonly AuthorizationPolicy[],
  labels: Labels,
): { policies: CompiledAuthorizationPolicy[]; sources: AuthorizationPolicy[] } {
  const sources = policies.filter((policy) => appliesTo(policy, labels));
  const compiled = sources.map((policy) => ({
    name: policy.metadata.name,
    namespace: policy.metadata.namespace ?? "",
    ...effect(policy),
    rules: (policy.spec?.rules ?? []).map((rule) => compileRule(rule, policy.metadata.namespace ?? "")),
  }));
  compiled.sort(
    (a, b) =>
      actionOrder[a.action] - actionOrder[b.action] ||
      compareText(a.namespace, b.namespace) ||
      compareText(a.name, b.name),
  );
  return { policies: compiled, sources };
}

/**
 * What a policy does here. A dry run is only recorded, and says what it would do. CUSTOM asks an external authorizer, of which none is configured:
 * it fails closed, so that what its rules match is denied, as in Istio when a provider is unknown.
 */
function effect({
  metadata,
  spec,
}: AuthorizationPolicy): Pick<CompiledAuthorizationPolicy, "action" | "dryRun"> {
  const action = spec?.action ?? "ALLOW";
  if (metadata.annotations?.[dryRunAnnotation] === "true")
    return action === "ALLOW" || action === "DENY"
      ? { action: "AUDIT", dryRun: action }
      : { action: "AUDIT" };
  return { action: action === "CUSTOM" ? "DENY" : action };
}

function compileRule(rule: RuleSpec, namespace: string): AuthorizationRule {
  return {
    from: (rule.from ?? []).map(({ source }) => compileSource(source ?? {}, namespace)),
    to: (rule.to ?? []).map(({ operation }) => compileOperation(operation ?? {})),
    when: (rule.when ?? []).map(({ key, values, notValues }) => ({
      key,
      values: values ?? [],
      notValues: notValues ?? [],
    })),
  };
}

function compileSource(spec: SourceSpec, namespace: string): Source {
  // A service account without a namespace is one of the policy's namespace.
  const qualified = (accounts: readonly string[] | undefined) =>
    accounts?.map((account) => (account.includes("/") ? account : `${namespace}/${account}`));
  return present({
    principals: spec.principals,
    notPrincipals: spec.notPrincipals,
    requestPrincipals: spec.requestPrincipals,
    notRequestPrincipals: spec.notRequestPrincipals,
    namespaces: spec.namespaces,
    notNamespaces: spec.notNamespaces,
    serviceAccounts: qualified(spec.serviceAccounts),
    notServiceAccounts: qualified(spec.notServiceAccounts),
    ipBlocks: spec.ipBlocks,
    notIpBlocks: spec.notIpBlocks,
    remoteIpBlocks: spec.remoteIpBlocks,
    notRemoteIpBlocks: spec.notRemoteIpBlocks,
    trustDomains: spec.trustDomains,
    notTrustDomains: spec.notTrustDomains,
  });
}

function compileOperation(spec: OperationSpec): Operation {
  return present({
    hosts: spec.hosts,
    notHosts: spec.notHosts,
    ports: spec.ports,
    notPorts: spec.notPorts,
    methods: spec.methods,
    notMethods: spec.notMethods,
    paths: spec.paths,
    notPaths: spec.notPaths,
  });
}

/** Only lists with something in them: an empty one restricts nothing. */
function present<K extends string>(
  lists: Readonly<Record<K, readonly string[] | undefined>>,
): { readonly [key in K]?: readonly string[] } {
  const kept: { [key in K]?: readonly string[] } = {};
  for (const key of Object.keys(lists) as K[]) {
    const list = lists[key];
    if (list !== undefined && list.length > 0) kept[key] = list;
  }
  return kept;
}
