import { refuseInvalid } from "../report.ts";
import { type AdmissionRequest, type AdmissionReview, decodeReview, refuse, respond } from "../review.ts";
import { decide } from "./decision.ts";
import { injectPod } from "./inject.ts";
import { decodePod, type Pod } from "./pod.ts";
import type { InjectionSettings } from "./settings.ts";

/** Looks up a namespace's labels; undefined when they are not known. */
export type NamespaceLabels = (namespace: string) => Readonly<Record<string, string>> | undefined;

/** The audit annotation's key: the API server puts the webhook's name before it. */
const auditKey = "injection";

/**
 * Answers one review of a pod's creation: a patch, or no patch and why. Pure, and so safe for dry runs; never throws.
 * A pod is refused only when its own annotations cannot be honoured.
 */
export function handleInject(
  review: unknown,
  settings: InjectionSettings,
  namespaceLabels?: NamespaceLabels,
): AdmissionReview {
  const decoded = decodeReview(review);
  if (!decoded.ok) return decoded.refusal;
  const { request } = decoded;
  const { uid } = request;
  if (request.resource !== "pods" || request.subResource !== "" || request.operation !== "CREATE") {
    return skipped(uid, "only the creation of pods is injected");
  }
  const pod = decodePod(request.object, request.namespace);
  if (typeof pod === "string") return refuse(uid, 400, "BadRequest", `cannot read the pod: ${pod}`);
  const decision = decide(pod, settings, namespaceLabels?.(pod.namespace));
  if (!decision.inject) return skipped(uid, decision.reason, decision.warning);
  const injection = injectPod(pod, settings);
  if (!injection.ok) return refuseInvalid(uid, request.kind, displayName(request, pod), injection.problems);
  return respond({
    uid,
    allowed: true,
    patchType: "JSONPatch",
    patch: Buffer.from(JSON.stringify(injection.patch)).toString("base64"),
    ...(injection.warnings.length > 0 ? { warnings: injection.warnings } : {}),
    auditAnnotations: { [auditKey]: `injected revision ${settings.revision}: ${decision.reason}` },
  });
}

function skipped(uid: string, reason: string, warning?: string): AdmissionReview {
  return respond({
    uid,
    allowed: true,
    ...(warning === undefined ? {} : { warnings: [warning] }),
    auditAnnotations: { [auditKey]: `skipped: ${reason}` },
  });
}

function displayName(request: AdmissionRequest, pod: Pod): string {
  return request.name || pod.name || pod.generateName || "";
}
