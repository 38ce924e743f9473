import { describe, expect, it } from "vitest";
import { type Manifest, object, pod, service, snapshotOf } from "./cluster.fake.ts";
import { createCompiler } from "./compile.ts";
import { defaultSettings, type MeshSettings } from "./inputs.ts";

function compiled(
  manifests: Manifest[],
  settings: MeshSettings = defaultSettings,
  key = "default/Deployment/payment",
) {
  const compiler = createCompiler(settings);
  compiler.load(snapshotOf(manifests));
  return compiler.compileWorkload(key);
}

const payment = pod("p1", {
  labels: { app: "payment" },
  workload: "Deployment/payment",
  ports: { web: 8000 },
});

describe("a workload's object", () => {
  it("is named after kind and name, and says what holds where no resource does", () => {
    const settings: MeshSettings = {
      ...defaultSettings,
      trustBundle: "PEM",
      outboundTrafficPolicy: "REGISTRY_ONLY",
      accessLog: true,
      accessLogEncoding: "JSON",
      mtlsMode: "STRICT",
    };
    expect(compiled([payment], settings)).toMatchObject({
      kind: "WorkloadConfig",
      namespace: "default",
      name: "deployment-payment.default",
      labels: { "mesh.weft.dev/revision": "default" },
      status: {
        workload: { name: "payment", namespace: "default", kind: "Deployment", labels: { app: "payment" } },
        trustDomain: "cluster.local",
        trustBundle: "PEM",
        mtls: "STRICT",
        ports: [],
        authorization: [],
        egress: { outboundTrafficPolicy: "REGISTRY_ONLY" },
        telemetry: { accessLog: true, accessLogEncoding: "JSON" },
        jwtRules: [],
      },
    });
  });

  it("says where its pods run, for what their nodes tell", () => {
    const node = (name: string, labels: Record<string, string>): Manifest => ({
      kind: "Node",
      metadata: { name, labels },
    });
    const region = "topology.kubernetes.io/region";
    const zone = "topology.kubernetes.io/zone";
    const nodes = [
      node("n1", { [region]: "eu", [zone]: "b" }),
      node("n2", { [region]: "eu", [zone]: "a" }),
      node("n3", { [region]: "eu", [zone]: "b" }),
      node("n4", {}),
      node("n5", { [region]: "us" }),
    ];
    const pods = ["n3", "n1", "n2", "n4", "n1", "n0"].map((name, i) =>
      pod(`p${i}`, { labels: { app: "payment" }, workload: "Deployment/payment", node: name }),
    );
    expect(compiled([...nodes, ...pods])?.status).toMatchObject({
      localities: [
        { locality: "eu/a", nodes: ["n2"] },
        { locality: "eu/b", nodes: ["n1", "n3"] },
      ],
    });
    expect(compiled(pods)?.status).not.toHaveProperty("localities");
  });

  describe("where a rule balances by zones", () => {
    const rule = (spec: object): Manifest =>
      ({ kind: "DestinationRule", metadata: { name: "far", namespace: "other" }, spec }) as Manifest;
    const byZones = { loadBalancer: { zoneAwareLbSetting: {} } };
    const at = (name: string, locality: string, fields: Parameters<typeof pod>[1] = {}) =>
      pod(name, {
        labels: { app: "payment", "istio-locality": locality },
        workload: "Deployment/payment",
        ip: "10.0.0.1",
        ...fields,
      });
    const pods = [
      at("p1", "eu.b.rack"),
      at("p2", "eu.a"),
      at("p3", "eu.b"),
      at("p4", "eu.b", { ready: false }),
      pod("p5", { labels: { app: "payment" }, workload: "Deployment/payment", ip: "10.0.0.5" }),
    ];
    const zones = [
      { zone: "eu/a", pods: 1 },
      { zone: "eu/b", pods: 2 },
    ];

    it.each([
      ["at the top", { host: "x", trafficPolicy: byZones }],
      [
        "for a port",
        { host: "x", trafficPolicy: { portLevelSettings: [{ port: { number: 80 }, ...byZones }] } },
      ],
      ["for a subset", { host: "x", subsets: [{ name: "v1", labels: {}, trafficPolicy: byZones }] }],
    ])("%s, it says how many of its pods are ready in each", (_, spec) => {
      expect(compiled([...pods, rule(spec)])?.status.zones).toEqual(zones);
    });

    it("and only there: else every pod would be a change", () => {
      const off = { loadBalancer: { zoneAwareLbSetting: { enabled: false } } };
      for (const spec of [{ host: "x" }, { host: "x", trafficPolicy: off }])
        expect(compiled([...pods, rule(spec)])?.status).not.toHaveProperty("zones");
    });
  });

  it("is nobody's when no pod with a sidecar of this revision is left", () => {
    expect(compiled([])).toBeUndefined();
    expect(compiled([pod("p1", { labels: { app: "payment" } })])).toBeUndefined();
    const other = {
      ...payment,
      metadata: {
        ...payment.metadata,
        annotations: { ...payment.metadata.annotations, "istio.io/rev": "canary" },
      },
    };
    expect(compiled([other])).toBeUndefined();
  });

  const owners: { rule: string; of: Manifest; key: string; owner: object }[] = [
    {
      rule: "a bare pod, with its uid",
      of: pod("sleep", { workload: "Pod/sleep" }),
      key: "default/Pod/sleep",
      owner: { apiVersion: "v1", kind: "Pod", name: "sleep", uid: "uid-sleep" },
    },
    {
      rule: "a Deployment, whose uid its pods do not know",
      of: payment,
      key: "default/Deployment/payment",
      owner: { apiVersion: "apps/v1", kind: "Deployment", name: "payment" },
    },
    {
      rule: "a StatefulSet, whose uid they do",
      of: object(
        "Pod",
        "metadata: {name: db-0, annotations: {mesh.weft.dev/workload: StatefulSet/db}, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: s, controller: true}]}",
      ),
      key: "default/StatefulSet/db",
      owner: { apiVersion: "apps/v1", kind: "StatefulSet", name: "db", uid: "s" },
    },
  ];
  it.each(owners)("belongs to $rule", ({ of, key, owner }) => {
    expect(compiled([of], defaultSettings, key)?.owner).toEqual(owner);
  });
});

