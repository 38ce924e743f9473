/** A service's endpoints: its EndpointSlices joined with the pods and nodes behind them. */
import type { Endpoint } from "../../crds/service-config.ts";
import type { EndpointSlice, Node, Pod, Service, SliceEndpoint } from "./inputs.ts";
import type { Labels } from "./labels.ts";
import { keyOf } from "./names.ts";
import { compareText } from "./order.ts";
import { modeOfPort, type PeerModes } from "./peer-authentication.ts";
import { hasSidecar, identityOf, localityOf, workloadOf } from "./pods.ts";
import { tcpPorts } from "./protocol.ts";

/** The label by which an EndpointSlice names its Service. */
export const serviceNameLabel = "kubernetes.io/service-name";

/** What an endpoint is joined with. */
export interface EndpointContext {
  readonly trustDomain: string;
  readonly pod: (key: string) => Pod | undefined;
  readonly node: (name: string) => Node | undefined;
  readonly modes: (pod: Pod) => PeerModes;
  /** Labels to keep beside `app` and `version`: those that subsets and locality priorities use. */
  readonly labelKeys: ReadonlySet<string>;
}

/** Endpoints by address; of an address in two slices (allowed while one is being moved) the ports are put together. */
export function endpointsOf(
  service: Service,
  slices: readonly EndpointSlice[],
  context: EndpointContext,
): Endpoint[] {
  const byAddress = new Map<string, Joined>();
  for (const slice of [...inPrimaryFamily(service, slices)].sort(byName)) {
    const ports = portsOf(service, slice);
    if (ports.length === 0) continue;
    for (const source of slice.endpoints ?? []) {
      const address = source.addresses[0];
      const state = stateOf(source);
      if (address === undefined || state === "gone") continue;
      const known = byAddress.get(address);
      if (known === undefined) {
        byAddress.set(address, { address, ready: state === "ready", ports, source, slice });
      } else {
        known.ready ||= state === "ready";
        known.ports = mergePorts(known.ports, ports);
      }
    }
  }
  return [...byAddress.values()]
    .sort((a, b) => compareText(a.address, b.address))
    .map((joined) => endpoint(joined, context));
}

type Ports = readonly { readonly port: number; readonly target: number }[];

interface Joined {
  readonly address: string;
  ready: boolean;
  ports: Ports;
  readonly source: SliceEndpoint;
  readonly slice: EndpointSlice;
}

/** A dual-stack service has every pod twice; the slices of its first family say it all. */
function inPrimaryFamily(service: Service, slices: readonly EndpointSlice[]): readonly EndpointSlice[] {
  const family = service.spec?.ipFamilies?.[0];
  const addressed = slices.filter((slice) => slice.addressType !== "FQDN");
  const primary = addressed.filter((slice) => slice.addressType === family);
  return primary.length > 0 ? primary : addressed;
}

function byName(a: EndpointSlice, b: EndpointSlice): number {
  return compareText(a.metadata.name, b.metadata.name);
}

/** The service's ports as this slice has them, matched by name. */
function portsOf(service: Service, slice: EndpointSlice): Ports {
  const targets = new Map<string, number>();
  for (const { name, port, protocol } of slice.ports ?? [])
    if (port && (protocol ?? "TCP") === "TCP") targets.set(name ?? "", port);
  return tcpPorts(service.spec?.ports)
    .flatMap(({ name, port }) => {
      const target = targets.get(name ?? "");
      return target === undefined ? [] : [{ port, target }];
    })
    .sort((a, b) => a.port - b.port);
}

function mergePorts(a: Ports, b: Ports): Ports {
  const added = b.filter(({ port }) => !a.some((known) => known.port === port));
  return [...a, ...added].sort((x, y) => x.port - y.port);
}

/**
 * `ready` takes new requests. `draining` is terminating and still serving: of use only when nothing is ready
 * (KEP-1669). Anything else is gone, or not there yet. Absent conditions mean ready, as the API says.
 */
function stateOf({ conditions }: SliceEndpoint): "ready" | "draining" | "gone" {
  const { ready, serving, terminating } = conditions ?? {};
  if (ready ?? true) return "ready";
  return terminating === true && serving === true ? "draining" : "gone";
}

function endpoint({ address, ready, ports, source, slice }: Joined, context: EndpointContext): Endpoint {
  const { targetRef } = source;
  const isPod = targetRef?.kind === "Pod" && targetRef.name !== undefined;
  const namespace = targetRef?.namespace ?? slice.metadata.namespace ?? "";
  const pod = isPod ? context.pod(keyOf({ namespace, name: targetRef.name ?? "" })) : undefined;
  return described({ address, ready, ports }, pod, source, context);
}

/** A pod as an endpoint without an EndpointSlice that speaks of it; undefined while it has no address. */
export function podEndpoint(
  pod: Pod,
  ports: Endpoint["ports"],
  ready: boolean,
  context: EndpointContext,
): Endpoint | undefined {
  const address = pod.status?.podIP;
  return address ? described({ address, ready, ports }, pod, {}, context) : undefined;
}

function described(
  { address, ready, ports }: Pick<Endpoint, "address" | "ready" | "ports">,
  pod: Pod | undefined,
  source: Pick<SliceEndpoint, "nodeName" | "zone">,
  context: EndpointContext,
): Endpoint {
  const node = source.nodeName ?? pod?.spec?.nodeName;
  const locality = localityOf(pod, node === undefined ? undefined : context.node(node), source.zone);
  return {
    address,
    ports,
    ready,
    ...security(pod, ports, context),
    labels: prunedLabels(pod?.metadata.labels, context.labelKeys),
    ...(pod && { workload: workloadOf(pod).name }),
    ...(locality !== undefined && { locality }),
    weight: 1,
    ...(node ? { node } : {}),
  };
}

/** Mutual TLS with a sidecar, save for the ports where the effective PeerAuthentication turns it off. */
function security(
  pod: Pod | undefined,
  ports: Ports,
  context: EndpointContext,
): Pick<Endpoint, "identity" | "mtls" | "plaintextPorts"> {
  if (pod === undefined || !hasSidecar(pod)) return { mtls: false };
  const modes = context.modes(pod);
  const targets = [...new Set(ports.map(({ target }) => target))].sort((a, b) => a - b);
  const plaintext = targets.filter((target) => modeOfPort(modes, target) === "DISABLE");
  const mtls = plaintext.length < targets.length;
  return {
    identity: identityOf(pod, context.trustDomain),
    mtls,
    ...(mtls && plaintext.length > 0 && { plaintextPorts: plaintext }),
  };
}

const keptLabels: ReadonlySet<string> = new Set(["app", "version"]);

/** The labels that anybody goes by. */
export function prunedLabels(labels: Labels | undefined, keys: ReadonlySet<string>): Record<string, string> {
  const all = Object.entries(labels ?? {});
  return Object.fromEntries(all.filter(([key]) => keptLabels.has(key) || keys.has(key)));
}
