/** The view of one snapshot: lookups, and targets made when first asked for. */
import type { IndexPort, WeightedDestination } from "../../crds/service-config.ts";
import type { WorkloadConfigStatus } from "../../crds/workload-config.ts";
import { parseIp } from "../address/cidr.ts";
import { compileEgress, type EgressFilter } from "./egress.ts";
import { ConfigError } from "./errors.ts";
import { parseAddress, parseHost } from "./names.ts";
import type { FoundEntry } from "./services/index-shard.ts";
import type { BoundRoutes } from "./services/routes.ts";
import type { ServiceIndex } from "./services/service-index.ts";
import type { InboundPolicy, MeshView, RouteRequest, Target, TcpConnection } from "./view.ts";

/** A service whose configuration is applied, as a target sees it. */
export interface LoadedService {
  readonly host: string;
  /** Bound for one port of the service. */
  bind(port: IndexPort, own: WeightedDestination): BoundRoutes;
}

export interface ViewSources {
  readonly namespace: string;
  readonly clusterDomain: string;
  readonly workload: WorkloadConfigStatus;
  readonly inbound: (port: number) => InboundPolicy;
  readonly index: ServiceIndex;
  readonly services: ReadonlyMap<string, LoadedService>;
  /** Subscribes to a service; resolves when a view that has it is in force. */
  readonly load: (key: string) => Promise<void>;
  /** The view in force when a load is done. */
  readonly current: () => MeshView | undefined;
}

/** Addresses and hosts remembered; beyond that they are looked up anew, so that no client can fill memory with names. */
const maxCached = 4096;

/** Makes the view of a snapshot. */
export function createView(sources: ViewSources): MeshView {
  const { workload, index, namespace, clusterDomain } = sources;
  const mayUse = compileEgress(workload.egress.hosts, namespace, clusterDomain);
  const targets = new Map<string, Target>();

  const targetOf = (entry: FoundEntry | undefined, port: number): Target | undefined => {
    if (entry === undefined) return undefined;
    const id = `${entry.key}:${port}`;
    const known = targets.get(id);
    if (known !== undefined) return known;
    const indexPort = entry.ports.find((each) => each.port === port);
    if (indexPort === undefined || !mayUse(entry)) return undefined;
    const target = createTarget(entry, indexPort, sources);
    targets.set(id, target);
    return target;
  };
  const byAddress = cached((address, port) => targetOf(index.byAddress(canonical(address)), port));
  const byHost = cached((text, port) => {
    const address = parseAddress(text);
    if (address !== undefined) return byAddress(address, port);
    return targetOf(findHost(text, port, sources, mayUse), port);
  });
  return Object.freeze({
    target: byAddress,
    targetByHost: byHost,
    targetsByPort: (port: number) => index.byPort(port).flatMap((entry) => targetOf(entry, port) ?? []),
    inbound: sources.inbound,
    trustDomain: workload.trustDomain,
    trustBundle: workload.trustBundle,
    egress: workload.egress,
    workload: workload.workload,
    telemetry: workload.telemetry,
  });
}

function findHost(
  text: string,
  port: number,
  { namespace, clusterDomain, index }: ViewSources,
  mayUse: EgressFilter,
): FoundEntry | undefined {
  const name = parseHost(text, port, namespace, clusterDomain);
  if (name === undefined) return undefined;
  for (const candidate of name.candidates) {
    const entry = index.byName(candidate.namespace, candidate.name);
    if (entry !== undefined && (!candidate.pod || entry.headless === true) && mayUse(entry)) return entry;
  }
  return index.byHost(name.host);
}

/** Addresses in the index are as Kubernetes writes them; a socket may report IPv4 mapped into IPv6. */
function canonical(address: string): string {
  if (!address.startsWith("::ffff:")) return address;
  const bytes = parseIp(address);
  return bytes?.length === 4 ? bytes.join(".") : address;
}

function createTarget(entry: FoundEntry, indexPort: IndexPort, sources: ViewSources): Target {
  const service = sources.services.get(entry.key);
  const { port, protocol } = indexPort;
  const host =
    service?.host ?? entry.hosts?.[0] ?? `${entry.name}.${entry.namespace}.svc.${sources.clusterDomain}`;
  const own: WeightedDestination = { host, key: entry.key, port, subset: "", weight: 1 };
  const bound = service?.bind(indexPort, own);
  const notLoaded = (): never => {
    throw new ConfigError(
      "WEFT_CONFIG_NOT_LOADED",
      `${host}:${port} was asked for a route before it was loaded`,
    );
  };
  const target: Target = {
    host,
    service: entry.hosts === undefined ? entry.name : host,
    namespace: entry.namespace,
    port,
    protocol,
    headless: entry.headless === true,
    external: entry.hosts !== undefined,
    loaded: bound !== undefined,
    async load() {
      if (bound !== undefined) return target;
      await sources.load(entry.key);
      const name =
        entry.hosts === undefined ? `${entry.name}.${entry.namespace}.svc.${sources.clusterDomain}` : host;
      const loaded = sources.current()?.targetByHost(name, port);
      if (loaded?.loaded !== true) {
        throw new ConfigError(
          "WEFT_CONFIG_NOT_LOADED",
          `${host}:${port} left the index while it was being loaded`,
        );
      }
      return loaded;
    },
    route: (request: RouteRequest) => bound?.route(request) ?? notLoaded(),
    tcp: (connection: TcpConnection) => (bound ?? notLoaded()).tcp(connection),
  };
  return Object.freeze(target);
}

/** Remembers answers, absent ones too, by text and port. */
function cached<T>(
  find: (text: string, port: number) => T | undefined,
): (text: string, port: number) => T | undefined {
  let byPort = new Map<number, Map<string, T | null>>();
  let size = 0;
  return (text, port) => {
    const known = byPort.get(port)?.get(text);
    if (known !== undefined) return known ?? undefined;
    const found = find(text, port);
    if (size >= maxCached) {
      byPort = new Map();
      size = 0;
    }
    let texts = byPort.get(port);
    if (texts === undefined) {
      texts = new Map();
      byPort.set(port, texts);
    }
    texts.set(text, found ?? null);
    size++;
    return found;
  };
}