describe("a workload's labels", () => {
  const labelled = (name: string, labels: Record<string, string>, created?: string) =>
    pod(name, { labels, workload: "Deployment/payment", ...(created && { created }) });
  const version = (manifests: Manifest[]) => compiled(manifests)?.status.workload.labels.version;

  it("leave out what tells one pod from the next, so that a rollout writes nothing", () => {
    const one = compiled([labelled("p1", { app: "a", "pod-template-hash": "1" })]);
    const two = compiled([
      labelled("p2", { app: "a", "pod-template-hash": "2", "controller-revision-hash": "x" }),
    ]);
    expect(two?.status.hash).toBe(one?.status.hash);
  });

  it("are those of most pods: relabelling one by hand changes no policy of the others", () => {
    expect(
      version([
        labelled("p1", { version: "v1" }),
        labelled("p2", { version: "v1" }),
        labelled("p3", { version: "debug" }, "2026-06-01T00:00:00Z"),
      ]),
    ).toBe("v1");
  });

  it("are the youngest's when it is one against one", () => {
    expect(
      version([labelled("p1", { version: "v2" }, "2026-06-01T00:00:00Z"), labelled("p2", { version: "v1" })]),
    ).toBe("v2");
  });

  it("are not those of pods that are on their way out, unless these are all", () => {
    const leaving = labelled("p1", { version: "old" });
    const gone = { ...leaving, metadata: { ...leaving.metadata, deletionTimestamp: "2026-02-01T00:00:00Z" } };
    expect(version([gone, labelled("p2", { version: "new" })])).toBe("new");
    expect(version([gone])).toBe("old");
  });
});

