/** What is behind a ServiceEntry's host: the addresses that it lists, the pods that it selects, or its own name. */
import { isIP } from "node:net";
import type { Endpoint } from "../../crds/service-config.ts";
import type { Cluster } from "./cluster.ts";
import { type EndpointContext, podEndpoint, prunedLabels } from "./endpoints.ts";
import { type External, tcpPortsOf } from "./external.ts";
import { isWildcard } from "./hosts.ts";
import type { Pod, ServiceEntry } from "./inputs.ts";
import type { WorkloadEntrySpec } from "./istio.ts";
import { type Labels, selects } from "./labels.ts";
import { compareText } from "./order.ts";
import { isReady, spiffeId, tlsModeOf } from "./pods.ts";
import { validPort } from "./ports.ts";

/** As decoders take it. */
const mostWeight = 1_000_000;

/** In order; none where the dialled address is the endpoint. */
export function externalEndpoints(
  cluster: Cluster,
  external: External,
  context: EndpointContext,
): Endpoint[] {
  if (external.resolution === "NONE") return [];
  return external.entries
    .flatMap((entry) => endpointsOf(cluster, external, entry, context))
    .filter(({ ports }) => ports.length > 0)
    .sort((a, b) => compareText(a.address, b.address) || compareText(JSON.stringify(a), JSON.stringify(b)));
}

function endpointsOf(
  cluster: Cluster,
  external: External,
  entry: ServiceEntry,
  context: EndpointContext,
): Endpoint[] {
  const { endpoints = [] } = entry.spec ?? {};
  const selector = selectorOf(entry);
  const resolves = external.resolution !== "STATIC";
  if (selector !== undefined)
    return selectedPods(cluster, external.namespace, selector).flatMap((pod) => {
      const found = podEndpoint(pod, portsAt(entry, {}), isReady(pod), context);
      if (found === undefined) return [];
      const { identity: _, plaintextPorts: __, ...plain } = found;
      return external.isOutside ? { ...plain, mtls: false } : found;
    });
  if (endpoints.length > 0)
    return endpoints.flatMap((each) => {
      const found = listed(entry, each, resolves, context.labelKeys);
      return found === undefined ? [] : { ...found, ...security(external, each, context.trustDomain) };
    });
  if (!resolves || isWildcard(external.host)) return [];
  const itself = listed(entry, { address: external.host }, resolves, context.labelKeys);
  return itself === undefined ? [] : [itself];
}

/** An endpoint of the list; undefined for one that the proxies cannot call: a Unix socket, or one without an address. */
function listed(
  entry: ServiceEntry,
  { address = "", ports, labels = {}, locality, weight }: WorkloadEntrySpec,
  resolves: boolean,
  labelKeys: ReadonlySet<string>,
): Endpoint | undefined {
  const isName = isIP(address) === 0;
  if (address === "" || address.startsWith("unix:") || (isName && !resolves)) return undefined;
  return {
    address: address.toLowerCase().replace(/\.$/, ""),
    ...(isName && { dns: true }),
    ports: portsAt(entry, ports ?? {}),
    ready: true,
    mtls: false,
    labels: prunedLabels(labels, labelKeys),
    ...(locality && { locality }),
    weight: Math.min(weight || 1, mostWeight),
  };
}

/** Who has an account in the mesh has a proxy of it, unless the label says otherwise; a host outside is none of the mesh's. */
function security(
  { isOutside, namespace }: External,
  { serviceAccount, labels }: WorkloadEntrySpec,
  trustDomain: string,
): Pick<Endpoint, "identity" | "mtls"> {
  const mode = tlsModeOf(labels);
  if (isOutside || !serviceAccount || (mode !== undefined && mode !== "istio")) return { mtls: false };
  return { mtls: true, identity: spiffeId(trustDomain, namespace, serviceAccount) };
}

/** The hosts' ports at an endpoint that may have its own for their names. */
function portsAt(entry: ServiceEntry, own: Readonly<Record<string, number>>): Endpoint["ports"] {
  return tcpPortsOf(entry)
    .map(({ number, name, targetPort }) => ({
      port: number,
      target: validPort(own[name]) ?? validPort(targetPort) ?? number,
    }))
    .sort((a, b) => a.port - b.port);
}

/** The labels by which a ServiceEntry chooses pods; undefined when it does not. */
export function selectorOf({ spec }: ServiceEntry): Labels | undefined {
  return spec?.workloadSelector === undefined ? undefined : (spec.workloadSelector.labels ?? {});
}

function selectedPods(cluster: Cluster, namespace: string, selector: Labels): Pod[] {
  return [...cluster.pods.values()].filter(
    ({ metadata }) => (metadata.namespace ?? "") === namespace && selects(selector, metadata.labels),
  );
}
