import { describe, expect, it } from "vitest";
import { change, type Manifest, object, objects, pod, service, slice, snapshotOf } from "./cluster.fake.ts";
import { compile, createCompiler } from "./compile.ts";
import { defaultSettings } from "./inputs.ts";
import { bareHostName, serviceKey } from "./names.ts";

const settings = defaultSettings;

function compilerOf(...manifests: Manifest[]) {
  const compiler = createCompiler(settings);
  compiler.load(snapshotOf(manifests));
  return compiler;
}

const vs = (meta: string, spec: string) => object("VirtualService", `metadata: {${meta}}\nspec: {${spec}}`);
const dr = (meta: string, spec: string) => object("DestinationRule", `metadata: {${meta}}\nspec: {${spec}}`);
const to = (host: string) => `http: [{route: [{destination: {host: ${host}}}]}]`;

describe("the objects of a service", () => {
  const compiler = compilerOf(
    service("payment", { namespace: "prod" }),
    slice("payment", [{ address: "10.0.0.1" }], { namespace: "prod" }),
  );
  it("carry the names, labels and owner that proxies and the garbage collector go by", () => {
    const labels = {
      "mesh.weft.dev/revision": "default",
      "mesh.weft.dev/key": serviceKey("prod", "payment"),
    };
    const owner = { apiVersion: "v1", kind: "Service", name: "payment", uid: "uid-payment" };
    expect(compiler.compileService("prod/payment")).toMatchObject([
      { name: "payment.service.default", labels: { ...labels, "mesh.weft.dev/part": "service" }, owner },
      {
        name: "payment.endpoints-0.default",
        labels: { ...labels, "mesh.weft.dev/part": "endpoints" },
        owner,
      },
    ]);
    expect(compiler.compileIndex("prod")).toMatchObject({
      name: "index.default",
      labels: { "mesh.weft.dev/part": "index", "mesh.weft.dev/key": "index" },
    });
    expect(compiler.compileIndex("prod")).not.toHaveProperty("owner");
  });

  it("say how many endpoints parts make the snapshot", () => {
    const [part, ...endpoints] = compiler.compileService("prod/payment");
    expect(part?.status.service?.endpointSlices).toBe(endpoints.length);
  });

  const none: { rule: string; manifests: Manifest[] }[] = [
    { rule: "that is gone", manifests: [] },
    {
      rule: "that is an alias of another name",
      manifests: [service("payment", { namespace: "prod", spec: { type: "ExternalName" } })],
    },
    {
      rule: "without TCP ports",
      manifests: [
        service("payment", { namespace: "prod", spec: { ports: [{ port: 53, protocol: "UDP" }] } }),
      ],
    },
  ];
  it.each(none)("are none for one $rule", ({ manifests }) => {
    const empty = compilerOf(...manifests);
    expect(empty.compileService("prod/payment")).toEqual([]);
    expect(empty.compileIndex("prod")).toBeUndefined();
    expect(empty.compile()).toEqual([]);
  });
});

