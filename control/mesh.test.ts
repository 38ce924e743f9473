import { describe, expect, it } from "vitest";
import { compileSettings, injectorSettings, minorVersion } from "./mesh.ts";
import { hasWorkload, isInjected } from "./meshed.ts";

const place = { revision: "canary", namespace: "mesh-root" };

describe("the mesh's settings", () => {
  it("have a default for everything, and take revision and namespace from where control runs", () => {
    expect(compileSettings({ revision: "other", namespace: "other" }, place, "PEM")).toEqual({
      revision: "canary",
      rootNamespace: "mesh-root",
      trustDomain: "cluster.local",
      clusterDomain: "cluster.local",
      trustBundle: "PEM",
      mtlsMode: "PERMISSIVE",
      outboundTrafficPolicy: "ALLOW_ANY",
      accessLog: false,
      accessLogEncoding: "TEXT",
    });
  });

  it("reach compiler and injector alike", () => {
    const file = {
      trustDomain: "td",
      mtls: { mode: "STRICT" },
      accessLog: true,
      accessLogEncoding: "JSON",
      proxy: { image: "img", concurrency: 2 },
      injection: { nativeSidecar: "false", rewriteProbes: false },
    } as const;
    expect(compileSettings(file, place, "")).toMatchObject({
      trustDomain: "td",
      mtlsMode: "STRICT",
      accessLog: true,
      accessLogEncoding: "JSON",
    });
    expect(injectorSettings(file, place, "PEM", 36)).toMatchObject({
      trustDomain: "td",
      revision: "canary",
      rootNamespace: "mesh-root",
      caUrl: "https://control-canary.mesh-root.svc:15012",
      caRoot: "PEM",
      proxyImage: "img",
      concurrency: 2,
      drainSeconds: 5,
      nativeSidecar: "false",
      rewriteProbes: false,
      mergeMetrics: true,
      clusterSupportsNativeSidecar: true,
    });
  });

  it.each([
    [{ major: "1", minor: "28" }, 28, false],
    [{ major: "1", minor: "29+" }, 29, true],
    [{ major: "1", minor: "36" }, 36, true],
    [{}, undefined, true],
    ["<html>", undefined, true],
  ])("know from version %j whether sidecars are native", (body, minor, native) => {
    expect(minorVersion(body)).toBe(minor);
    expect(injectorSettings({}, place, "", minor).clusterSupportsNativeSidecar).toBe(native);
  });
});

describe("a namespace", () => {
  it.each([
    [undefined, "default", false],
    [{}, "default", false],
    [{ "istio-injection": "enabled" }, "default", true],
    [{ "istio-injection": "enabled" }, "canary", false],
    [{ "istio-injection": "disabled", "istio.io/rev": "canary" }, "canary", false],
    [{ "istio.io/rev": "canary" }, "canary", true],
    [{ "istio.io/rev": "canary" }, "default", false],
  ])("with labels %j is injected by revision %s: %s", (labels, revision, injected) => {
    expect(isInjected(labels, revision)).toBe(injected);
  });
});

describe("a pod", () => {
  it("was injected when it carries its workload's name", () => {
    expect(hasWorkload({ metadata: { name: "a", annotations: { "mesh.weft.dev/workload": "Pod/a" } } })).toBe(
      true,
    );
    expect(hasWorkload({ metadata: { name: "a" } })).toBe(false);
  });
});
