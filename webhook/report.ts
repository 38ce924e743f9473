import { show } from "./json.ts";
import { type AdmissionReview, type GroupVersionKind, respond, type StatusCause } from "./review.ts";

/** The causes Kubernetes knows (`metav1.CauseType`): kubectl and client libraries tell them apart. */
export type Reason =
  | "FieldValueInvalid"
  | "FieldValueRequired"
  | "FieldValueForbidden"
  | "FieldValueNotSupported"
  | "FieldValueDuplicate";

/** One thing that is wrong: where, of which sort, and what was found and expected. */
export interface FieldError {
  /** e.g. `spec.http[0].route[1].weight`, `spec.http[0].match[0].headers[x-user].exact`. */
  readonly field: string;
  readonly reason: Reason;
  /** Worded as the API server words its own: `Invalid value: -3: must be …`. Stands alone without the field. */
  readonly message: string;
}

/** All that can be said about one object. */
export interface ValidationResult {
  readonly errors: readonly FieldError[];
  readonly warnings: readonly string[];
}

/** kubectl prints warnings on one line each; the API server cuts off longer ones. */
const longestWarning = 120;
const mostWarnings = 20;
/** Bounds the answer: nobody reads more, and an object may hold thousands of mistakes. */
const mostErrors = 100;

/** Collects what is wrong with one object, so that everything is told at once. */
export class Report implements ValidationResult {
  readonly errors: FieldError[] = [];
  readonly warnings: string[] = [];
  /** A field may be looked at more than once; what is wrong with it is said once. */
  readonly #told = new Set<string>();

  /** The value is of the right sort but wrong; `expected` completes "must be …" or is a sentence of its own. */
  invalid(field: string, found: unknown, expected: string): void {
    this.#add(field, "FieldValueInvalid", `Invalid value: ${show(found)}: ${expected}`);
  }

  required(field: string, expected: string): void {
    this.#add(field, "FieldValueRequired", `Required value: ${expected}`);
  }

  forbidden(field: string, why: string): void {
    this.#add(field, "FieldValueForbidden", `Forbidden: ${why}`);
  }

  notSupported(field: string, found: unknown, supported: readonly string[]): void {
    const list = supported.map((value) => JSON.stringify(value)).join(", ");
    this.#add(
      field,
      "FieldValueNotSupported",
      `Unsupported value: ${show(found)}: supported values: ${list}`,
    );
  }

  duplicate(field: string, found: unknown, why = ""): void {
    const tail = why === "" ? "" : `: ${why}`;
    this.#add(field, "FieldValueDuplicate", `Duplicate value: ${show(found)}${tail}`);
  }

  /** Admitted, but worth a line on the user's terminal. */
  warn(message: string): void {
    if (this.warnings.length >= mostWarnings) return;
    const short = message.length > longestWarning ? `${message.slice(0, longestWarning - 3)}...` : message;
    if (!this.warnings.includes(short)) this.warnings.push(short);
  }

  get ok(): boolean {
    return this.errors.length === 0;
  }

  #add(field: string, reason: Reason, message: string): void {
    if (this.errors.length > mostErrors) return;
    const told = `${field}\n${message}`;
    if (this.#told.has(told)) return;
    this.#told.add(told);
    if (this.errors.length < mostErrors) this.errors.push({ field, reason, message });
    else {
      this.errors.push({
        field: "",
        reason: "FieldValueInvalid",
        message: "there are more errors than are listed",
      });
    }
  }
}

/**
 * The refusal that kubectl prints as `The KIND "NAME" is invalid:` with one bullet per cause. The message repeats
 * them for controllers, whose events show nothing else.
 */
export function refuseInvalid(
  uid: string,
  kind: GroupVersionKind,
  name: string,
  result: ValidationResult,
): AdmissionReview {
  const causes: StatusCause[] = result.errors.map(({ reason, field, message }) => ({
    reason,
    field,
    message,
  }));
  const listed = causes.map(({ field, message }) => (field === "" ? message : `${field}: ${message}`));
  const summary = listed.length === 1 ? listed[0] : `[${listed.join(", ")}]`;
  return respond({
    uid,
    allowed: false,
    status: {
      code: 422,
      reason: "Invalid",
      message: `${kind.kind} ${JSON.stringify(name)} is invalid: ${summary}`,
      details: { group: kind.group, kind: kind.kind, name, causes },
    },
    ...(result.warnings.length > 0 ? { warnings: result.warnings } : {}),
  });
}
