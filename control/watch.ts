/** Everything control watches, and why. */
import {
  type Client,
  type Clock,
  createInformer,
  type Informer,
  type KubeMetrics,
  type Log,
  type MetaObject,
  type Resource,
  resources,
  type Store,
} from "../kube/index.ts";
import type { Change, InputKind, Inputs, Snapshot } from "./compile/inputs.ts";
import { revisionLabel } from "./compile/names.ts";
import { accessName } from "./publish/access.ts";
import { type PublishedConfig, stripConfig } from "./publish/published.ts";
import { serviceConfigIndexers } from "./publish/publisher.ts";
import { followGroup } from "./served.ts";
import { changeOf, type InputStores, isNoise, snapshotOf } from "./snapshot.ts";
import { type Cached, stripNode, stripObject, stripPod } from "./strip.ts";

export interface ClusterWatch {
  /** Begins watching; resolves when everything that is served has been listed, our own kinds in any case. */
  start(): Promise<void>;
  hasSynced(): boolean;
  snapshot(): Snapshot;
  /** The objects of one kind that the compiler reads; none while it is not served. */
  list<K extends InputKind>(kind: K): Inputs[K][];
  /** Changes of what the compiler reads; noise is left out. */
  onChange(listener: (change: Change) => void): void;
  /** The labels of a namespace; undefined when it is not known (yet). */
  namespaceLabels(name: string): Readonly<Record<string, string>> | undefined;
  namespaceNames(): string[];
  /** Calls with the name of every namespace that came, changed or went. */
  onNamespace(listener: (name: string) => void): void;
  podByUid(uid: string): Cached<Inputs["Pod"]> | undefined;
  podsOf(namespace: string): Cached<Inputs["Pod"]>[];
  readonly serviceConfigs: Informer<PublishedConfig>;
  readonly workloadConfigs: Informer<PublishedConfig>;
  readonly roles: Informer<MetaObject>;
  readonly roleBindings: Informer<MetaObject>;
  close(): Promise<void>;
}

/** What users write, at whatever version the cluster serves: its own Istio CRDs may be older or newer than ours. */
const userKinds: readonly (readonly [group: string, plural: string, kind: InputKind])[] = [
  ["networking.istio.io", "virtualservices", "VirtualService"],
  ["networking.istio.io", "destinationrules", "DestinationRule"],
  ["networking.istio.io", "serviceentries", "ServiceEntry"],
  ["security.istio.io", "peerauthentications", "PeerAuthentication"],
  ["security.istio.io", "authorizationpolicies", "AuthorizationPolicy"],
  ["security.istio.io", "requestauthentications", "RequestAuthentication"],
  ["networking.istio.io", "envoyfilters", "EnvoyFilter"],
  ["mesh.weft.dev", "ratelimits", "RateLimit"],
];
const compiledGroup = "mesh.weft.dev";

