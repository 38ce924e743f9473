import { STATUS_CODES } from "node:http";
import { type Field, maxInt32 } from "./field.ts";
import { checkDuration } from "./values.ts";

/** What a retry may be for: Envoy's HTTP and gRPC names, which Istio's users write. */
export const retryConditions = [
  "5xx",
  "gateway-error",
  "reset",
  "reset-before-request",
  "connect-failure",
  "retriable-4xx",
  "refused-stream",
  "retriable-status-codes",
  "retriable-headers",
  "envoy-ratelimited",
  "http3-post-connect-failure",
  "cancelled",
  "deadline-exceeded",
  "internal",
  "resource-exhausted",
  "unavailable",
];

/** `http[].retries`. */
export function checkRetries(field: Field): void {
  const members = [
    "attempts",
    "perTryTimeout",
    "retryOn",
    "retryRemoteLocalities",
    "retryIgnorePreviousHosts",
    "backoff",
  ];
  if (!field.present || !field.object(members)) return;
  const attempts = field.at("attempts").integer(0, maxInt32);
  if (attempts === 0 || !field.at("attempts").present) {
    for (const name of ["perTryTimeout", "retryOn", "retryRemoteLocalities"]) {
      if (field.at(name).present && field.at(name).value !== "") {
        field.at(name).forbidden("has no use without attempts above 0");
      }
    }
  }
  checkDuration(field.at("perTryTimeout"));
  checkDuration(field.at("backoff"));
  field.at("retryRemoteLocalities").boolean();
  field.at("retryIgnorePreviousHosts").boolean();
  checkRetryOn(field.at("retryOn"));
}

function checkRetryOn(field: Field): void {
  const text = field.text();
  if (text === undefined || text === "") return;
  for (const condition of text.split(",")) {
    if (retryConditions.includes(condition) || isStatus(condition)) continue;
    const spaced = retryConditions.includes(condition.trim()) || isStatus(condition.trim());
    field.invalid(
      spaced
        ? `${JSON.stringify(condition)}: conditions are separated by commas without spaces`
        : `${JSON.stringify(condition.slice(0, 40))} is neither a status code nor one of ${retryConditions.join(", ")}`,
    );
  }
}

function isStatus(text: string): boolean {
  return /^[1-5][0-9]{2}$/.test(text) && STATUS_CODES[Number(text)] !== undefined;
}
