/**
 * One subscribed service: what has arrived of it, and what of that is in force.
 *
 * Endpoints and policies are in force as soon as every slice that the service part counts is in. Routes wait longer: a rule
 * may name a service or subset that is still on its way, and until it is here the old rules go on. Waiting has a bound, since
 * a rule may also name what will never come; then it answers 503, as it would at once in Istio.
 */
import type { ClusterPolicy, IndexPort, ServicePart, ServiceView } from "../../../crds/service-config.ts";
import type { Random } from "../../balance/candidate.ts";
import type { Place } from "../../balance/locality.ts";
import type { Client } from "../../route/match.ts";
import { PatternError } from "../../route/regex/pattern.ts";
import { type CompiledObject, objectName } from "../decode/decode.ts";
import { ConfigError } from "../errors.ts";
import type { LoadedService } from "../mesh-view.ts";
import type { ClusterStates } from "./cluster-state.ts";
import { ServiceClusters } from "./clusters.ts";
import { type Patience, Wait } from "./patience.ts";
import { namesOf, resolvedEndpoints } from "./resolved-endpoints.ts";
import type { Resolved } from "./resolved-names.ts";
import { RouteBindings } from "./route-bindings.ts";
import { type CompiledRoutes, compileRoutes } from "./routes.ts";

export interface ServiceContext {
  readonly client: Client;
  readonly states: ClusterStates;
  readonly random: Random;
  readonly patience: Patience;
  /** What a name that an endpoint has for an address resolves to. */
  resolve(name: string): Resolved;
  /** Where this proxy is. */
  place(): Place;
  /** The clusters of another subscribed service. */
  clustersOf(key: string): ServiceClusters | undefined;
  /** Whether routes in force, of any service, lead to this subset. */
  leadsTo(key: string, subset: string): boolean;
}

/** A service part with its routes compiled for this client. */
interface Version {
  readonly object: CompiledObject;
  readonly part: ServicePart;
  readonly routes: CompiledRoutes;
}

type Slice = CompiledObject & {
  readonly part: { readonly kind: "endpoints" };
  /** Those that its endpoints have for addresses. */
  readonly names: readonly string[];
};

export class ServiceState {
  readonly key: string;
  /** Called by this proxy's applications, not only a destination of other services' routes. */
  wanted = false;
  readonly #context: ServiceContext;
  #latest: Version | undefined;
  /** Whose routes are in force. */
  #inForce: Version | undefined;
  readonly #slices = new Map<number, Slice>();
  #clusters: ServiceClusters | undefined;
  /** What `#clusters` was made from, to see that nothing has changed. */
  #madeFrom: readonly unknown[] = [];
  /** For what its routes need. */
  readonly #wait = new Wait();
  /** Subsets that have gone while routes still led to them, and when. */
  readonly #retired = new Map<string, number>();
  readonly #bindings: RouteBindings;

