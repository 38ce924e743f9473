import type { Installation } from "../installation.ts";
import { deploymentOperand } from "./deployment.ts";
import { disruptionBudgetOperand } from "./disruption-budget.ts";
import type { Inputs, Operand } from "./operand.ts";
import { accessOperands } from "./rbac.ts";
import { serviceOperand } from "./service.ts";
import { settingsOperand } from "./settings.ts";
import { injectorOperand, validatorOperand } from "./webhooks.ts";

/** What an installation is made of, in the order in which it is brought up. */
export interface Desired {
  /** Everything that control needs to start. */
  readonly controlPlane: readonly Operand[];
  /** What sends the API server to control: added once control can answer. */
  readonly webhooks: readonly Operand[];
}

/** The objects of an installation; the same for the same inputs, byte for byte. */
export function desired(installation: Installation, inputs: Inputs): Desired {
  return {
    controlPlane: [
      ...accessOperands(installation),
      settingsOperand(installation, inputs),
      serviceOperand(installation),
      disruptionBudgetOperand(installation),
      deploymentOperand(installation, inputs),
    ],
    webhooks: [injectorOperand(installation, inputs), validatorOperand(installation, inputs)],
  };
}
