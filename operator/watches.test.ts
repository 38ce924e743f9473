import { describe, expect, it } from "vitest";
import { isSameContent } from "./watches.ts";

const object = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "a", namespace: "n", resourceVersion: "1", labels: { x: "y" } },
  spec: { port: 1 },
};

describe("an update of a watched object", () => {
  it.each([
    ["another version alone", { ...object, metadata: { ...object.metadata, resourceVersion: "2" } }, true],
    ["other field managers", { ...object, metadata: { ...object.metadata, managedFields: [{}] } }, true],
    ["another field", { ...object, spec: { port: 2 } }, false],
    ["another label", { ...object, metadata: { ...object.metadata, labels: {} } }, false],
    ["another status, where it is kept", { ...object, status: { available: 1 } }, false],
    ["a deletion begun", { ...object, metadata: { ...object.metadata, deletionTimestamp: "now" } }, false],
  ])("with %s is told apart", (_name, next, same) => {
    expect(isSameContent(object, next)).toBe(same);
  });
});
