import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { handleInject, handleValidate } from "./index.ts";
import { testSettings } from "./inject/fixtures.ts";

const settings = testSettings();
const handlers = [
  { name: "handleInject", handle: (review: unknown) => handleInject(review, settings) },
  { name: "handleValidate", handle: handleValidate },
];
const good = {
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: { uid: "u-1", operation: "CREATE", object: {} },
};

for (const { name, handle } of handlers) {
  describe(`${name} on a review that it cannot read`, () => {
    test.each([
      ["no object", null, "", "the body is not a JSON object; expected an AdmissionReview"],
      ["another kind", { ...good, kind: "Pod" }, "u-1", 'kind is "Pod"; expected "AdmissionReview"'],
      [
        "an old version",
        { ...good, apiVersion: "admission.k8s.io/v1beta1" },
        "u-1",
        'apiVersion is "admission.k8s.io/v1beta1"; expected "admission.k8s.io/v1": list v1 alone in the webhook\'s admissionReviewVersions',
      ],
      ["no request", { ...good, request: undefined }, "", "request is missing; expected an AdmissionRequest"],
      [
        "no uid",
        { ...good, request: { operation: "CREATE" } },
        "",
        "request.uid is missing or longer than 128 characters: nothing to answer to",
      ],
      [
        "an endless uid",
        { ...good, request: { uid: "u".repeat(129), operation: "CREATE" } },
        "",
        "request.uid is missing or longer than 128 characters: nothing to answer to",
      ],
      [
        "no operation",
        { ...good, request: { uid: "u-1" } },
        "u-1",
        "request.operation is missing or not a string; expected CREATE, UPDATE, DELETE or CONNECT",
      ],
    ])("%s: refuses and says what was expected", (_what, review, uid, problem) => {
      expect(handle(review)).toEqual({
        apiVersion: "admission.k8s.io/v1",
        kind: "AdmissionReview",
        response: {
          uid,
          allowed: false,
          status: { code: 400, reason: "BadRequest", message: `cannot read the AdmissionReview: ${problem}` },
        },
      });
    });

    test("never throws", () => {
      fc.assert(
        fc.property(fc.anything(), (object) => {
          expect(handle(object).response?.allowed).toBe(false);
          expect(handle({ ...good, request: { ...good.request, object } }).response?.uid).toBe("u-1");
        }),
      );
    });
  });
}
