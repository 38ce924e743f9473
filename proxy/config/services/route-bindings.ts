/** A service's routes bound to clusters, port by port: made anew only when they, or clusters that they lead to, have changed. */
import type { WeightedDestination } from "../../../crds/service-config.ts";
import type { Random } from "../../balance/candidate.ts";
import type { ServiceClusters } from "./clusters.ts";
import { type BoundRoutes, bindRoutes, type CompiledRoutes } from "./routes.ts";

type ClustersOf = (key: string) => ServiceClusters | undefined;

interface Binding {
  readonly routes: CompiledRoutes;
  /** The clusters that it was made with. */
  readonly used: ReadonlyMap<string, ServiceClusters | undefined>;
  readonly bound: BoundRoutes;
}

export class RouteBindings {
  readonly #clustersOf: ClustersOf;
  readonly #random: Random;
  readonly #byPort = new Map<number, Binding>();

  constructor(clustersOf: ClustersOf, random: Random) {
    this.#clustersOf = clustersOf;
    this.#random = random;
  }

  /** `own` is the service itself: where everything goes without routes. */
  bind(routes: CompiledRoutes, port: number, own: WeightedDestination): BoundRoutes {
    const clustersOf = this.#clustersOf;
    const known = this.#byPort.get(port);
    if (
      known?.routes === routes &&
      [...known.used].every(([key, clusters]) => clustersOf(key) === clusters)
    ) {
      return known.bound;
    }
    const used = new Map<string, ServiceClusters | undefined>();
    const bound = bindRoutes(
      routes,
      own,
      (destination) => {
        const clusters = clustersOf(destination.key);
        used.set(destination.key, clusters);
        return clusters?.get(destination.port ?? clusters.defaultPort(port), destination.subset);
      },
      this.#random,
    );
    this.#byPort.set(port, { routes, used, bound });
    return bound;
  }

  clear(): void {
    this.#byPort.clear();
  }
}
