/** The `service` part of a Kubernetes service or a bare host: its routes and policies, for each kind of client. */
import type { ClusterPolicy, ServicePart, ServiceView } from "../../crds/service-config.ts";
import type { Cluster } from "./cluster.ts";
import { expandRoutes } from "./delegate.ts";
import type { RouteContext } from "./destinations.ts";
import type { External } from "./external.ts";
import { serviceHost } from "./hosts.ts";
import { httpRoutes } from "./http-route.ts";
import type { DestinationRule, Service, VirtualService } from "./inputs.ts";
import { knownService } from "./known-service.ts";
import { tcpRoutes, tlsRoutes } from "./l4-route.ts";
import { type LocalityDefault, localityDefault } from "./load-balancer.ts";
import { bareHostName, generationOf, serviceKey, splitKey } from "./names.ts";
import { sortedUnique } from "./order.ts";
import { clusterPolicies } from "./traffic-policy.ts";
import { selections, views } from "./variants.ts";

export interface CompiledPart<Part> {
  readonly part: Part;
  readonly generations: readonly string[];
}

/** The part of a Kubernetes service that has this many endpoints parts. */
export function compileServicePart(
  cluster: Cluster,
  service: Service,
  endpointSlices: number,
): CompiledPart<ServicePart> {
  const { name, namespace = "" } = service.metadata;
  const host = serviceHost(namespace, name, cluster.settings.clusterDomain);
  const rules = cluster.rules(host);
  return compilePart(cluster, { name, namespace, host, endpointSlices }, rules, localityDefault(service));
}

/** The part of a ServiceEntry's host. */
export function compileExternalPart(
  cluster: Cluster,
  { key, namespace, host, resolution, entries }: External,
  endpointSlices: number,
): CompiledPart<ServicePart> {
  const identity = { name: splitKey(key).name, namespace, host, endpointSlices };
  const compiled = compilePart(cluster, identity, cluster.rules(host), undefined);
  const { part, generations } = compiled;
  const names = sortedUnique(entries.flatMap(({ spec }) => spec?.subjectAltNames ?? []));
  const pinned = (view: ServiceView): ServiceView => (names.length === 0 ? view : withNames(view, names));
  return {
    part: {
      ...part,
      resolution,
      common: pinned(part.common),
      variants: part.variants.map((variant) => ({ ...variant, view: pinned(variant.view) })),
    },
    generations: sortedUnique([
      ...generations,
      ...entries.map(({ metadata }) => generationOf("ServiceEntry", metadata)),
    ]),
  };
}

/** What the servers are to be called, where no DestinationRule says it. */
function withNames(view: ServiceView, names: readonly string[]): ServiceView {
  const pin = (policy: ClusterPolicy): ClusterPolicy =>
    policy.tls.subjectAltNames.length > 0
      ? policy
      : { ...policy, tls: { ...policy.tls, subjectAltNames: names } };
  return {
    ...view,
    clusters: view.clusters.map(pin),
    ...(view.selected && {
      selected: view.selected.map((each) => ({ ...each, clusters: each.clusters.map(pin) })),
    }),
  };
}

/** The part of a host that is no Kubernetes service: routes alone. */
export function compileBareHostPart(
  cluster: Cluster,
  namespace: string,
  host: string,
): CompiledPart<ServicePart> {
  // It has no endpoints of its own, so that no policy could apply to them.
  return compilePart(
    cluster,
    { name: bareHostName(host), namespace, host, endpointSlices: 0 },
    [],
    undefined,
  );
}

function compilePart(
  cluster: Cluster,
  identity: Pick<ServicePart, "name" | "namespace" | "host" | "endpointSlices">,
  rules: readonly DestinationRule[],
  locality: LocalityDefault,
): CompiledPart<ServicePart> {
  const { host, namespace } = identity;
  const { rootNamespace, clusterDomain } = cluster.settings;
  const lookup = { host, serviceNamespace: namespace, rootNamespace, clusterDomain };
  const virtualServices = new Set<VirtualService>();
  const usedRules = new Set<DestinationRule>();
  const bySelection = selections(cluster.claims(host), rules, lookup);
  const { common, variants } = views(bySelection, ({ virtualService, rule, selected }): ServiceView => {
    for (const each of [rule, ...selected.map((one) => one.rule)])
      for (const used of each?.rules ?? []) usedRules.add(used);
    const routes = compileRoutes(cluster, virtualService);
    for (const used of routes.sources) virtualServices.add(used);
    return {
      http: routes.http,
      tcp: routes.tcp,
      tls: routes.tls,
      clusters: clusterPolicies(rule, locality),
      ...(selected.length > 0 && {
        selected: selected.map(({ labels, rule: own }) => ({
          labels,
          clusters: clusterPolicies(own, locality),
        })),
      }),
    };
  });
  const generations = sortedUnique([
    ...[...virtualServices].map(({ metadata }) => generationOf("VirtualService", metadata)),
    ...[...usedRules].map(({ metadata }) => generationOf("DestinationRule", metadata)),
  ]);
  return { part: { ...identity, key: serviceKey(namespace, identity.name), common, variants }, generations };
}

type Routes = Pick<ServiceView, "http" | "tcp" | "tls"> & { readonly sources: readonly VirtualService[] };

function compileRoutes(cluster: Cluster, virtualService: VirtualService | undefined): Routes {
  if (virtualService === undefined) return { http: [], tcp: [], tls: [], sources: [] };
  const { clusterDomain } = cluster.settings;
  const context: RouteContext = {
    clusterDomain,
    namespace: virtualService.metadata.namespace ?? "",
    lookup: (host) => knownService(cluster, host, virtualService.metadata.namespace ?? ""),
  };
  const { routes, delegates } = expandRoutes(
    virtualService,
    (key) => cluster.virtualServices.get(key),
    clusterDomain,
  );
  return {
    http: httpRoutes(routes, context),
    tcp: tcpRoutes(virtualService.spec?.tcp, context),
    tls: tlsRoutes(virtualService.spec?.tls, context),
    sources: [virtualService, ...delegates],
  };
}