describe("what clients of a namespace see", () => {
  const payment = service("payment", { namespace: "prod" });
  const part = (...manifests: Manifest[]) =>
    compilerOf(payment, ...manifests).compileService("prod/payment")[0]?.status.service;
  const subsets = (name: string) => `subsets: [{name: ${name}, labels: {version: ${name}}}]`;

  it("is the same for all while no resource speaks of namespaces", () => {
    const found = part(
      vs("name: a, namespace: prod", `hosts: [payment], ${to("payment")}`),
      dr("name: a, namespace: prod", `host: payment, ${subsets("v1")}`),
    );
    expect(found?.variants).toEqual([]);
    expect(found?.common.http).toHaveLength(1);
    expect(found?.common.clusters.map(({ subset }) => subset)).toEqual(["", "v1"]);
  });

  it("differs where the client's namespace has a DestinationRule of its own", () => {
    const found = part(
      dr("name: own, namespace: client", `host: payment.prod.svc.cluster.local, ${subsets("v9")}`),
    );
    expect(found?.common.clusters).toHaveLength(1);
    expect(found?.variants).toMatchObject([
      { namespaces: ["client"], view: { clusters: [{ subset: "" }, { subset: "v9" }] } },
    ]);
  });

  it("is grouped where namespaces agree, and left out where they see what all see", () => {
    const found = part(
      vs("name: some, namespace: prod", `hosts: [payment], exportTo: [b, a], ${to("other")}`),
      dr("name: same, namespace: client", "host: payment.prod.svc.cluster.local"),
    );
    expect(found?.variants.map(({ namespaces }) => namespaces)).toEqual([["a", "b"]]);
  });

  it("has policies by the labels of its clients where a rule of theirs has a workloadSelector", () => {
    const host = "host: payment.prod.svc.cluster.local";
    const found = part(
      dr(
        "name: some, namespace: client",
        `${host}, workloadSelector: {matchLabels: {app: a}}, ${subsets("v9")}`,
      ),
    );
    expect(found?.common.selected).toBeUndefined();
    expect(found?.variants).toMatchObject([
      {
        namespaces: ["client"],
        view: {
          clusters: [{ subset: "" }],
          selected: [{ labels: { app: "a" }, clusters: [{ subset: "" }, { subset: "v9" }] }],
        },
      },
    ]);
  });

  it("is its own namespace's private VirtualService there, and nothing elsewhere", () => {
    const found = part(
      vs("name: some, namespace: prod", `hosts: [payment], exportTo: ['.'], ${to("other")}`),
    );
    expect(found?.common.http).toEqual([]);
    expect(found?.variants.map(({ namespaces }) => namespaces)).toEqual([["prod"]]);
  });

  it("names the generations of everything that any client sees, delegates included", () => {
    const found = compilerOf(
      payment,
      vs("name: root, namespace: prod, generation: 3", "hosts: [payment], http: [{delegate: {name: leaf}}]"),
      vs("name: leaf, namespace: prod, generation: 4", to("payment")),
      dr(
        "name: own, namespace: client, generation: 5",
        `host: payment.prod.svc.cluster.local, ${subsets("v1")}`,
      ),
      dr("name: other, namespace: client", "host: nothing"),
    ).compileService("prod/payment")[0];
    expect(found?.status.generations).toEqual([
      "DestinationRule/client/own@5",
      "VirtualService/prod/leaf@4",
      "VirtualService/prod/root@3",
    ]);
  });
});

