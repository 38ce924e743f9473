import { describe, expect, it } from "vitest";
import type { RetryPolicy } from "../config/view.ts";
import { type Attempt, DEFAULT_RETRIES, type Ending, retryAfter } from "./retry.ts";

const policy = (retryOn: string[], fields: Partial<RetryPolicy> = {}): RetryPolicy => ({
  ...DEFAULT_RETRIES,
  retryOn,
  ...fields,
});
const fresh = (): Attempt => ({ retries: 0, reconnects: 0, tried: [] });
const status = (code: number, grpcStatus?: string): Ending => ({ status: code, grpcStatus });

describe("a retry", () => {
  const cases: [condition: string, ending: Ending, retried: boolean][] = [
    ["connect-failure", "connect-failure", true],
    ["connect-failure", "reset", false],
    ["connect-failure", status(503), false],
    ["reset", "reset", true],
    ["reset", "reset-before-response", true],
    ["reset-before-request", "reset-before-response", true],
    ["reset-before-request", "reset", false],
    ["5xx", status(500), true],
    ["5xx", status(499), false],
    ["5xx", "connect-failure", true],
    ["5xx", "reset", true],
    ["gateway-error", status(502), true],
    ["gateway-error", status(504), true],
    ["gateway-error", status(500), false],
    ["gateway-error", status(505), false],
    ["retriable-4xx", status(409), true],
    ["retriable-4xx", status(404), false],
    ["unavailable", status(200, "14"), true],
    ["unavailable", status(200, "13"), false],
    ["unavailable", status(503), false],
    ["cancelled", status(200, "1"), true],
    ["resource-exhausted", status(200, "8"), true],
    ["unknown-condition", status(500), false],
  ];
  it.each(cases)("on %s after %j: %s", (condition, ending, retried) => {
    expect(retryAfter(policy([condition]), fresh(), ending)).toBe(retried);
  });

  it("on a status is for the codes that are named", () => {
    const named = policy(["retriable-status-codes"], { retriableStatusCodes: [418] });
    expect(retryAfter(named, fresh(), status(418))).toBe(true);
    expect(retryAfter(named, fresh(), status(503))).toBe(false);
    expect(retryAfter(DEFAULT_RETRIES, fresh(), status(503))).toBe(false);
  });

  it("happens as often as allowed and no more", () => {
    const attempt = fresh();
    const results = Array.from({ length: 4 }, () => retryAfter(DEFAULT_RETRIES, attempt, "connect-failure"));
    expect(results).toEqual([true, true, false, false]);
  });

  it("never happens without a policy", () => {
    expect(retryAfter(undefined, fresh(), "connect-failure")).toBe(false);
  });
});
