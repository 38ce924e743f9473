/**
 * Compiled objects in, views out. Objects are put and dropped as they come; `commit` then makes the next view of all that is
 * complete, in one step. Pure: time comes in with each commit, and what waits says until when.
 */

import type { WorkloadConfigStatus } from "../../crds/workload-config.ts";
import type { Random } from "../balance/candidate.ts";
import type { Place } from "../balance/locality.ts";
import {
  type CompiledObject,
  decodeMeta,
  decodeObject,
  indexEntry,
  type ObjectMeta,
  objectName,
} from "./decode/decode.ts";
import { encodeObject } from "./decode/encode.ts";
import { type CompiledInbound, compileInbound } from "./inbound.ts";
import { createView, type LoadedService } from "./mesh-view.ts";
import { ClusterStates } from "./services/cluster-state.ts";
import type { Patience } from "./services/patience.ts";
import type { Names, Resolved } from "./services/resolved-names.ts";
import { ServiceIndex } from "./services/service-index.ts";
import { ServiceState } from "./services/service-state.ts";
import type { AppliedObject, MeshView, OutlierReport } from "./view.ts";

export interface SnapshotOptions {
  readonly namespace: string;
  /** The pod's labels, for `sourceLabels` and its locality. */
  readonly labels: Readonly<Record<string, string>>;
  /** The node that the pod runs on. */
  readonly node?: string | undefined;
  readonly clusterDomain: string;
  readonly random: Random;
  readonly patience?: Patience;
  /** Resolves the names that endpoints have for addresses; without, they have none. */
  readonly names?: Pick<Names, "of" | "keepOnly">;
  /** Called by a target that is not loaded. */
  readonly load: (key: string) => Promise<void>;
}

const defaultPatience: Patience = { updateMs: 10_000, firstMs: 2_000 };

const unresolved: Resolved = { addresses: [], settled: true };

interface Workload {
  readonly object: CompiledObject & { readonly part: { readonly kind: "workload" } };
  readonly inbound: CompiledInbound;
}

export class Snapshot {
  readonly #options: SnapshotOptions;
  readonly #clusters = new ClusterStates();
  readonly #services = new Map<string, ServiceState>();
  /** By namespace. */
  readonly #indexParts = new Map<string, CompiledObject>();
  readonly #applied = new Map<string, AppliedObject>();
  /** Hash of what was last put, by object: an object that comes again unchanged costs nothing. */
  readonly #hashes = new Map<string, string>();
  #index: ServiceIndex;
  #workload: Workload | undefined;
  /** Where this proxy is. */
  #place: Place;
  #view: MeshView | undefined;
  #changed = false;

  constructor(options: SnapshotOptions) {
    this.#options = options;
    const { labels, node } = options;
    this.#place = { labels, node, locality: localityLabel(labels) };
    this.#index = ServiceIndex.forNamespace(options.namespace, indexEntry);
  }