describe("the index", () => {
  const entries = (...manifests: Manifest[]) =>
    compilerOf(...manifests).compileIndex("prod")?.status.index?.services;

  it("has every service by name, headless ones by name alone", () => {
    const found = entries(
      service("b", { namespace: "prod", spec: { clusterIP: "None", clusterIPs: ["None"] } }),
      service("a", { namespace: "prod", spec: { clusterIPs: ["10.96.0.1", "fd00::1"] } }),
    );
    expect(found).toMatchObject([
      {
        name: "a",
        key: serviceKey("prod", "a"),
        addresses: ["10.96.0.1", "fd00::1"],
        ports: [{ port: 80, protocol: "http", name: "http" }],
      },
      { name: "b", addresses: [], headless: true },
    ]);
    expect(found?.[0]).not.toHaveProperty("headless");
  });

  it.each([
    { value: "*", exportTo: undefined },
    { value: ".", exportTo: ["prod"] },
    { value: "b, a", exportTo: ["a", "b"] },
    { value: "~", exportTo: [] },
  ])("bounds a service annotated `$value`", ({ value, exportTo }) => {
    const found = entries(
      service("a", { namespace: "prod", annotations: { "networking.istio.io/exportTo": value } }),
    );
    expect(found?.[0]?.exportTo).toEqual(exportTo);
  });

  const bareName = bareHostName("api.example.com");
  const bare = vs(
    "name: ext, namespace: prod, generation: 2, uid: u",
    `hosts: [api.example.com], ${to("payment")}`,
  );

  it("has hosts that are no service under a made-up name, with a service part of routes alone", () => {
    const compiler = compilerOf(bare, service("payment", { namespace: "prod" }));
    expect(compiler.compileIndex("prod")?.status.index?.services.find(({ hosts }) => hosts)).toEqual({
      name: bareName,
      key: serviceKey("prod", bareName),
      addresses: [],
      ports: [{ port: 80, protocol: "http" }],
      hosts: ["api.example.com"],
    });
    expect(compiler.compileIndex("prod")?.status.generations).toEqual(["VirtualService/prod/ext@2"]);
    expect(compiler.compileService(`prod/${bareName}`)).toMatchObject([
      {
        name: `${bareName}.service.default`,
        owner: { kind: "VirtualService", name: "ext", uid: "u" },
        status: {
          service: {
            host: "api.example.com",
            endpointSlices: 0,
            common: { http: [{ action: { destinations: [{ key: serviceKey("prod", "payment") }] } }] },
          },
        },
      },
    ]);
  });

  const portCases = [
    {
      rule: "HTTP is on port 80 and those that matches name",
      spec: "http: [{match: [{port: 8080}, {port: 9090, gateways: [g]}]}]",
      ports: ["80 http", "8080 http"],
    },
    {
      rule: "TLS is on port 443",
      spec: "tls: [{match: [{sniHosts: [api.example.com]}]}]",
      ports: ["443 tls"],
    },
    {
      rule: "TLS is on the ports that matches name",
      spec: "tls: [{match: [{port: 8443, sniHosts: [api.example.com]}]}]",
      ports: ["8443 tls"],
    },
    {
      rule: "TCP is on the ports that matches name",
      spec: "tcp: [{match: [{port: 5432}]}, {match: [{}]}]",
      ports: ["5432 tcp"],
    },
  ];
  it.each(portCases)("has ports for a bare host: $rule", ({ spec, ports }) => {
    const found = entries(vs("name: a, namespace: prod", `hosts: [api.example.com], ${spec}`));
    expect(found?.[0]?.ports.map(({ port, protocol }) => `${port} ${protocol}`)).toEqual(ports);
  });

  it("leaves out a host that an older VirtualService of another namespace has for everyone", () => {
    const older = vs(
      "name: old, namespace: other, creationTimestamp: '2020-01-01T00:00:00Z'",
      `hosts: [api.example.com], ${to("payment")}`,
    );
    const younger = { ...bare, metadata: { ...bare.metadata, creationTimestamp: "2026-01-01T00:00:00Z" } };
    const compiler = compilerOf(older, younger);
    expect(compiler.compileIndex("prod")).toBeUndefined();
    expect(compiler.compileIndex("other")?.status.index?.services).toHaveLength(1);
  });

  it("says who sees a host that is not everyone's", () => {
    const some = vs(
      "name: a, namespace: prod",
      `hosts: [api.example.com], exportTo: ['.', x], ${to("payment")}`,
    );
    expect(entries(some)).toMatchObject([{ exportTo: ["prod", "x"] }]);
  });

  it("has no host that could be a service's: without the service its name does not resolve", () => {
    expect(
      entries(vs("name: a, namespace: prod", `hosts: [gone, '*.prod.svc.cluster.local'], ${to("payment")}`)),
    ).toBeUndefined();
  });
});

