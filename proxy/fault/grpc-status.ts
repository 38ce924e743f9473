/** gRPC's status codes (google.golang.org/grpc/codes) by name and by what stands for an HTTP status. */

/** In the order of their numbers. */
const NAMES = [
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
];

/** The number of a status by its name; undefined for no name of gRPC's. */
export function grpcCode(name: string | undefined): number | undefined {
  const code = name === undefined ? -1 : NAMES.indexOf(name);
  return code < 0 ? undefined : code;
}
