/** What of a cluster outlives snapshots: its endpoints' handles, who is set aside, the balancer's tables, what is counted. */
import type { ClusterPolicy, Endpoint } from "../../crds/service-config.ts";
import { Balancer } from "../balance/balancer.ts";
import type { Random } from "../balance/candidate.ts";
import type { Place } from "../balance/locality.ts";
import { Detector } from "../outlier/detector.ts";
import { Handle } from "./endpoint.ts";
import type { ClusterCounters, OutlierReport } from "./view.ts";

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

export class ClusterState {
  readonly counters: ClusterCounters = {
    requests: 0,
    pending: 0,
    connections: 0,
    retries: 0,
    current: undefined,
    slot: undefined,
  };
  #handles = new Map<string, Handle>();
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
    const before = this.#handles;
    const handles = new Map<string, Handle>();
    let changed = false;
    for (const { endpoint, target, mtls } of reached) {
      const key = `${endpoint.address}|${target}|${mtls ? endpoint.identity : ""}|${mtls}|${endpoint.workload}`;
      let handle = handles.get(key) ?? before.get(key);
      if (handle === undefined) handle = new Handle(endpoint, target, mtls);
      else if (handle.update(endpoint)) changed = true;
      handle.watch(this.#detector);
      handles.set(key, handle);
    }
    for (const [key, handle] of before) if (!handles.has(key)) handle.remove();
    this.#handles = handles;

    const former = this.#current;
    const all = Object.freeze([...handles.values()]);
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

  /** Ends every handle: the cluster is gone. What has been counted stays, for when it comes again. */
  end(): void {
    for (const handle of this.#handles.values()) handle.remove();
    this.#handles = new Map();
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
