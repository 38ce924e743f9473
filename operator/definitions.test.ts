import { describe, expect, it } from "vitest";
import type { KubeObject } from "../kube/index.ts";
import { decideDefinition, isEstablished, wantedDefinitions } from "./definitions.ts";

const definitions = wantedDefinitions();
const find = (name: string) => {
  const found = definitions.find(({ object }) => object.metadata.name === name);
  if (found === undefined) throw new Error(name);
  return found;
};
const ours = find("meshinstallations.mesh.weft.dev");
const istios = find("virtualservices.networking.istio.io");
const live = (of: { object: KubeObject }, change: (object: KubeObject) => void = () => {}) => {
  const object = structuredClone(of.object);
  change(object);
  return object;
};
const byHelm = (object: KubeObject) => {
  object.metadata.labels = { "app.kubernetes.io/managed-by": "Helm" };
  object.metadata.annotations = {};
};

describe("a CustomResourceDefinition", () => {
  it("of every kind of this release is wanted", () => {
    expect(definitions.map(({ object }) => object.metadata.name).sort()).toEqual([
      "authorizationpolicies.security.istio.io",
      "destinationrules.networking.istio.io",
      "envoyfilters.networking.istio.io",
      "meshinstallations.mesh.weft.dev",
      "peerauthentications.security.istio.io",
      "ratelimits.mesh.weft.dev",
      "requestauthentications.security.istio.io",
      "serviceconfigs.mesh.weft.dev",
      "serviceentries.networking.istio.io",
      "virtualservices.networking.istio.io",
      "workloadconfigs.mesh.weft.dev",
    ]);
  });

  it.each([
    ["missing", ours, undefined, "apply"],
    ["missing, of Istio's kinds", istios, undefined, "apply"],
    ["as wanted", ours, live(ours), "none"],
    ["as wanted, of Istio's kinds", istios, live(istios), "none"],
    ["installed by Helm for an Istio", istios, live(istios, byHelm), "leave"],
    ["ours, installed by other means", ours, live(ours, byHelm), "apply"],
    [
      "of an older release",
      istios,
      live(istios, (object) => {
        object.metadata.annotations = { "mesh.weft.dev/applied": "older" };
      }),
      "apply",
    ],
    [
      "changed by somebody",
      ours,
      live(ours, (object) => {
        (object.spec as { scope: string }).scope = "Namespaced";
      }),
      "correct",
    ],
  ] as const)("that is %s is decided upon", (_name, wanted, found, decision) => {
    expect(decideDefinition(wanted, found)).toBe(decision);
  });

  it("is established when the API server says so", () => {
    const conditions = (status: string) => ({
      ...ours.object,
      status: { conditions: [{ type: "Established", status }] },
    });
    expect(isEstablished(conditions("True"))).toBe(true);
    expect(isEstablished(conditions("False"))).toBe(false);
    expect(isEstablished(ours.object)).toBe(false);
  });
});