describe("a workload's ports", () => {
  const ports = (...manifests: Manifest[]) => compiled([payment, ...manifests])?.status.ports;
  const host = "payment.default.svc.cluster.local";

  const cases: { rule: string; spec: object; expected: unknown[] }[] = [
    {
      rule: "a target port by number",
      spec: { ports: [{ name: "http", port: 80, targetPort: 8080 }] },
      expected: [{ port: 8080, protocol: "http", mtls: "PERMISSIVE", service: host }],
    },
    {
      rule: "a target port by name",
      spec: { ports: [{ name: "grpc", port: 80, targetPort: "web" }] },
      expected: [{ port: 8000, protocol: "grpc" }],
    },
    {
      rule: "the service's port where no target is named",
      spec: { ports: [{ port: 3306 }] },
      expected: [{ port: 3306, protocol: "tcp" }],
    },
    {
      rule: "no port for a name that no container has",
      spec: { ports: [{ port: 80, targetPort: "gone" }] },
      expected: [],
    },
    {
      rule: "no UDP",
      spec: {
        ports: [
          { port: 80, targetPort: 80 },
          { port: 53, protocol: "UDP" },
        ],
      },
      expected: [{ port: 80 }],
    },
    { rule: "nothing of a service that selects others", spec: { selector: { app: "other" } }, expected: [] },
    { rule: "nothing of a service without selector", spec: { selector: {} }, expected: [] },
  ];
  it.each(cases)("have $rule", ({ spec, expected }) => {
    const found = ports(service("payment", { spec }));
    expect(found).toHaveLength(expected.length);
    expect(found).toMatchObject(expected);
  });

  it("belong to the oldest of several services", () => {
    const old = service("z-old", { selector: { app: "payment" }, created: "2025-01-01T00:00:00Z" });
    const young = service("a-young", { selector: { app: "payment" }, created: "2026-01-01T00:00:00Z" });
    expect(ports(young, old)).toMatchObject([{ port: 8080, service: "z-old.default.svc.cluster.local" }]);
  });

  it("have their own mutual-TLS mode, and those that only a PeerAuthentication names are listed", () => {
    const policy = object(
      "PeerAuthentication",
      "metadata: {name: p, generation: 2}\nspec: {selector: {matchLabels: {app: payment}}, mtls: {mode: STRICT}, portLevelMtls: {8080: {mode: PERMISSIVE}, 9999: {mode: DISABLE}}}",
    );
    const found = compiled([payment, service("payment"), policy]);
    expect(found?.status.mtls).toBe("STRICT");
    expect(found?.status.ports).toMatchObject([
      { port: 8080, protocol: "http", mtls: "PERMISSIVE" },
      { port: 9999, protocol: "auto", mtls: "DISABLE" },
    ]);
    expect(found?.status.generations).toEqual(["PeerAuthentication/default/p@2"]);
  });

  const rule = (spec: string) =>
    object("DestinationRule", `metadata: {name: d, generation: 1}\nspec: {host: payment, ${spec}}`);
  it("are bounded by the connection pool of a DestinationRule that clients here would use", () => {
    const found = compiled([
      payment,
      service("payment"),
      rule("trafficPolicy: {connectionPool: {tcp: {maxConnections: 7}}}"),
    ]);
    expect(found?.status.ports[0]?.connectionPool).toEqual({ maxConnections: 7, connectTimeoutMs: 10_000 });
    expect(found?.status.generations).toEqual(["DestinationRule/default/d@1"]);
  });

  it("are bounded by the pool of the service's port before the general one", () => {
    const policy =
      "trafficPolicy: {connectionPool: {tcp: {maxConnections: 7}}, portLevelSettings: [{port: {number: 80}, connectionPool: {tcp: {maxConnections: 8}}}]}";
    const found = compiled([payment, service("payment"), rule(policy)]);
    expect(found?.status.ports[0]?.connectionPool?.maxConnections).toBe(8);
  });

  it("are not touched by the rest of a DestinationRule, which is the client's", () => {
    const found = compiled([payment, service("payment"), rule("trafficPolicy: {tls: {mode: DISABLE}}")]);
    expect(found?.status.ports[0]).not.toHaveProperty("connectionPool");
    expect(found?.status.generations).toEqual([]);
  });
});