describe("what a change affects", () => {
  const cluster = [
    service("payment", { namespace: "prod" }),
    service("order", { namespace: "prod" }),
    service("far", { namespace: "other" }),
    slice("payment", [{ address: "10.0.0.1", pod: "p1", node: "n1" }], { namespace: "prod" }),
    pod("p1", { namespace: "prod", labels: { app: "payment" }, workload: "Deployment/payment" }),
    pod("p2", { namespace: "prod", labels: { app: "order" }, workload: "Deployment/order" }),
    pod("p3", { namespace: "other", labels: { app: "far" }, workload: "Deployment/far" }),
    vs("name: order, namespace: prod", `hosts: [order], ${to("payment")}`),
    object("Node", "metadata: {name: n1}"),
  ];
  const nothing = { services: [], workloads: [], indexes: [] };
  const pa = (meta: string, spec: string) =>
    object("PeerAuthentication", `metadata: {${meta}}\nspec: {${spec}}`);
  const ap = (meta: string, spec: string) =>
    object("AuthorizationPolicy", `metadata: {${meta}}\nspec: {${spec}}`);
  const cases: { rule: string; changed: Manifest; expected: object }[] = [
    {
      rule: "a VirtualService: the services of its hosts",
      changed: vs("name: n, namespace: prod", `hosts: [payment], ${to("order")}`),
      expected: { services: ["prod/payment"] },
    },
    {
      rule: "a wildcard: every service it covers",
      changed: vs("name: n, namespace: x", `hosts: ['*.prod.svc.cluster.local'], ${to("a")}`),
      expected: { services: ["prod/order", "prod/payment"] },
    },
    {
      rule: "a gateway's VirtualService: nothing",
      changed: vs("name: n, namespace: prod", `hosts: [payment], gateways: [g], ${to("a")}`),
      expected: {},
    },
    {
      rule: "a bare host: its part and the index",
      changed: vs("name: n, namespace: x", `hosts: [api.example.com], ${to("a")}`),
      expected: { services: [`x/${bareHostName("api.example.com")}`], indexes: ["x"] },
    },
    {
      rule: "a DestinationRule: the service, and the servers its pool bounds",
      changed: dr("name: n, namespace: prod", "host: payment"),
      expected: { services: ["prod/payment"], workloads: ["prod/Deployment/payment"] },
    },
    {
      rule: "an EndpointSlice: its service",
      changed: slice("payment", [], { namespace: "prod" }),
      expected: { services: ["prod/payment"] },
    },
    {
      rule: "a pod: its workload, and the services it is an endpoint of",
      changed: pod("p1", { namespace: "prod", workload: "Deployment/payment" }),
      expected: { services: ["prod/payment"], workloads: ["prod/Deployment/payment"] },
    },
    {
      rule: "a node: the services with endpoints on it",
      changed: object("Node", "metadata: {name: n1, labels: {a: b}}"),
      expected: { services: ["prod/payment"] },
    },
    {
      rule: "a service: itself, its index, its workloads, and those whose routes lead to it",
      changed: service("payment", { namespace: "prod", spec: { ports: [{ port: 81 }] } }),
      expected: {
        services: ["prod/order", "prod/payment"],
        workloads: ["prod/Deployment/payment"],
        indexes: ["prod"],
      },
    },
    {
      rule: "STRICT in a namespace: its workloads, no client of theirs",
      changed: pa("name: n, namespace: prod", "mtls: {mode: STRICT}"),
      expected: { workloads: ["prod/Deployment/order", "prod/Deployment/payment"] },
    },
    {
      rule: "STRICT in the root namespace: all workloads",
      changed: pa("name: n, namespace: istio-system", "mtls: {mode: STRICT}"),
      expected: { workloads: ["other/Deployment/far", "prod/Deployment/order", "prod/Deployment/payment"] },
    },
    {
      rule: "DISABLE: clients, too",
      changed: pa("name: n, namespace: prod", "selector: {matchLabels: {app: order}}, mtls: {mode: DISABLE}"),
      expected: { services: ["prod/order", "prod/payment"], workloads: ["prod/Deployment/order"] },
    },
    {
      rule: "an AuthorizationPolicy: the workloads it selects",
      changed: ap("name: n, namespace: prod", "selector: {matchLabels: {app: payment}}"),
      expected: { workloads: ["prod/Deployment/payment"] },
    },
    {
      rule: "one of the root namespace: those of every namespace",
      changed: ap("name: n, namespace: istio-system", "selector: {matchLabels: {app: far}}"),
      expected: { workloads: ["other/Deployment/far"] },
    },
  ];
  it.each(cases)("$rule; and the same when it goes", ({ changed, expected }) => {
    const compiler = compilerOf(...cluster);
    expect(compiler.affected(change(changed))).toEqual({ ...nothing, ...expected });
    expect(compiler.affected(change(changed, "delete"))).toMatchObject(expected);
  });

  it("settings: everything", () => {
    const compiler = compilerOf(...cluster);
    const before = compiler.compileWorkload("prod/Deployment/payment");
    expect(compiler.configure({ ...settings, trustBundle: "NEW" })).toEqual(compiler.keys());
    const after = compiler.compileWorkload("prod/Deployment/payment");
    expect(after?.status.trustBundle).toBe("NEW");
    expect(after?.status.hash).not.toBe(before?.status.hash);
  });
});

describe("a cluster of one compiled object a line", () => {
  it("comes sorted by kind, namespace and name", () => {
    const names = compile(
      snapshotOf(
        objects(
          "kind: Service\nmetadata: {name: b}\nspec: {ports: [{port: 1}]}\n---\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 1}]}",
        ),
      ),
      settings,
    ).map(({ name }) => name);
    expect(names).toEqual(["a.service.default", "b.service.default", "index.default"]);
  });
});
