import { messageOf, TransientError, ValidationError } from "../kube/index.ts";
import { NameTakenError } from "./apply.ts";
import { holderOfRevision, type Installation } from "./installation.ts";
import type { ReconciledReason } from "./reasons.ts";
import type { Observation } from "./status.ts";

/** A wish that cannot be fulfilled, with its reason for the condition Reconciled. */
class Refusal extends ValidationError {
  readonly reason: ReconciledReason;

  constructor(reason: ReconciledReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** The API server does not serve the kinds yet that everything else needs. */
export class DefinitionsPendingError extends TransientError {
  constructor(pending: readonly string[]) {
    super(`not served yet: ${pending.join(", ")}`, { retryAfterMs: 500 });
  }
}

/** Throws for a wish that no retry can fulfil: what the API server's own rules cannot see, or did not yet when it was stored. */
export function refuseImpossible(
  installation: Installation,
  others: readonly Installation[],
  operator: { readonly version: string; readonly operatorNamespace: string },
): void {
  const { revision, namespace, version } = installation;
  const holder = holderOfRevision(installation, others);
  if (holder !== undefined) {
    throw new Refusal(
      "Conflict",
      `spec.revision: "${revision}" is MeshInstallation ${holder.name}'s; choose another revision, or delete one of the two`,
    );
  }
  if (namespace === operator.operatorNamespace) {
    throw new Refusal(
      "Conflict",
      `spec.namespace: "${namespace}" is the operator's own; choose another, such as istio-system`,
    );
  }
  if (version !== undefined && version !== operator.version) {
    throw new Refusal(
      "UnsupportedVersion",
      `spec.version: found "${version}"; this operator installs ${operator.version}. Leave the field out, or run the operator of that version`,
    );
  }
}

/** What the condition Reconciled says of an error. */
export function describeFailure(error: unknown): Observation["reconciled"] {
  const message = messageOf(error);
  if (error instanceof Refusal) return { status: "False", reason: error.reason, message };
  if (error instanceof NameTakenError) return { status: "False", reason: "NameTaken", message };
  if (message.startsWith("not served yet"))
    return { status: "False", reason: "DefinitionsNotEstablished", message };
  return { status: "False", reason: "ReconcileFailed", message };
}
