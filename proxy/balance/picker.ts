/** Choosing the endpoint of the next request among equals. One algorithm a file; randomness comes in as a function. */
import type { LoadBalancer } from "../../crds/service-config.ts";
import type { Algorithm, Candidate, Random } from "./candidate.ts";
import { leastRequest } from "./least-request.ts";
import { loadTurns } from "./load-turns.ts";
import { random } from "./random.ts";
import { roundRobin } from "./round-robin.ts";
import { Warmup } from "./warmup.ts";

/**
 * The algorithm of a policy without a hash. PASSTHROUGH connects to the original destination, which the data path knows
 * (`Cluster.at`); where it has none, any endpoint is as good.
 */
export function simpleAlgorithm<T extends Candidate>(
  policy: Pick<LoadBalancer, "simple" | "backendUtilization" | "warmup">,
  uniform: Random,
): Algorithm<T> {
  const warmup = policy.warmup && new Warmup(policy.warmup);
  const { backendUtilization } = policy;
  if (backendUtilization !== undefined)
    return (all, usable) => loadTurns(all, usable, uniform, backendUtilization, warmup);
  switch (policy.simple) {
    case "ROUND_ROBIN":
      return (_all, usable) => roundRobin(usable, uniform, warmup);
    case "LEAST_REQUEST":
      return (_all, usable) => leastRequest(usable, uniform, warmup);
    case "RANDOM":
    case "PASSTHROUGH":
      return (_all, usable) => random(usable, uniform);
  }
}