export function createClusterWatch(options: {
  client: Client;
  revision: string;
  clock: Clock;
  random: () => number;
  log: Log;
  metrics?: KubeMetrics;
}): ClusterWatch {
  const { client, clock, log, revision } = options;
  const stop = new AbortController();
  const started: Informer<never>[] = [];
  const listeners = new Set<(change: Change) => void>();
  let synced = false;

  const informer = <T extends MetaObject>(
    resource: Resource,
    how: Omit<
      Parameters<typeof createInformer<T>>[0],
      "client" | "resource" | "clock" | "random" | "log"
    > = {},
  ) => createInformer<T>({ ...options, resource, ...how });
  const stores: { [kind: string]: Store<MetaObject> } = {};
  const input = <K extends InputKind>(
    kind: K,
    of: Informer<Cached<Inputs[K]>>,
  ): Informer<Cached<Inputs[K]>> => {
    stores[kind] = of.store;
    of.onChange((change) => {
      if (change.type === "update" && isNoise(change.old, change.object)) return;
      for (const listener of listeners) listener(changeOf(kind, change));
    });
    return of;
  };
  const follow = (of: Informer<never>): Promise<void> => {
    started.push(of);
    return of.start(stop.signal);
  };

  // Addresses, ports and protocols of services; where their endpoints are, and whether they are ready.
  const services = input("Service", informer(resources.services, { transform: stripObject }));
  const slices = input("EndpointSlice", informer(resources.endpointSlices, { transform: stripObject }));
  // Workloads with a sidecar, identities, labels for subsets; by uid for certificates while the API server is away.
  const pods = input(
    "Pod",
    informer<Cached<Inputs["Pod"]>>(resources.pods, {
      transform: stripPod,
      indexers: {
        uid: ({ metadata }) => [metadata.uid ?? ""],
        namespace: ({ metadata }) => [metadata.namespace ?? ""],
      },
    }),
  );
  // Localities.
  const nodes = input("Node", informer(resources.nodes, { metadataOnly: true, transform: stripNode }));
  // Which namespaces are injected; never an API call while a pod waits for admission.
  const namespaces = informer<MetaObject>(resources.namespaces, {
    metadataOnly: true,
    transform: stripObject,
  });
  // What is published, so that nothing is written twice and what others change is repaired.
  const labelSelector = `${revisionLabel}=${revision}`;
  const published = (plural: string, kind: string, indexers = {}) =>
    informer<PublishedConfig>(
      { group: compiledGroup, version: "v1alpha1", plural, kind, namespaced: true },
      { labelSelector, transform: stripConfig, indexers },
    );
  const serviceConfigs = published("serviceconfigs", "ServiceConfig", serviceConfigIndexers);
  const workloadConfigs = published("workloadconfigs", "WorkloadConfig");
  // The proxies' permission to read their own WorkloadConfig, in each injected namespace.
  const named = { fieldSelector: `metadata.name=${accessName}` };
  const roles = informer<MetaObject>(resources.roles, named);
  const roleBindings = informer<MetaObject>(resources.roleBindings, named);

  /** Follows the kinds of a group as they appear; resolves when those served at the first look are listed. */
  const followServed = async (
    group: string,
    plurals: readonly string[],
    open: (resource: Resource) => Informer<never>,
  ) => {
    const first: Promise<void>[] = [];
    await followGroup({
      client,
      group,
      plurals,
      clock,
      log,
      signal: stop.signal,
      onServed: (resource) => first.push(follow(open(resource))),
    });
    await Promise.all(first);
  };
  /** Without our own kinds there is nowhere to publish, so this waits until they are there. */
  const followCompiled = () =>
    new Promise<void>((resolve, reject) => {
      const open = new Map([
        ["serviceconfigs", serviceConfigs],
        ["workloadconfigs", workloadConfigs],
      ]);
      const listed: Promise<void>[] = [];
      stop.signal.addEventListener("abort", () => resolve(), { once: true });
      void followGroup({
        client,
        group: compiledGroup,
        plurals: [...open.keys()],
        clock,
        log,
        signal: stop.signal,
        onServed({ plural }) {
          const of = open.get(plural) as unknown as Informer<never>;
          open.delete(plural);
          listed.push(follow(of));
          if (open.size === 0) Promise.all(listed).then(() => resolve(), reject);
        },
      });
    });
  const userGroups = [...new Set(userKinds.map(([group]) => group))];

  return {
    async start() {
      const core = [
        services,
        slices,
        pods,
        nodes,
        namespaces,
        roles,
        roleBindings,
      ] as unknown as Informer<never>[];
      await Promise.all([
        ...core.map(follow),
        ...userGroups.map((group) => {
          const kinds = new Map(
            userKinds.filter(([g]) => g === group).map(([, plural, kind]) => [plural, kind]),
          );
          return followServed(group, [...kinds.keys()], (resource) => {
            const kind = kinds.get(resource.plural) ?? "VirtualService";
            return input(kind, informer(resource, { transform: stripObject })) as unknown as Informer<never>;
          });
        }),
        followCompiled(),
      ]);
      synced = !stop.signal.aborted;
    },
    hasSynced: () => synced && serviceConfigs.hasSynced() && workloadConfigs.hasSynced(),
    snapshot: () => snapshotOf(stores as InputStores),
    list: <K extends InputKind>(kind: K) => ((stores as InputStores)[kind]?.list() ?? []) as Inputs[K][],
    onChange: (listener) => {
      listeners.add(listener);
    },
    namespaceLabels(name) {
      const namespace = namespaces.store.get(name);
      return namespace === undefined ? undefined : (namespace.metadata.labels ?? {});
    },
    namespaceNames: () => namespaces.store.list().map(({ metadata }) => metadata.name),
    onNamespace: (listener) => {
      namespaces.onChange(({ object }) => listener(object.metadata.name));
    },
    podByUid: (uid) => pods.store.byIndex("uid", uid)[0],
    podsOf: (namespace) => pods.store.byIndex("namespace", namespace),
    serviceConfigs,
    workloadConfigs,
    roles,
    roleBindings,
    async close() {
      stop.abort();
      await Promise.all(started.map((one) => one.close()));
    },
  };
}
