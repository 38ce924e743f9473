import { resources } from "../../kube/index.ts";
import type { Installation } from "../installation.ts";
import { controlName } from "../names.ts";
import { controlSelector } from "./deployment.ts";
import { type Operand, operand } from "./operand.ts";

/**
 * PodDisruptionBudget `control-REV`: one replica stays while nodes are drained. A control plane of one replica has
 * none to spare and must not hold up a drain for ever; proxies go on without it.
 */
export function disruptionBudgetOperand(installation: Installation): Operand {
  const { revision, control } = installation;
  return operand(installation, resources.podDisruptionBudgets, {
    name: controlName(revision),
    spec: {
      ...(control.replicas > 1 ? { minAvailable: 1 } : { maxUnavailable: 1 }),
      selector: { matchLabels: controlSelector(revision) },
    },
  });
}
