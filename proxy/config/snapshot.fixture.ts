import type { ServiceView } from "../../crds/service-config.ts";
import { Snapshot, type SnapshotOptions } from "./snapshot.ts";
import {
  type CompiledJson,
  destination,
  endpoint,
  endpointsObject,
  entry,
  forward,
  indexObject,
  keyOf,
  subset,
  workloadObject,
} from "./testdata.ts";
import type { MeshView, RouteRequest, Target } from "./view.ts";

/** What a client asks of `pay`. */
export const request: RouteRequest = {
  method: "GET",
  path: "/",
  authority: "pay",
  scheme: "http",
  port: 80,
  header: () => undefined,
};

/** A snapshot with a workload in the namespace `shop` and its index, and time by hand. */
export function setup(...objects: CompiledJson[]) {
  return setupWith({}, ...objects);
}

/** The same with more said of it. */
export function setupWith(options: Partial<SnapshotOptions>, ...objects: CompiledJson[]) {
  const snapshot = new Snapshot({
    namespace: "shop",
    labels: { app: "storefront" },
    clusterDomain: "cluster.local",
    random: () => 0,
    patience: { updateMs: 10_000, firstMs: 2_000 },
    load: async () => {},
    ...options,
  });
  let now = 1_000;
  const put = (...more: CompiledJson[]) => {
    for (const object of more) snapshot.put(object, object.kind);
    return snapshot.commit(now);
  };
  const current = (): MeshView => {
    const found = snapshot.view();
    if (found === undefined) throw new Error("there is no view");
    return found;
  };
  const pay = (): Target => {
    const found = current().targetByHost("pay.shop", 80);
    if (found === undefined) throw new Error("the index has no pay");
    return found;
  };
  put(workloadObject("shop", "storefront"), shopIndex(), ...objects);
  return {
    snapshot,
    put,
    current,
    pay,
    wait: (ms: number) => {
      now += ms;
      return snapshot.commit(now);
    },
    want: (name: string) => {
      snapshot.want(keyOf("shop", name));
      snapshot.commit(now);
    },
    /** Where a request goes: `subset@addresses`, or what else becomes of it. */
    lands: (): string => {
      const result = pay().route(request);
      if (result.kind !== "forward") return result.kind;
      const { service, subset: name, endpoints } = result.cluster;
      return `${service}/${name}@${endpoints.map(({ address }) => address).join()}`;
    },
  };
}

export const shopIndex = () =>
  indexObject("shop", [
    entry("shop", "pay", {
      addresses: ["198.19.0.10", "fd00::10"],
      ports: [
        { port: 80, protocol: "http" },
        { port: 9000, protocol: "tcp" },
      ],
    }),
    entry("shop", "other", { addresses: ["198.19.0.11"] }),
    entry("shop", "db", { headless: true, ports: [{ port: 5432, protocol: "tcp" }] }),
    entry("shop", "vs-1", {
      hosts: ["api.example.com", "*.example.com"],
      ports: [{ port: 80, protocol: "http" }],
    }),
  ]);

export const payEndpoints = () =>
  endpointsObject("shop", "pay", [
    endpoint("10.0.0.1", { labels: { version: "v1" } }),
    endpoint("10.0.0.2", { labels: { version: "v2" } }),
  ]);

export const versioned = (...subsets: string[]): Partial<ServiceView> => ({
  clusters: ["", ...subsets].map((name) => subset(name)),
});
export const toSubset = (name: string) => [forward(destination("shop", "pay", { subset: name }))];
