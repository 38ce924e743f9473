import { describe, expect, test } from "vitest";
import { objectOf } from "./fixtures.ts";
import { handleValidate } from "./handle.ts";

const review = (object: unknown, request: Record<string, unknown> = {}) => ({
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: {
    uid: "u-1",
    operation: "CREATE",
    kind: { group: "networking.istio.io", version: "v1", kind: "VirtualService" },
    resource: { group: "networking.istio.io", version: "v1", resource: "virtualservices" },
    namespace: "shop",
    name: "payment",
    object,
    ...request,
  },
});

const route = (...weights: number[]) => ({
  hosts: ["a"],
  http: [{ route: weights.map((weight, index) => ({ destination: { host: `h${index}` }, weight })) }],
});

describe("the answer to a review", () => {
  test("a sound object is admitted, with its uid", () => {
    expect(handleValidate(review(objectOf("VirtualService", route(90, 10))))).toEqual({
      apiVersion: "admission.k8s.io/v1",
      kind: "AdmissionReview",
      response: { uid: "u-1", allowed: true },
    });
  });

  test("a suspicious one is admitted with a warning", () => {
    expect(handleValidate(review(objectOf("VirtualService", route(90, 20)))).response).toEqual({
      uid: "u-1",
      allowed: true,
      warnings: ["spec.http[0].route: the weights add up to 110, not 100; each is taken as its share of 110"],
    });
  });

  test("a wrong one is refused as Invalid, with one cause for each error, which kubectl prints as bullets", () => {
    const spec = { ...route(-5, 10), exportTo: ["a", "a"] };
    const message = 'VirtualService "payment" is invalid: [';
    expect(handleValidate(review(objectOf("VirtualService", spec))).response).toEqual({
      uid: "u-1",
      allowed: false,
      status: {
        code: 422,
        reason: "Invalid",
        message: `${message}spec.http[0].route[0].weight: Invalid value: -5: must be a whole number from 0 to 2147483647, spec.exportTo[1]: Duplicate value: "a"]`,
        details: {
          group: "networking.istio.io",
          kind: "VirtualService",
          name: "payment",
          causes: [
            {
              reason: "FieldValueInvalid",
              field: "spec.http[0].route[0].weight",
              message: "Invalid value: -5: must be a whole number from 0 to 2147483647",
            },
            { reason: "FieldValueDuplicate", field: "spec.exportTo[1]", message: 'Duplicate value: "a"' },
          ],
        },
      },
    });
  });

  test("warnings come with a refusal too", () => {
    const spec = { ...route(90, 20), exportTo: ["-"] };
    expect(handleValidate(review(objectOf("VirtualService", spec))).response?.warnings).toHaveLength(1);
  });

  test.each([
    ["the object's own name", { name: "" }, "it"],
    ["the request's name", { name: "payment" }, "payment"],
  ])("a refusal is named by %s", (_what, request, name) => {
    const { response } = handleValidate(review(objectOf("VirtualService", {}), request));
    expect(response?.status?.details?.name).toBe(name);
  });

  test.each([
    ["a deletion", { operation: "DELETE", object: null }],
    ["a status update", { operation: "UPDATE", subResource: "status" }],
  ])("%s is always admitted: a repair must not be locked out", (_what, request) => {
    expect(handleValidate(review(objectOf("VirtualService", {}), request)).response?.allowed).toBe(true);
  });

  test("an update is validated", () => {
    expect(
      handleValidate(review(objectOf("VirtualService", {}), { operation: "UPDATE" })).response?.allowed,
    ).toBe(false);
  });

  test("a dry run is answered in the same way", () => {
    const one = review(objectOf("VirtualService", route(1, -1)));
    const dry = review(objectOf("VirtualService", route(1, -1)), { dryRun: true });
    expect(handleValidate(dry)).toEqual(handleValidate(one));
  });
});
