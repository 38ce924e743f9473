import { isObject, text } from "../json.ts";
import { refuseInvalid } from "../report.ts";
import { type AdmissionRequest, type AdmissionReview, decodeReview, respond } from "../review.ts";
import { validate } from "./validate.ts";

/**
 * Answers one review of a mesh resource: admitted, perhaps with warnings, or refused with every error as a cause.
 * Pure, and so safe for dry runs; never throws.
 */
export function handleValidate(review: unknown): AdmissionReview {
  const decoded = decodeReview(review);
  if (!decoded.ok) return decoded.refusal;
  const { request } = decoded;
  const changes = request.operation === "CREATE" || request.operation === "UPDATE";
  if (!changes || request.subResource !== "") return respond({ uid: request.uid, allowed: true });
  const result = validate(request.object, request.namespace);
  if (result.errors.length > 0) return refuseInvalid(request.uid, request.kind, nameOf(request), result);
  return respond({
    uid: request.uid,
    allowed: true,
    ...(result.warnings.length > 0 ? { warnings: result.warnings } : {}),
  });
}

function nameOf(request: AdmissionRequest): string {
  if (request.name !== "") return request.name;
  const metadata = isObject(request.object) ? request.object.metadata : undefined;
  return isObject(metadata) ? (text(metadata.name) ?? text(metadata.generateName) ?? "") : "";
}
