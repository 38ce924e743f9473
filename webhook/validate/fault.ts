import { exclusive, type Field } from "./field.ts";
import { checkDuration, checkPercent } from "./values.ts";

/** google.golang.org/grpc/codes, as Istio spells them. */
export const grpcStatuses = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const;

/** `http[].fault`: failures made on purpose. */
export function checkFault(field: Field): void {
  if (!field.present || !field.object(["delay", "abort"])) return;
  const [delay, abort] = [field.at("delay"), field.at("abort")];
  if (!delay.present && !abort.present) field.required("delay, abort or both");
  if (delay.present) checkDelay(delay);
  if (abort.present) checkAbort(abort);
}

function checkDelay(field: Field): void {
  if (!field.object(["percent", "fixedDelay", "exponentialDelay", "percentage"])) return;
  checkDuration(field.at("fixedDelay"));
  if (field.at("exponentialDelay").present) {
    field.at("exponentialDelay").forbidden("exponentialDelay is not supported; use fixedDelay");
  }
  field.at("percent").integer(0, 100);
  if (field.at("percent").present) field.at("percent").warn("is deprecated; use percentage.value");
  checkShare(field);
}

function checkAbort(field: Field): void {
  if (!field.object(["httpStatus", "grpcStatus", "http2Error", "percentage"])) return;
  const present = exclusive(field, ["httpStatus", "grpcStatus", "http2Error"]);
  if (present.length === 0) field.warn("has no effect without httpStatus or grpcStatus");
  field.at("httpStatus").integer(200, 600);
  field.at("grpcStatus").choice(grpcStatuses);
  if (field.at("http2Error").present) field.at("http2Error").forbidden("http2Error is not supported");
  checkShare(field);
}

/** Unlike a mirror's, a fault's share is 0 when it is not given: a common surprise. */
function checkShare(field: Field): void {
  checkPercent(field.at("percentage"));
  if (!field.at("percentage").present && !field.at("percent").present) {
    field.warn("has no effect: without a percentage no request is chosen");
  }
}