  /** Takes an object of the API in. Throws ConfigError for one that cannot be read: what it would replace stays. */
  put(value: unknown, kind: ObjectMeta["kind"]): ObjectMeta {
    const meta = decodeMeta(value, kind);
    const hash = (value as { status?: { hash?: unknown } }).status?.hash;
    if (typeof hash === "string" && this.#hashes.get(objectName(meta)) === hash) return meta;
    const object = decodeObject(value, meta);
    if (object !== undefined) {
      this.#accept(object);
      this.#hashes.set(objectName(meta), object.hash);
      this.#changed = true;
    }
    return meta;
  }

  drop(meta: ObjectMeta): void {
    const name = objectName(meta);
    if (!this.#hashes.delete(name)) return;
    this.#changed = true;
    // The workload's own configuration outlives its deletion: a pod that is being deleted still serves.
    if (meta.kind === "WorkloadConfig") return;
    for (const [namespace, part] of this.#indexParts) {
      if (objectName(part.meta) !== name) continue;
      this.#indexParts.delete(namespace);
      this.#index = this.#index.without(namespace);
    }
    this.#services.get(meta.key)?.drop(name);
  }

  /** Drops what a list of some keys no longer holds: everything else of these keys is gone. */
  keepOnly(kind: ObjectMeta["kind"], names: ReadonlySet<string>, keys?: ReadonlySet<string>): void {
    for (const meta of this.#metas()) {
      if (meta.kind === kind && !names.has(objectName(meta)) && keys?.has(meta.key) !== false)
        this.drop(meta);
    }
  }

  /** Marks a service as called by this proxy's applications. True when it was not yet. */
  want(key: string): boolean {
    const state = this.#stateOf(key);
    if (state.wanted) return false;
    state.wanted = true;
    this.#changed = true;
    return true;
  }

  /** Keys of the services that are called. */
  wanted(): readonly string[] {
    return [...this.#services.values()].flatMap((state) => (state.wanted ? state.key : []));
  }

  /** Keys of the services that are called, and of those that their routes lead to: what to subscribe to. */
  dependencies(): ReadonlySet<string> {
    const keys = new Set<string>();
    for (const state of this.#services.values()) {
      if (!state.wanted) continue;
      keys.add(state.key);
      for (const key of state.destinations) keys.add(key);
    }
    return keys;
  }

  isLoaded(key: string): boolean {
    return this.#services.get(key)?.loaded !== undefined;
  }

  /** Takes in that a name resolves to something else. */
  renamed(): void {
    this.#changed = true;
  }

  /** Makes the next view if anything changed or a wait is over; true when `view()` is a new one. */
  commit(now: number): boolean {
    const deadline = this.deadline();
    if (!this.#changed && (deadline === undefined || deadline > now)) return false;
    this.#changed = false;
    for (const state of this.#services.values()) state.updateClusters(this.#portsOf(state), now);
    let rerouted = false;
    for (const state of this.#services.values()) rerouted = state.updateRoutes(now) || rerouted;
    // Subsets that only the old routes led to go with them.
    if (rerouted)
      for (const state of this.#services.values()) state.updateClusters(this.#portsOf(state), now);
    this.#options.names?.keepOnly(new Set([...this.#services.values()].flatMap(({ names }) => names)));
    this.#recordApplied(now);
    if (this.#workload === undefined) return false;
    const services = new Map<string, LoadedService>();
    for (const state of this.#services.values()) {
      if (state.loaded !== undefined) services.set(state.key, state.loaded);
    }
    const { namespace, clusterDomain, load } = this.#options;
    this.#view = createView({
      namespace,
      clusterDomain,
      load,
      services,
      index: this.#index,
      workload: this.#workload.object.part.workload,
      inbound: this.#workload.inbound.policy,
      current: () => this.#view,
    });
    return true;
  }

  view(): MeshView | undefined {
    return this.#view;
  }

  /** How outlier detection stands where it is on; `now` is the pickers'. */
  outliers(now: number): readonly OutlierReport[] {
    return this.#clusters.outliers(now);
  }

  /** When to commit again though nothing arrives, in Unix ms. */
  deadline(): number | undefined {
    let earliest: number | undefined;
    for (const { deadline } of this.#services.values()) {
      if (deadline !== undefined && (earliest === undefined || deadline < earliest)) earliest = deadline;
    }
    return earliest;
  }

  /** What is in force. */
  applied(): readonly AppliedObject[] {
    return [...this.#applied.values()];
  }

  /** Every object held, as JSON, one by one: what a restart begins with. */
  *saved(): Generator<string> {
    for (const object of this.#indexParts.values()) yield encodeObject(object);
    if (this.#workload !== undefined) yield encodeObject(this.#workload.object);
    for (const state of this.#services.values())
      for (const object of state.objects) yield encodeObject(object);
  }

  #metas(): ObjectMeta[] {
    const objects = [
      ...this.#indexParts.values(),
      ...[...this.#services.values()].flatMap((state) => state.objects),
    ];
    if (this.#workload !== undefined) objects.push(this.#workload.object);
    return objects.map(({ meta }) => meta);
  }

  #accept(object: CompiledObject): void {
    const { part, meta } = object;
    switch (part.kind) {
      case "index":
        this.#index = this.#index.with(part.index.namespace, part.index.services);
        this.#indexParts.set(part.index.namespace, object);
        return;
      case "workload":
        this.#workload = {
          object: { ...object, part },
          inbound: compileInbound(part.workload, this.#workload?.inbound),
        };
        this.#locate(part.workload);
        return;
      case "service":
      case "endpoints":
        this.#stateOf(meta.key).put(object);
    }
  }

  /** Its own label tells where the pod is, else its node. The same object while that is the same. */
  #locate({ localities, zones = [] }: WorkloadConfigStatus): void {
    const { labels, node } = this.#options;
    const here = localities?.find(({ nodes }) => node !== undefined && nodes.includes(node));
    const locality = localityLabel(labels) ?? here?.locality;
    const place = { labels, node, locality, ...(zones.length > 0 && { clients: zones }) };
    if (JSON.stringify(place) !== JSON.stringify(this.#place)) this.#place = place;
  }

  #stateOf(key: string): ServiceState {
    let state = this.#services.get(key);
    if (state === undefined) {
      const { namespace, labels, random, patience = defaultPatience } = this.#options;
      state = new ServiceState(key, {
        client: { namespace, labels },
        states: this.#clusters,
        random,
        place: () => this.#place,
        patience,
        clustersOf: (other) => this.#services.get(other)?.clusters,
        resolve: (name) => this.#options.names?.of(name) ?? unresolved,
        leadsTo: (other, subset) => [...this.#services.values()].some((each) => each.leadsTo(other, subset)),
      });
      this.#services.set(key, state);
    }
    return state;
  }

  #portsOf(state: ServiceState) {
    const id = state.identity;
    if (id === undefined) return [];
    const entry = this.#index.byName(id.namespace, id.name) ?? this.#index.byHost(id.host);
    return entry?.ports ?? [];
  }

  #recordApplied(now: number): void {
    const names = new Set<string>();
    const record = ({ meta, hash, generations }: CompiledObject) => {
      const name = objectName(meta);
      names.add(name);
      if (this.#applied.get(name)?.hash !== hash)
        this.#applied.set(name, { name, hash, generations, appliedAt: now });
    };
    if (this.#workload !== undefined) record(this.#workload.object);
    for (const object of this.#indexParts.values()) record(object);
    for (const state of this.#services.values()) for (const object of state.applied) record(object);
    for (const name of this.#applied.keys()) if (!names.has(name)) this.#applied.delete(name);
  }
}

/** What a pod's own label says of where it is; a label cannot hold a slash, so Istio writes dots. */
function localityLabel(labels: Readonly<Record<string, string>>): string | undefined {
  const text = labels["topology.istio.io/locality"] || labels["istio-locality"];
  return text?.includes("/") ? text : text?.replaceAll(".", "/");
}
