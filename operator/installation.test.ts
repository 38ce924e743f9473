import { describe, expect, it } from "vitest";
import { meshInstallation } from "../crds/mesh-installation.ts";
import { images, makeInstallation } from "./installation.fixture.ts";
import { holderOfRevision, readInstallation } from "./installation.ts";

describe("a MeshInstallation without a spec", () => {
  it("has the defaults of its definition", () => {
    const read = makeInstallation();
    const standard = (path: string): unknown =>
      path
        .split(".")
        .reduce<{ properties?: Record<string, object>; default?: unknown }>(
          (schema, name) => schema.properties?.[name] ?? {},
          meshInstallation.spec.openapi as never,
        ).default;
    expect({
      revision: read.revision,
      namespace: read.namespace,
      paused: read.paused,
      trustDomain: read.trustDomain,
      "control.replicas": read.control.replicas,
      "control.resources": read.control.resources,
      "proxy.resources": read.proxy.resources,
      "proxy.logLevel": read.proxy.logLevel,
      "proxy.concurrency": read.proxy.concurrency,
      "injection.failurePolicy": read.injection.failurePolicy,
      "injection.nativeSidecar": read.injection.nativeSidecar,
      "validation.failurePolicy": read.validation.failurePolicy,
      "mtls.mode": read.mtlsMode,
      outboundTrafficPolicy: read.outboundTrafficPolicy,
      localKeyAddresses: read.localKeyAddresses,
      accessLog: read.accessLog,
      accessLogEncoding: read.accessLogEncoding,
    }).toEqual(
      Object.fromEntries(
        [
          "revision",
          "namespace",
          "paused",
          "trustDomain",
          "control.replicas",
          "control.resources",
          "proxy.resources",
          "proxy.logLevel",
          "proxy.concurrency",
          "injection.failurePolicy",
          "injection.nativeSidecar",
          "validation.failurePolicy",
          "mtls.mode",
          "outboundTrafficPolicy",
          "localKeyAddresses",
          "accessLog",
          "accessLogEncoding",
        ].map((path) => [path, standard(path)]),
      ),
    );
  });

  it("runs the operator's own images", () => {
    const read = makeInstallation();
    expect([read.control.image, read.proxy.image]).toEqual([images.control, images.proxy]);
  });
});

describe("a MeshInstallation", () => {
  it("has its own images and quantities as texts", () => {
    const read = makeInstallation({
      version: "v0.1.0",
      control: { image: "mine:1", resources: { requests: { cpu: 1 } } },
      proxy: { image: "mine:2" },
    });
    expect(read.version).toBe("0.1.0");
    expect(read.control).toEqual({
      image: "mine:1",
      replicas: 2,
      resources: { requests: { cpu: "1" }, limits: {} },
    });
    expect(read.proxy.image).toBe("mine:2");
  });

  it("is read with what its metadata says of deletion", () => {
    const metadata = {
      name: "a",
      deletionTimestamp: "2026-01-01T00:00:00Z",
      annotations: { "mesh.weft.dev/force-delete": "true" },
      finalizers: ["mesh.weft.dev/operator"],
    };
    const read = readInstallation({ metadata }, images);
    expect(read).toMatchObject({ isDeleting: true, isForced: true, hasFinalizer: true });
    expect(makeInstallation()).toMatchObject({ isDeleting: false, isForced: false, hasFinalizer: false });
  });
});

describe("of installations of one revision", () => {
  const made = (name: string, createdAt: string, revision = "default") =>
    makeInstallation({ revision }, { name, uid: name, creationTimestamp: createdAt });
  const [first, second, twin] = [
    made("z", "2026-01-01T00:00:00Z"),
    made("a", "2026-01-02T00:00:00Z"),
    made("b", "2026-01-02T00:00:00Z"),
  ];

  it("the oldest has it, and of two of one age the first by name", () => {
    const all = [first, second, twin];
    expect(holderOfRevision(first, all)).toBeUndefined();
    expect(holderOfRevision(second, all)?.name).toBe("z");
    expect(holderOfRevision(twin, [second, twin])?.name).toBe("a");
    expect(holderOfRevision(second, [second, twin])).toBeUndefined();
  });

  it("those of another revision do not count", () => {
    expect(holderOfRevision(made("c", "2026-02-01T00:00:00Z", "canary"), [first])).toBeUndefined();
  });
});
