import { describe, expect, it } from "vitest";
import { ApiError, ConnectionError } from "../kube/index.ts";
import { judge } from "./webhook-probe.ts";

const refusal = (status: number, message: string) => judge(new ApiError("POST /apis", status, { message }));

describe("the API server's answer to the probe", () => {
  it.each([
    [
      "the validator's own refusal",
      refusal(422, 'admission webhook "rev.validation.istio.io" denied the request: spec: Required value'),
      "True",
      "Answering",
    ],
    [
      "another webhook's refusal",
      refusal(403, 'admission webhook "policy.example.com" denied the request: no'),
      "False",
      "NotCalled",
    ],
    ["the schema's refusal", refusal(422, "VirtualService is invalid: spec.hosts"), "False", "NotCalled"],
    [
      "a webhook that cannot be called",
      refusal(500, 'failed calling webhook "rev.validation.istio.io": connection refused'),
      "False",
      "CallFailed",
    ],
    [
      "an unknown kind",
      refusal(404, "the server could not find the requested resource"),
      "False",
      "NotInstalled",
    ],
    ["no answer in time", judge(new DOMException("timed out", "TimeoutError")), "False", "NotAnswering"],
    [
      "no connection",
      judge(new ConnectionError("POST", Object.assign(new Error("refused"), { code: "ECONNREFUSED" }))),
      "Unknown",
      "NotAnswering",
    ],
  ])("%s is judged", (_name, state, status, reason) => {
    expect(state).toMatchObject({ status, reason, message: expect.stringMatching(/./) });
  });
});