  constructor(key: string, context: ServiceContext) {
    this.key = key;
    this.#context = context;
    const clustersOf = (other: string) => (other === key ? this.#clusters : context.clustersOf(other));
    this.#bindings = new RouteBindings(clustersOf, context.random);
  }

  /** Takes a part in. Throws ConfigError for routes that cannot be compiled; the former ones stay. */
  put(object: CompiledObject): void {
    const { part } = object;
    if (part.kind === "endpoints")
      this.#slices.set(part.endpoints.slice, { ...object, part, names: namesOf(part.endpoints.endpoints) });
    if (part.kind !== "service") return;
    const { client } = this.#context;
    const variant = part.service.variants.find((each) => each.namespaces.includes(client.namespace));
    try {
      const routes = compileRoutes(viewFor(client, variant?.view ?? part.service.common), client);
      this.#latest = { object, part: part.service, routes };
      this.#wait.reset();
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      throw new ConfigError("WEFT_CONFIG_MALFORMED", `${objectName(object.meta)}: ${error.message}`);
    }
  }

  /** Forgets an object by its name, whichever part it was. */
  drop(name: string): void {
    if (this.#latest !== undefined && objectName(this.#latest.object.meta) === name) this.#latest = undefined;
    for (const [number, slice] of this.#slices)
      if (objectName(slice.meta) === name) this.#slices.delete(number);
  }

  /** The service's name, namespace and host; undefined until its service part is in. */
  get identity(): Pick<ServicePart, "name" | "namespace" | "host"> | undefined {
    return this.#latest?.part;
  }

  get clusters(): ServiceClusters | undefined {
    return this.#clusters;
  }

  /** Keys of the services that its routes name, new and old. */
  get destinations(): ReadonlySet<string> {
    return new Set(
      [this.#latest, this.#inForce]
        .flatMap((version) => (version ? destinationsOf(version.routes.view) : []))
        .flatMap(({ key }) => (key === "" ? [] : key)),
    );
  }

  /** Names that its endpoints have for addresses. */
  get names(): readonly string[] {
    return [...this.#slices.values()].flatMap(({ names }) => names);
  }

  /** The service for targets; undefined until its routes are in force. */
  get loaded(): LoadedService | undefined {
    const version = this.#inForce;
    if (version === undefined || this.#clusters === undefined) return undefined;
    return {
      host: version.part.host,
      bind: (port, own) => this.#bindings.bind(version.routes, port.port, own),
    };
  }

  /** The objects that are in force. */
  get applied(): readonly CompiledObject[] {
    const version = this.#inForce ?? (this.#clusters === undefined ? undefined : this.#latest);
    return version === undefined ? [] : [version.object, ...this.#slices.values()];
  }

  /** The latest objects, in force or not: what a restart begins with. */
  get objects(): readonly CompiledObject[] {
    return [...(this.#latest === undefined ? [] : [this.#latest.object]), ...this.#slices.values()];
  }

  /** When to look again though nothing arrives, in Unix ms; undefined when nothing is waited for. */
  get deadline(): number | undefined {
    const ends = [...this.#retired.values()].map((since) => since + this.#context.patience.updateMs);
    const end = this.#wait.end(this.#patienceMs);
    if (end !== undefined) ends.push(end);
    return ends.length === 0 ? undefined : Math.min(...ends);
  }

  /** Whether its routes in force lead to a subset. */
  leadsTo(key: string, subset: string): boolean {
    const view = this.#inForce?.routes.view;
    return (
      view !== undefined && destinationsOf(view).some((each) => each.key === key && each.subset === subset)
    );
  }

  /** First step of a commit: endpoints and policies. True when clusters changed. */
  updateClusters(ports: readonly IndexPort[], now: number): boolean {
    if (this.#latest === undefined) return this.#end();
    const { part } = this.#latest;
    const slices = Array.from({ length: part.endpointSlices }, (_, i) => this.#slices.get(i));
    const answers = slices.flatMap((slice) => slice?.names ?? []).map(this.#context.resolve);
    const isWhole = !slices.includes(undefined) && answers.every(({ settled }) => settled);
    if (!isWhole && !this.#wait.isOver(now, this.#patienceMs)) return false;
    const policies = this.#policies(now);
    const place = this.#context.place();
    const madeFrom = [
      this.#latest,
      place,
      JSON.stringify(ports),
      [...this.#retired.keys()].join(),
      ...slices,
      ...answers.map(({ addresses }) => addresses),
    ];
    if (madeFrom.length === this.#madeFrom.length && madeFrom.every((each, i) => each === this.#madeFrom[i]))
      return false;
    this.#madeFrom = madeFrom;
    const listed = slices.flatMap((slice) => slice?.part.endpoints.endpoints ?? []);
    const endpoints =
      answers.length === 0
        ? listed
        : resolvedEndpoints(listed, part.resolution, (name) => this.#context.resolve(name).addresses);
    const { states, random } = this.#context;
    this.#clusters = new ServiceClusters(
      { part, policies, endpoints, ports },
      { states, place, random },
      this.#clusters,
    );
    return true;
  }

  /** Second step, when every service's clusters are up to date: routes. True when they changed. */
  updateRoutes(now: number): boolean {
    if (!this.#waits()) this.#wait.reset();
    else if (!this.#wait.goOn(now, this.#patienceMs)) return false;
    if (!this.wanted || this.#clusters === undefined || this.#inForce === this.#latest) return false;
    this.#inForce = this.#latest;
    return true;
  }

  /** Ends the handles of a service that is unsubscribed. */
  close(): void {
    this.#clusters?.close();
  }

  #waits(): boolean {
    const version = this.#latest;
    if (version === undefined) return false;
    for (let i = 0; i < version.part.endpointSlices; i++) if (!this.#slices.has(i)) return true;
    if (this.names.some((name) => !this.#context.resolve(name).settled)) return true;
    if (!this.wanted || this.#inForce === version) return false;
    return destinationsOf(version.routes.view).some(({ key, subset }) => {
      if (key === "") return false;
      const clusters = key === this.key ? this.#clusters : this.#context.clustersOf(key);
      if (clusters === undefined) return true;
      // Without older routes to go on with, a missing subset is answered as missing.
      return this.#inForce !== undefined && !(clusters.hasSubset(subset) && clusters.showsLabelsOf(subset));
    });
  }

  get #patienceMs(): number {
    const { updateMs, firstMs } = this.#context.patience;
    return this.#inForce === undefined ? firstMs : updateMs;
  }

  /** The latest policies, and for a while those of subsets that have gone but that routes in force still lead to. */
  #policies(now: number): readonly ClusterPolicy[] {
    const latest = this.#latest?.routes.view.clusters ?? [];
    const { leadsTo, patience } = this.#context;
    const gone = (this.#clusters?.sources.policies ?? []).filter(
      ({ subset }) => !latest.some((each) => each.subset === subset),
    );
    const kept = gone.filter(({ subset }) => {
      const since = this.#retired.get(subset) ?? now;
      return leadsTo(this.key, subset) && now - since < patience.updateMs;
    });
    const before = new Map(this.#retired);
    this.#retired.clear();
    for (const { subset } of kept) this.#retired.set(subset, before.get(subset) ?? now);
    return [...latest, ...kept];
  }

  #end(): boolean {
    if (this.#clusters === undefined) return false;
    this.#clusters.close();
    this.#clusters = undefined;
    this.#inForce = undefined;
    this.#wait.reset();
    this.#retired.clear();
    this.#madeFrom = [];
    this.#bindings.clear();
    return true;
  }
}

/** The view with the policies for this client's labels in place of the others', where there are such. */
function viewFor(client: Client, view: ServiceView): ServiceView {
  const own = view.selected?.find(({ labels }) =>
    Object.entries(labels).every(([key, value]) => client.labels[key] === value),
  );
  return own === undefined ? view : { ...view, clusters: own.clusters };
}

function destinationsOf(view: ServiceView): readonly { readonly key: string; readonly subset: string }[] {
  return [
    ...view.http.flatMap(({ action, mirrors }) => [
      ...(action.kind === "forward" ? action.destinations : []),
      ...mirrors,
    ]),
    ...view.tcp.flatMap((route) => route.destinations),
    ...view.tls.flatMap((route) => route.destinations),
  ];
}
