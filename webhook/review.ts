import { isObject, type JsonObject, text } from "./json.ts";

/** The one version spoken here; the webhook configurations list no other in `admissionReviewVersions`. */
export const admissionVersion = "admission.k8s.io/v1";

/** `admission.k8s.io/v1` AdmissionReview, as the API server sends it and expects it back. */
export interface AdmissionReview {
  readonly apiVersion: string;
  readonly kind: "AdmissionReview";
  readonly request?: unknown;
  readonly response?: AdmissionResponse;
}

export interface AdmissionResponse {
  readonly uid: string;
  readonly allowed: boolean;
  readonly status?: Status;
  /** Base64 of a JSON array of RFC 6902 operations. */
  readonly patch?: string;
  readonly patchType?: "JSONPatch";
  /** kubectl prints each as `Warning: …`. */
  readonly warnings?: readonly string[];
  /** The API server prefixes each key with the webhook's name in its audit log. */
  readonly auditAnnotations?: Readonly<Record<string, string>>;
}

/** `metav1.Status`, as far as a refusal needs it. */
export interface Status {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly details?: StatusDetails;
}

export interface StatusDetails {
  readonly group?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly causes: readonly StatusCause[];
}

export interface StatusCause {
  readonly reason: string;
  readonly field: string;
  readonly message: string;
}

/** What a handler needs of a request, decoded. */
export interface AdmissionRequest {
  readonly uid: string;
  readonly operation: string;
  readonly kind: GroupVersionKind;
  readonly resource: string;
  readonly subResource: string;
  readonly namespace: string;
  readonly name: string;
  readonly dryRun: boolean;
  readonly object: unknown;
}

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export type DecodedReview =
  | { readonly ok: true; readonly request: AdmissionRequest }
  | { readonly ok: false; readonly refusal: AdmissionReview };

const operations = new Set(["CREATE", "UPDATE", "DELETE", "CONNECT"]);

/** The longest uid that is echoed back: Kubernetes sends 36 characters. */
const longestUid = 128;

/** Reads an AdmissionReview, or says what is wrong with it in a review that can be sent back. */
export function decodeReview(review: unknown): DecodedReview {
  if (!isObject(review)) return malformed("", "the body is not a JSON object; expected an AdmissionReview");
  const request = isObject(review.request) ? review.request : undefined;
  const uid = text(request?.uid) ?? "";
  const echo = uid.length <= longestUid ? uid : "";
  if (review.kind !== "AdmissionReview") {
    return malformed(echo, `kind is ${quoted(review.kind)}; expected "AdmissionReview"`);
  }
  if (review.apiVersion !== admissionVersion) {
    return malformed(
      echo,
      `apiVersion is ${quoted(review.apiVersion)}; expected "${admissionVersion}": list v1 alone in the webhook's admissionReviewVersions`,
    );
  }
  if (request === undefined) return malformed("", "request is missing; expected an AdmissionRequest");
  if (echo === "") {
    return malformed(
      "",
      `request.uid is missing or longer than ${longestUid} characters: nothing to answer to`,
    );
  }
  const operation = text(request.operation) ?? "";
  if (!operations.has(operation)) {
    return malformed(
      uid,
      `request.operation is ${quoted(request.operation)}; expected CREATE, UPDATE, DELETE or CONNECT`,
    );
  }
  return { ok: true, request: decodeRequest(request, uid, operation) };
}

function decodeRequest(request: JsonObject, uid: string, operation: string): AdmissionRequest {
  const kind = isObject(request.kind) ? request.kind : {};
  const resource = isObject(request.resource) ? request.resource : {};
  return {
    uid,
    operation,
    kind: { group: text(kind.group) ?? "", version: text(kind.version) ?? "", kind: text(kind.kind) ?? "" },
    resource: text(resource.resource) ?? "",
    subResource: text(request.subResource) ?? "",
    namespace: text(request.namespace) ?? "",
    name: text(request.name) ?? "",
    dryRun: request.dryRun === true,
    object: request.object,
  };
}

/** A review that answers `uid`. */
export function respond(response: AdmissionResponse): AdmissionReview {
  return { apiVersion: admissionVersion, kind: "AdmissionReview", response };
}

/** A refusal whose message kubectl prints after `Error from server (<reason>):`. */
export function refuse(uid: string, code: number, reason: string, message: string): AdmissionReview {
  return respond({ uid, allowed: false, status: { code, reason, message } });
}

function malformed(uid: string, problem: string): DecodedReview {
  return {
    ok: false,
    refusal: refuse(uid, 400, "BadRequest", `cannot read the AdmissionReview: ${problem}`),
  };
}

function quoted(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 60)) : "missing or not a string";
}
