import { describe, expect, it } from "vitest";
import type { RetryPolicy } from "../../crds/service-config.ts";
import { type Answer, coversAnswer, coversFailure, type Failure } from "./covers.ts";
import { planRetries } from "./plan.ts";

const plan = (retryOn: string[], fields: Partial<RetryPolicy> = {}) =>
  planRetries({
    attempts: 2,
    retryOn,
    retriableStatusCodes: [],
    backoffMs: 25,
    retryRemoteLocalities: false,
    ignorePreviousHosts: true,
    ...fields,
  });

const answer = (
  status: number,
  { grpc, headers = {}, named }: { grpc?: string; headers?: Record<string, string>; named?: string } = {},
): Answer => ({
  status,
  grpcStatus: grpc,
  header: (name) => headers[name],
  retriableHeaders: () => named,
});

describe("a try without a response is repeated", () => {
  const all: Failure[] = ["connect-failure", "refused-stream", "reset", "timeout"];
  it.each<[string, Failure[]]>([
    ["5xx", all],
    ["gateway-error", all],
    ["reset", all],
    ["connect-failure", ["connect-failure"]],
    ["reset-before-request", ["connect-failure"]],
    ["refused-stream", ["refused-stream"]],
    ["retriable-4xx", []],
    ["retriable-status-codes", []],
    ["retriable-headers", []],
    ["envoy-ratelimited", []],
    ["unavailable", []],
    ["http3-post-connect-failure", []],
    ["unknown-condition", []],
  ])("on %s after %j", (condition, expected) => {
    expect(all.filter((failure) => coversFailure(plan([condition]), failure))).toEqual(expected);
  });
});

describe("a response is repeated", () => {
  const limited = { "x-envoy-ratelimited": "true" };
  it.each<[condition: string, answer: Answer, repeated: boolean]>([
    ["5xx", answer(500), true],
    ["5xx", answer(599), true],
    ["5xx", answer(499), false],
    ["gateway-error", answer(500), false],
    ["gateway-error", answer(502), true],
    ["gateway-error", answer(503), true],
    ["gateway-error", answer(504), true],
    ["gateway-error", answer(505), false],
    ["retriable-4xx", answer(409), true],
    ["retriable-4xx", answer(404), false],
    ["reset", answer(503), false],
    ["connect-failure", answer(503), false],
    ["cancelled", answer(200, { grpc: "1" }), true],
    ["deadline-exceeded", answer(200, { grpc: "4" }), true],
    ["resource-exhausted", answer(200, { grpc: "8" }), true],
    ["internal", answer(200, { grpc: "13" }), true],
    ["unavailable", answer(200, { grpc: "14" }), true],
    ["unavailable", answer(200, { grpc: "13" }), false],
    ["unavailable", answer(503), false],
    ["envoy-ratelimited", answer(429, { headers: limited }), true],
    ["envoy-ratelimited", answer(429), false],
    ["5xx", answer(503, { headers: limited }), false],
    ["retriable-headers", answer(200, { headers: { "x-again": "1" }, named: "X-Other, X-Again" }), true],
    ["retriable-headers", answer(200, { headers: { "x-again": "1" } }), false],
    ["retriable-headers", answer(200, { named: "x-again" }), false],
    ["retriable-headers", answer(200, { headers: { "": "1" }, named: "," }), false],
    ["5xx", answer(200, { headers: { "x-again": "1" }, named: "x-again" }), false],
    ["418", answer(418), true],
    ["418", answer(500), false],
    ["unknown-condition", answer(500), false],
  ])("on %s after %j: %s", (condition, response, repeated) => {
    expect(coversAnswer(plan([condition]), response)).toBe(repeated);
  });

  it("with a status that the policy names, if it names the condition", () => {
    const named = { retriableStatusCodes: [418, 503] };
    expect(coversAnswer(plan(["retriable-status-codes"], named), answer(418))).toBe(true);
    expect(coversAnswer(plan(["retriable-status-codes"], named), answer(500))).toBe(false);
    expect(coversAnswer(plan(["5xx"], named), answer(418))).toBe(false);
  });

  it("when it is limited and the policy names both that and the status", () => {
    const both = plan(["5xx", "envoy-ratelimited"]);
    expect(coversAnswer(both, answer(503, { headers: limited }))).toBe(true);
    expect(coversAnswer(both, answer(429))).toBe(false);
  });
});
