export { handleInject, type NamespaceLabels } from "./inject/handle.ts";
export { type InjectionSettings, injectionSettings, type Resources } from "./inject/settings.ts";
export { workloadOf, workloadReference } from "./inject/workload.ts";
export type { FieldError, Reason, ValidationResult } from "./report.ts";
export type { AdmissionResponse, AdmissionReview } from "./review.ts";
export { handleValidate } from "./validate/handle.ts";
export { validate, validatedKinds } from "./validate/validate.ts";
