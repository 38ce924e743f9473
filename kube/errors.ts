import type { StatusBody, StatusDetails } from "./types.ts";

/** A request that the API server answered with a failure. `message` is the server's, prefixed with what was asked. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** HTTP status. */
  readonly status: number;
  /** metav1.StatusReason: "NotFound", "Conflict", "AlreadyExists", "Invalid", … "" when the body was no Status. */
  readonly reason: string;
  readonly details: StatusDetails | undefined;
  /** What `Retry-After` asked for. */
  readonly retryAfterMs: number | undefined;

  constructor(what: string, status: number, body: StatusBody, retryAfterMs?: number) {
    super(`${what}: ${body.message ?? `the API server answered ${status}`}`);
    this.status = status;
    this.reason = body.reason ?? "";
    this.details = body.details;
    this.retryAfterMs = retryAfterMs;
  }
}

/** A request that got no answer: refused, reset, timed out, or a certificate that does not verify. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  /** Node's error code: "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "DEPTH_ZERO_SELF_SIGNED_CERT", … */
  readonly code: string;

  constructor(what: string, cause: unknown) {
    const code = codeOf(cause);
    super(`${what}: no answer from the API server (${code}: ${messageOf(cause)})`, { cause });
    this.code = code;
  }
}

const statusIs = (error: unknown, status: number) => error instanceof ApiError && error.status === status;

export const isNotFound = (error: unknown): boolean => statusIs(error, 404);
/** The object changed since it was read, or a precondition failed. Not for AlreadyExists, which is also a 409. */
export const isConflict = (error: unknown): boolean =>
  error instanceof ApiError && error.status === 409 && error.reason !== "AlreadyExists";
export const isAlreadyExists = (error: unknown): boolean =>
  error instanceof ApiError && error.status === 409 && error.reason === "AlreadyExists";
/** The resourceVersion asked for is compacted away: list again. */
export const isGone = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 410 || error.reason === "Expired");
export const isForbidden = (error: unknown): boolean => statusIs(error, 403);
export const isInvalid = (error: unknown): boolean => statusIs(error, 422);
/** The caller's signal aborted the request. */
export const isAborted = (error: unknown): boolean => error instanceof Error && error.name === "AbortError";

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function codeOf(error: unknown): string {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "unknown";
}
