/** Which endpoints a client prefers, by where both are: Istio's `localityLbSetting`, and a Service's `trafficDistribution`. */
import type { LocalityPolicy } from "../../crds/service-config.ts";
import type { Candidate } from "./candidate.ts";

/** Where the proxy itself is. */
export interface Place {
  /** `region/zone/subzone`; undefined when nobody has told. */
  readonly locality: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly node: string | undefined;
  /** How many proxies of this one's workload there are in each zone, `region/zone`; undefined when nobody has told. */
  readonly clients?: readonly { readonly zone: string; readonly pods: number }[] | undefined;
}

export type Where = Pick<Candidate, "locality" | "labels" | "node">;

/** Endpoints in groups: by preference, each used when those before it cannot carry the load, or with a share for each. */
export interface Arrangement<T> {
  readonly sets: readonly (readonly T[])[];
  /** Relative shares of the sets; undefined when the sets are priorities. */
  readonly shares: readonly number[] | undefined;
}

/** Arranges endpoints for a client. Sets are never empty, but there may be none. */
export function arrange<T extends Where>(
  policy: LocalityPolicy | undefined,
  place: Place,
  endpoints: readonly T[],
): Arrangement<T> {
  if (policy?.enabled !== true) return flat(endpoints);
  if (policy.distribute.length > 0) return distribute(policy.distribute, place, endpoints) ?? flat(endpoints);
  const rank = rankOf(policy, place);
  return rank === undefined ? flat(endpoints) : { sets: group(endpoints, rank), shares: undefined };
}

/** The lower, the more an endpoint is preferred. Labels stand above localities, which count beside them where a rule says so. */
function rankOf(policy: LocalityPolicy, place: Place): Rank | undefined {
  const { failover, failoverPriority, zoneAware } = policy;
  const zones = zoneAware !== undefined;
  const local = place.locality === undefined ? undefined : byLocality(place.locality, failover, zones);
  if (failoverPriority.length === 0) return local;
  const labelled = byLabels(failoverPriority, place);
  if (local === undefined || (failover.length === 0 && !zones)) return labelled;
  return (endpoint) => labelled(endpoint) * LOCALITY_RANKS + local(endpoint);
}

type Rank = (endpoint: Where) => number;
/** What `byLocality` gives is less. */
const LOCALITY_RANKS = 5;

function flat<T>(endpoints: readonly T[]): Arrangement<T> {
  return { sets: endpoints.length === 0 ? [] : [endpoints], shares: undefined };
}

/** Groups by rank, lowest first; ranks that nobody has leave no gap. */
function group<T>(endpoints: readonly T[], rank: (endpoint: T) => number): readonly (readonly T[])[] {
  const sets: T[][] = [];
  for (const endpoint of endpoints) {
    const at = rank(endpoint);
    sets[at] ??= [];
    sets[at].push(endpoint);
  }
  return sets.filter((set) => set !== undefined);
}

/**
 * 0 for the same subzone, 1 zone, 2 region; 3 for other regions, where those that no rule names as the substitute are 4. Where zones
 * are balanced among themselves, the whole region is 0.
 */
function byLocality(own: string, failover: LocalityPolicy["failover"], zoneAware: boolean): Rank {
  const here = parts(own);
  const substitutes = failover.filter(({ from }) => from === here[0]).map(({ to }) => to);
  return ({ locality }) => {
    const there = parts(locality ?? "");
    const differs = there.findIndex((part, i) => part !== here[i]);
    if (differs !== 0) return differs < 0 || zoneAware ? 0 : 3 - differs;
    return substitutes.length === 0 || substitutes.includes(there[0] ?? "") ? 3 : 4;
  };
}

/** The fewer of the labels, from the first on, an endpoint shares with the client, the later it comes. */
function byLabels(priorities: readonly string[], place: Place): Rank {
  const wanted = priorities.map((text) => {
    const equals = text.indexOf("=");
    return equals < 0
      ? { key: text, value: labelOf(place, text) }
      : { key: text.slice(0, equals), value: text.slice(equals + 1) };
  });
  return (endpoint) => {
    const differs = wanted.findIndex(({ key, value }) => labelOf(endpoint, key) !== value);
    return differs < 0 ? 0 : wanted.length - differs;
  };
}

const topology: Readonly<Record<string, number>> = {
  "topology.kubernetes.io/region": 0,
  "topology.kubernetes.io/zone": 1,
  "topology.istio.io/subzone": 2,
};

/** A pod's label, or one that its node has: where it is. */
function labelOf({ labels, locality, node }: Where, key: string): string {
  if (key === "kubernetes.io/hostname") return node ?? "";
  const part = topology[key];
  return (part === undefined ? labels[key] : parts(locality ?? "")[part]) ?? "";
}

/** Shares of the rule for the client's own locality; undefined when none is for it. */
function distribute<T extends Where>(
  rules: LocalityPolicy["distribute"],
  { locality }: Place,
  endpoints: readonly T[],
): Arrangement<T> | undefined {
  if (locality === undefined) return undefined;
  const rule = rules.filter(({ from }) => covers(from, locality)).sort(bySpecificity)[0];
  if (rule === undefined) return undefined;
  const targets = Object.entries(rule.to)
    .map(([from, share]) => ({ from, share }))
    .sort(bySpecificity);
  const sets = targets.map((): T[] => []);
  for (const endpoint of endpoints) {
    const at = targets.findIndex(({ from }) => covers(from, endpoint.locality ?? ""));
    sets[at]?.push(endpoint);
  }
  const used = targets.map(({ share }, i) => ({ share, set: sets[i] ?? [] }));
  const some = used.filter(({ share, set }) => share > 0 && set.length > 0);
  return { sets: some.map(({ set }) => set), shares: some.map(({ share }) => share) };
}

/** Whether a locality is within `region[/zone[/subzone]]`, where `*` stands for the rest. */
export function covers(pattern: string, locality: string): boolean {
  const there = parts(locality);
  return steps(pattern).every((step, i) => step === there[i]);
}

function bySpecificity(a: { readonly from: string }, b: { readonly from: string }): number {
  return steps(b.from).length - steps(a.from).length;
}

function steps(pattern: string): string[] {
  const all = pattern.split("/");
  const end = all.findIndex((step) => step === "*" || step === "");
  return end < 0 ? all : all.slice(0, end);
}

/** Region, zone and subzone; "" for what is not known. */
function parts(locality: string): [string, string, string] {
  const [region = "", zone = "", subzone = ""] = locality.split("/");
  return [region, zone, subzone];
}
