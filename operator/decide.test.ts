import { describe, expect, it } from "vitest";
import type { KubeObject } from "../kube/index.ts";
import { decide } from "./decide.ts";
import { stamped } from "./operands/operand.ts";

const ours = { "app.kubernetes.io/managed-by": "weft-operator" };
const wanted = stamped({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "control", labels: ours },
  spec: { port: 1 },
});
const live = (
  change: Partial<KubeObject> = {},
  metadata: Partial<KubeObject["metadata"]> = {},
): KubeObject => ({
  ...structuredClone(wanted),
  ...change,
  metadata: { ...structuredClone(wanted.metadata), resourceVersion: "7", ...metadata },
});
const known = { wasApplied: true, livingOwners: new Set(["other-uid"]) };

describe("an operand", () => {
  it("that is as wanted needs nothing, whatever others added", () => {
    expect(decide(wanted, live({ status: { ok: true } }), known)).toEqual({ action: "none" });
    expect(decide(wanted, live({ spec: { port: 1, clusterIP: "198.18.0.1" } }), known)).toEqual({
      action: "none",
    });
  });

  it("that was never there is applied", () => {
    expect(decide(wanted, undefined, { ...known, wasApplied: false })).toEqual({
      action: "apply",
      because: "missing",
    });
  });

  it("that was there and is not is drift", () => {
    expect(decide(wanted, undefined, known)).toEqual({ action: "correct", difference: "deleted" });
  });

  it("that was made of another wish is applied, which is no drift", () => {
    const older = live({ spec: { port: 2 } }, { annotations: { "mesh.weft.dev/applied": "older" } });
    expect(decide(wanted, older, known)).toEqual({ action: "apply", because: "wish" });
  });

  it("that somebody changed is drift, with the field", () => {
    expect(decide(wanted, live({ spec: { port: 2 } }), known)).toEqual({
      action: "correct",
      difference: { path: "spec.port", found: 2, expected: 1 },
    });
  });

  it("that lost its label is still ours, by the record of who wrote it", () => {
    const managedFields = [{ manager: "kubectl" }, { manager: "weft-operator" }];
    expect(decide(wanted, live({}, { labels: {}, managedFields }), known)).toMatchObject({
      action: "correct",
    });
  });

  it.each<[string, Partial<KubeObject["metadata"]>, string]>([
    ["istiod's", { labels: {}, managedFields: [{ manager: "pilot-discovery" }] }, "pilot-discovery"],
    ["nobody's on record", { labels: {} }, "somebody else"],
    [
      "another installation's",
      { ownerReferences: [{ apiVersion: "a", kind: "b", name: "other", uid: "other-uid" }] },
      "MeshInstallation other",
    ],
  ])("that is %s is never overwritten", (_name, metadata, owner) => {
    expect(decide(wanted, live({ spec: { port: 2 } }, metadata), known)).toEqual({ action: "refuse", owner });
  });

  it("of an installation that is gone is taken over", () => {
    const ownerReferences = [{ apiVersion: "a", kind: "b", name: "gone", uid: "gone-uid" }];
    expect(decide(wanted, live({}, { ownerReferences }), known)).toEqual({ action: "none" });
  });
});
