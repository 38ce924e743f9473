/** What of a cluster outlives snapshots: its endpoints' handles, who is set aside, the balancer's tables, what is counted. */
import type { ClusterPolicy, Endpoint } from "../../../crds/service-config.ts";
import { Balancer } from "../../balance/balancer.ts";
import type { Random } from "../../balance/candidate.ts";
import type { Place } from "../../balance/locality.ts";
import { Detector } from "../../outlier/detector.ts";
import type { ClusterCounters, OutlierReport } from "../view.ts";
import { Handle } from "./endpoint.ts";

/** One endpoint as a cluster reaches it. */
export interface Reached {
  readonly endpoint: Endpoint;
  readonly target: number;
  readonly mtls: boolean;
}

/** One configuration of a cluster. */
export interface Membership {
  readonly handles: readonly Handle[];
  readonly balancer: Balancer<Handle>;
}

/** Dialled addresses that are remembered. */
const maxDialled = 1024;

export class ClusterState {
  readonly counters: ClusterCounters = {
    requests: 0,
    pending: 0,
    connections: 0,
    retries: 0,
    current: undefined,
    slot: undefined,
  };
  /** By what makes each the endpoint that it is. */
  readonly #handles = new Map<string, Handle>();
  /** By the decoded endpoint: a slice that has not changed brings the same objects, and they need no key. */
  readonly #known = new Map<Endpoint, Handle>();
  /** Counts updates; handles that the last one did not name bear an older number. */
  #generation = 0;
  /** Endpoints that clients dialled themselves, the longest unused first. */
  readonly #dialled = new Map<string, Handle>();
  #detector: Detector | undefined;
  #current: Membership | undefined;
  #policy = "";

  get detector(): Detector | undefined {
    return this.#detector;
  }

  /**
   * Takes the cluster's endpoints and policy in. A pod that takes over an address has another identity or workload, and so
   * another handle: it must not inherit connections to its predecessor. Handles that are no longer named end.
   */
  update(reached: readonly Reached[], policy: ClusterPolicy, place: Place, random: Random): Membership {
    this.#detect(policy);
    this.#generation++;
    const named: Handle[] = [];
    let changed = false;
    for (const each of reached) {
      const { handle, isNew } = this.#obtain(each);
      changed ||= isNew;
      handle.watch(this.#detector);
      if (handle.generation === this.#generation) continue;
      handle.generation = this.#generation;
      named.push(handle);
    }
    const former = this.#current;
    for (const handle of former?.handles ?? [])
      if (handle.generation !== this.#generation) this.#remove(handle);

    // Not frozen: that takes JavaScriptCore a microsecond for each element, ten times all the rest.
    const all: readonly Handle[] = named;
    const balancing = JSON.stringify([policy.loadBalancer, place]);
    const same =
      former !== undefined &&
      !changed &&
      balancing === this.#policy &&
      former.balancer.sources.health === this.#detector &&
      all.length === former.handles.length &&
      all.every((handle, i) => handle === former.handles[i]);
    if (same) return former;
    this.#policy = balancing;
    const sources = {
      policy: policy.loadBalancer,
      endpoints: all,
      place,
      health: this.#detector,
      random,
    };
    this.#current = { handles: all, balancer: new Balancer(sources, former?.balancer) };
    return this.#current;
  }

  /** The handle of an endpoint, and whether balancing has not seen it so. */
  #obtain({ endpoint, target, mtls }: Reached): { readonly handle: Handle; readonly isNew: boolean } {
    const known = this.#known.get(endpoint);
    if (known?.target === target && known.mtls === mtls) return { handle: known, isNew: false };
    const key = `${endpoint.address}|${target}|${mtls ? endpoint.identity : ""}|${mtls}|${endpoint.workload}`;
    const before = this.#handles.get(key);
    const handle = before ?? new Handle(key, endpoint, target, mtls);
    if (before !== undefined) this.#forget(before);
    const isNew = handle.update(endpoint) || before === undefined;
    this.#handles.set(key, handle);
    this.#known.set(endpoint, handle);
    return { handle, isNew };
  }

  #forget(handle: Handle): void {
    if (this.#known.get(handle.endpoint) === handle) this.#known.delete(handle.endpoint);
  }

  #remove(handle: Handle): void {
    this.#forget(handle);
    this.#handles.delete(handle.key);
    handle.remove();
  }

  /** The endpoint that a dialled address is. */
  dialled(address: string, port: number): Handle {
    const key = `${address}|${port}`;
    let handle = this.#dialled.get(key);
    this.#dialled.delete(key);
    if (handle === undefined) {
      const endpoint = { address, ports: [], ready: true, mtls: false, labels: {}, weight: 1 };
      handle = new Handle(key, endpoint, port, false);
      if (this.#dialled.size >= maxDialled) this.#endDialled(1);
    }
    this.#dialled.set(key, handle);
    handle.watch(this.#detector);
    return handle;
  }

  #endDialled(count: number): void {
    for (const [key, handle] of this.#dialled) {
      if (count-- <= 0) return;
      this.#dialled.delete(key);
      handle.remove();
    }
  }

  /** Ends every handle: the cluster is gone. What has been counted stays, for when it comes again. */
  end(): void {
    for (const handle of this.#handles.values()) handle.remove();
    this.#handles.clear();
    this.#known.clear();
    this.#endDialled(this.#dialled.size);
    this.#current = undefined;
    this.counters.current = undefined;
    this.#detector = undefined;
  }

  report(cluster: string, now: number): OutlierReport | undefined {
    const detector = this.#detector;
    if (detector === undefined) return undefined;
    detector.refresh(now);
    const { ejections, ejected, panics } = detector;
    return { cluster, ejections, ejected, panics };
  }

  #detect({ outlierDetection }: ClusterPolicy): void {
    if (outlierDetection === undefined) this.#detector = undefined;
    else if (this.#detector === undefined) this.#detector = new Detector(outlierDetection);
    else this.#detector.update(outlierDetection);
  }
}

/** The states of all clusters, by name. */
export class ClusterStates {
  readonly #states = new Map<string, ClusterState>();

  of(cluster: string): ClusterState {
    let state = this.#states.get(cluster);
    if (state === undefined) {
      state = new ClusterState();
      this.#states.set(cluster, state);
    }
    return state;
  }

  /** How outlier detection stands where it is on. */
  outliers(now: number): OutlierReport[] {
    return [...this.#states].flatMap(([name, state]) => state.report(name, now) ?? []);
  }
}
