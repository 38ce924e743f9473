/**
 * Choosing the endpoint of the next request. One algorithm a file; each takes the endpoints of one snapshot and answers a
 * picker. Randomness comes in as a function, so that tests can seed it.
 */
import type { LoadBalancer } from "../../crds/service-config.ts";
import type { Candidate, Picker, Random } from "./candidate.ts";
import { leastRequest } from "./least-request.ts";
import { random } from "./random.ts";
import { roundRobin } from "./round-robin.ts";

/**
 * The picker of a policy. PASSTHROUGH connects to the original destination, which the data path knows (`Cluster.at`); where it
 * has none, any endpoint is as good. Consistent hashing takes its place here when the policy names a key.
 */
export function createPicker<T extends Candidate>(
  policy: Pick<LoadBalancer, "simple">,
  candidates: readonly T[],
  uniform: Random,
): Picker<T> {
  switch (policy.simple) {
    case "ROUND_ROBIN":
      return roundRobin(candidates, uniform);
    case "LEAST_REQUEST":
      return leastRequest(candidates, uniform);
    case "RANDOM":
    case "PASSTHROUGH":
      return random(candidates, uniform);
  }
}
