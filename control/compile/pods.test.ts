import { describe, expect, it } from "vitest";
import { object, pod } from "./cluster.fake.ts";
import { hasSidecar, identityOf, isConfiguredBy, namedPort, workloadOf } from "./pods.ts";

describe("a pod's workload", () => {
  const owner = (kind: string, name: string) =>
    `ownerReferences: [{apiVersion: v1, kind: ${kind}, name: ${name}, uid: u, controller: true}]`;
  const cases: { rule: string; meta: string; kind: string; name: string }[] = [
    {
      rule: "what the injector wrote",
      meta: `name: p, annotations: {mesh.weft.dev/workload: Deployment/a}, ${owner("ReplicaSet", "b")}`,
      kind: "Deployment",
      name: "a",
    },
    {
      rule: "the Deployment of its ReplicaSet",
      meta: `name: p, labels: {pod-template-hash: 7d9}, ${owner("ReplicaSet", "pay-v2-7d9")}`,
      kind: "Deployment",
      name: "pay-v2",
    },
    {
      rule: "a ReplicaSet of its own",
      meta: `name: p, ${owner("ReplicaSet", "pay-v2")}`,
      kind: "ReplicaSet",
      name: "pay-v2",
    },
    {
      rule: "its StatefulSet",
      meta: `name: p, ${owner("StatefulSet", "db")}`,
      kind: "StatefulSet",
      name: "db",
    },
    {
      rule: "the CronJob of its Job",
      meta: `name: p, ${owner("Job", "night-29384720")}`,
      kind: "CronJob",
      name: "night",
    },
    { rule: "a Job of its own", meta: `name: p, ${owner("Job", "once")}`, kind: "Job", name: "once" },
    { rule: "itself when nobody owns it", meta: "name: p", kind: "Pod", name: "p" },
    {
      rule: "itself when the annotation makes no sense",
      meta: "name: p, annotations: {mesh.weft.dev/workload: nonsense}",
      kind: "Pod",
      name: "p",
    },
  ];
  it.each(cases)("is $rule", ({ meta, kind, name }) => {
    expect(workloadOf(object("Pod", `metadata: {${meta}}`))).toEqual({ kind, name });
  });
});

describe("a pod", () => {
  it("has a sidecar when the injector's annotation says so and no label denies it", () => {
    expect(
      hasSidecar(object("Pod", "metadata: {name: p, annotations: {sidecar.istio.io/status: '{}'}}")),
    ).toBe(true);
    expect(hasSidecar(object("Pod", "metadata: {name: p}"))).toBe(false);
    expect(hasSidecar(object("Pod", "metadata: {name: p, labels: {security.istio.io/tlsMode: istio}}"))).toBe(
      true,
    );
  });

  it("is configured by the revision that it names, or by any when it names none", () => {
    const named = object(
      "Pod",
      "metadata: {name: p, annotations: {sidecar.istio.io/status: '{}', istio.io/rev: canary}}",
    );
    expect(isConfiguredBy(named, "canary")).toBe(true);
    expect(isConfiguredBy(named, "default")).toBe(false);
    expect(isConfiguredBy(pod("p", { workload: "Pod/p" }), "default")).toBe(true);
    expect(isConfiguredBy(pod("p"), "default")).toBe(false);
  });

  it("is known by namespace and service account, `default` when it names none", () => {
    expect(identityOf(object("Pod", "metadata: {name: p, namespace: n}"), "td")).toBe(
      "spiffe://td/ns/n/sa/default",
    );
  });

  it("names container ports, TCP ones", () => {
    const named = object(
      "Pod",
      "metadata: {name: p}\nspec: {containers: [{name: a, ports: [{name: web, containerPort: 1, protocol: UDP}, {name: web, containerPort: 8080}]}]}",
    );
    expect(namedPort(named, "web")).toBe(8080);
    expect(namedPort(named, "none")).toBeUndefined();
  });
});
