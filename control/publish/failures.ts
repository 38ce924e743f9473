import {
  ApiError,
  ConnectionError,
  isForbidden,
  isNotFound,
  TransientError,
  ValidationError,
} from "../../kube/index.ts";

/** Waits of a write that got no answer: the first writes after an outage follow within a second. */
const outageMs = 500;

/** Says what a failed write means for its key: to be tried again soon, later, or not until something changes. */
export function classify(error: unknown, random: () => number): unknown {
  if (error instanceof ConnectionError) {
    return new TransientError(error.message, { retryAfterMs: outageMs * (1 + random()), cause: error });
  }
  if (isNamespaceGoing(error)) return new ValidationError(error instanceof Error ? error.message : "");
  return error;
}

/** A namespace that is being deleted takes nothing new, and what is in it goes by itself. */
function isNamespaceGoing(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  if (isForbidden(error))
    return error.details?.causes?.some(({ reason }) => reason === "NamespaceTerminating") === true;
  return isNotFound(error) && error.details?.kind === "namespaces";
}
