import { describe, expect, it } from "vitest";
import type { Endpoint, IndexEntry, ServicePart } from "../../crds/service-config.ts";
import { change, type Manifest, objects, pod, service, snapshotOf } from "./cluster.fake.ts";
import { createCompiler } from "./compile.ts";
import { defaultSettings } from "./inputs.ts";
import { bareHostName, serviceKey } from "./names.ts";

/** A ServiceEntry of the namespace `prod`. */
const entry = (spec: string, name = "e", more = "") =>
  objects(`
kind: ServiceEntry
metadata: {name: ${name}, namespace: prod, uid: u-${name}, generation: 3${more}}
spec: {${spec}}
`);
const api = "hosts: [api.example.com], ports: [{number: 80, name: http, protocol: HTTP}]";
const keyOfHost = (host: string, namespace = "prod") => `${namespace}/${bareHostName(host)}`;

function compilerOf(...manifests: Manifest[]) {
  const compiler = createCompiler(defaultSettings);
  compiler.load(snapshotOf(manifests));
  return compiler;
}

/** What is compiled for one host. */
function compiled(manifests: readonly Manifest[], host = "api.example.com", namespace = "prod") {
  const compiler = compilerOf(...manifests);
  const [first, ...rest] = compiler.compileService(keyOfHost(host, namespace));
  const index = compiler.compileIndex(namespace)?.status.index;
  return {
    service: first?.status.service as ServicePart,
    owner: first?.owner,
    generations: first?.status.generations,
    endpoints: rest.flatMap(({ status }) => status.endpoints?.endpoints ?? []) as Endpoint[],
    entry: index?.services.find(({ hosts }) => hosts?.includes(host)) as IndexEntry,
  };
}

describe("a ServiceEntry", () => {
  it("is a service of its own for each host, in its namespace's index", () => {
    const manifests = entry(
      "hosts: [API.example.com., '*.example.org'], addresses: [198.18.0.1, 198.19.0.0/16], ports: [{number: 443, name: tls, protocol: TLS}], exportTo: [., other]",
    );
    const name = bareHostName("api.example.com");
    const found = compiled(manifests);
    expect(found.entry).toEqual({
      name,
      key: serviceKey("prod", name),
      addresses: ["198.18.0.1", "198.19.0.0/16"],
      ports: [{ port: 443, protocol: "tls", name: "tls" }],
      hosts: ["api.example.com"],
      exportTo: ["other", "prod"],
    });
    expect(found.service).toMatchObject({
      name,
      namespace: "prod",
      key: serviceKey("prod", name),
      host: "api.example.com",
      resolution: "NONE",
      endpointSlices: 0,
    });
    expect(found.owner).toEqual({
      apiVersion: "networking.istio.io/v1",
      kind: "ServiceEntry",
      name: "e",
      uid: "u-e",
    });
    expect(found.generations).toEqual(["ServiceEntry/prod/e@3"]);
    expect(compiled(manifests, "*.example.org").service.host).toBe("*.example.org");
  });

  it.each([
    ["HTTP", "http"],
    ["http2", "http2"],
    ["GRPC", "grpc"],
    ["GRPC-Web", "http"],
    ["HTTPS", "https"],
    ["TLS", "tls"],
    ["MONGO", "tcp"],
    ["''", "auto"],
  ])("whose port says %s speaks %s", (protocol, spoken) => {
    const spec = `hosts: [api.example.com], ports: [{number: 9000, name: http-x, protocol: ${protocol}}]`;
    expect(compiled(entry(spec)).entry.ports).toEqual([{ port: 9000, protocol: spoken, name: "http-x" }]);
  });

  it("has no ports of UDP", () => {
    const spec = "hosts: [api.example.com], ports: [{number: 53, name: dns, protocol: UDP}]";
    expect(compiled(entry(spec)).entry.ports).toEqual([]);
  });

  it("is nobody's by exportTo ~", () => {
    expect(compiled(entry(`${api}, exportTo: ['~']`)).entry.exportTo).toEqual([]);
  });

  it("gives way to a Kubernetes service of its host", () => {
    const manifests = [
      service("pay", { namespace: "prod" }),
      ...entry("hosts: [pay.prod.svc.cluster.local], ports: [{number: 80, name: http}]"),
    ];
    expect(compiled(manifests, "pay.prod.svc.cluster.local").service).toBeUndefined();
    expect(compiled(manifests.slice(1), "pay.prod.svc.cluster.local").service).toBeDefined();
  });

  it("with the host of another in its namespace is one with it, if it is reached in the same way", () => {
    const at = (name: string, day: number, spec: string) =>
      entry(`hosts: [api.example.com], ${spec}`, name, `, creationTimestamp: '2026-01-0${day}T00:00:00Z'`);
    const found = compiled([
      ...at(
        "b",
        1,
        "resolution: STATIC, exportTo: [.], ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: 192.0.2.1}]",
      ),
      ...at(
        "a",
        2,
        "resolution: STATIC, ports: [{number: 80, name: x, protocol: TCP}, {number: 81, name: y, protocol: TCP}], endpoints: [{address: 192.0.2.2}]",
      ),
      ...at("c", 3, "resolution: DNS, ports: [{number: 82, name: z}]"),
    ]);
    expect(found.entry).toMatchObject({
      exportTo: ["prod"],
      ports: [
        { port: 80, protocol: "http" },
        { port: 81, protocol: "tcp" },
      ],
    });
    expect(found.endpoints.map(({ address, ports }) => [address, ports.map(({ port }) => port)])).toEqual([
      ["192.0.2.1", [80]],
      ["192.0.2.2", [80, 81]],
    ]);
    expect(found.owner?.name).toBe("b");
  });
});

describe("the endpoints of a ServiceEntry", () => {
  const endpoints = (spec: string, ...more: Manifest[]) =>
    compiled([
      ...entry(
        `hosts: [api.example.com], ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}, {number: 443, name: tls, protocol: TLS}], ${spec}`,
      ),
      ...more,
    ]).endpoints;
  const ports = [
    { port: 80, target: 8080 },
    { port: 443, target: 443 },
  ];
  const plain = { ready: true, mtls: false, labels: {}, weight: 1 };

  it("are those of the list, with their ports by name, labels that count, locality and weight", () => {
    expect(
      endpoints(
        "resolution: STATIC, endpoints: [{address: 192.0.2.1}, {address: '2001:db8::1', ports: {http: 81}, labels: {version: v1, x: y}, locality: r/z/s, weight: 3}]",
      ),
    ).toEqual([
      { ...plain, address: "192.0.2.1", ports },
      {
        ...plain,
        address: "2001:db8::1",
        ports: [
          { port: 80, target: 81 },
          { port: 443, target: 443 },
        ],
        labels: { version: "v1" },
        locality: "r/z/s",
        weight: 3,
      },
    ]);
  });

  it.each(["DNS", "DNS_ROUND_ROBIN"])("of %s are names to resolve, or addresses", (resolution) => {
    expect(
      endpoints(`resolution: ${resolution}, endpoints: [{address: DB.example.net.}, {address: 192.0.2.1}]`),
    ).toEqual([
      { ...plain, address: "192.0.2.1", ports },
      { ...plain, address: "db.example.net", dns: true, ports },
    ]);
  });

  it("of DNS without a list is the host itself", () => {
    expect(endpoints("resolution: DNS")).toEqual([
      { ...plain, address: "api.example.com", dns: true, ports },
    ]);
  });

  it.each([
    ["a name that nothing resolves", "resolution: STATIC, endpoints: [{address: a.example}]"],
    ["a Unix socket", "resolution: STATIC, endpoints: [{address: 'unix:///run/a'}]"],
    ["in another network, with no address", "resolution: STATIC, endpoints: [{network: n}]"],
    ["where the client's address counts", "resolution: NONE, endpoints: [{address: 192.0.2.1}]"],
    ["where the client has resolved the name", "resolution: DYNAMIC_DNS"],
  ])("are none: %s", (_, spec) => {
    expect(endpoints(spec)).toEqual([]);
  });

  const pods = [
    pod("a", { namespace: "prod", labels: { app: "db" }, ip: "10.0.0.1", workload: "Deployment/db" }),
    pod("b", { namespace: "prod", labels: { app: "db" }, ip: "10.0.0.2", ready: false }),
    pod("c", { namespace: "other", labels: { app: "db" }, ip: "10.0.0.3" }),
    pod("d", { namespace: "prod", labels: { app: "web" }, ip: "10.0.0.4" }),
    pod("e", { namespace: "prod", labels: { app: "db" } }),
  ];
  const selecting = "resolution: STATIC, workloadSelector: {labels: {app: db}}";

  it("are the pods of its namespace that it selects; outside the mesh, without mutual TLS", () => {
    const found = endpoints(selecting, ...pods);
    expect(found.map(({ address, ready, mtls, identity }) => [address, ready, mtls, identity])).toEqual([
      ["10.0.0.1", true, false, undefined],
      ["10.0.0.2", false, false, undefined],
    ]);
    expect(found[0]).toMatchObject({ ports, labels: { app: "db" }, workload: "db" });
  });

  it("that are pods inside the mesh are called by mutual TLS where they have a sidecar", () => {
    const found = endpoints(`${selecting}, location: MESH_INTERNAL`, ...pods);
    expect(found.map(({ mtls, identity }) => [mtls, identity])).toEqual([
      [true, "spiffe://cluster.local/ns/prod/sa/default"],
      [false, undefined],
    ]);
  });

  it.each([
    ["inside the mesh, by mutual TLS", "location: MESH_INTERNAL", "", "spiffe://cluster.local/ns/prod/sa/db"],
    [
      "whose label says so, too",
      "location: MESH_INTERNAL",
      ", labels: {security.istio.io/tlsMode: istio}",
      "spiffe://cluster.local/ns/prod/sa/db",
    ],
    [
      "whose label says otherwise, in plaintext",
      "location: MESH_INTERNAL",
      ", labels: {security.istio.io/tlsMode: disabled}",
      undefined,
    ],
    ["outside, in plaintext", "location: MESH_EXTERNAL", "", undefined],
    ["nowhere in particular, in plaintext", "exportTo: ['*']", "", undefined],
  ])("that have a service account are called %s", (_, location, labels, identity) => {
    const listed = `resolution: STATIC, endpoints: [{address: 192.0.2.1, serviceAccount: db${labels}}, {address: 192.0.2.2}]`;
    const found = endpoints(`${listed}, ${location}`);
    expect(found.map((each) => [each.mtls, each.identity])).toEqual([
      [identity !== undefined, identity],
      [false, undefined],
    ]);
  });

  it("follow their pods", () => {
    const compiler = compilerOf(...entry(`${api}, ${selecting}`), ...pods);
    const affected = compiler.affected(
      change(pod("a", { namespace: "prod", labels: { app: "db" }, ip: "10.0.0.9" })),
    );
    expect(affected.services).toEqual([keyOfHost("api.example.com")]);
  });
});

describe("rules about a ServiceEntry's host", () => {
  const route = (namespace = "prod", port = "") =>
    objects(`
kind: VirtualService
metadata: {name: v, namespace: ${namespace}}
spec:
  hosts: [api.example.com]
  http: [{route: [{destination: {host: api.example.com${port}}}], timeout: 3s}]
`);
  const rule = objects(`
kind: DestinationRule
metadata: {name: d, namespace: prod}
spec:
  host: api.example.com
  trafficPolicy: {tls: {mode: SIMPLE, sni: api.example.com}}
  subsets: [{name: v1, labels: {tier: one}}]
`);

  it("route to it: it is the destination, on its port", () => {
    const { service: part } = compiled([...entry(api), ...route()]);
    expect(part.common.http).toMatchObject([
      {
        timeoutMs: 3_000,
        action: {
          destinations: [
            { host: "api.example.com", key: serviceKey("prod", bareHostName("api.example.com")), port: 80 },
          ],
        },
      },
    ]);
  });

  it("hold in its place, not beside it", () => {
    const other = compilerOf(...entry(api), ...route("other"));
    expect(other.compileIndex("other")).toBeUndefined();
    const hidden = compilerOf(...entry(`${api}, exportTo: [.]`), ...route("other"));
    expect(hidden.compileIndex("other")?.status.index?.services).toHaveLength(1);
  });

  it("say how it is called, and which of its endpoints' labels count", () => {
    const found = compiled([
      ...entry(
        `${api}, resolution: STATIC, endpoints: [{address: 192.0.2.1, labels: {tier: one, rack: '1'}}]`,
      ),
      ...rule,
    ]);
    expect(found.service.common.clusters).toMatchObject([
      { subset: "", tls: { mode: "SIMPLE", sni: "api.example.com" } },
      { subset: "v1", labels: { tier: "one" } },
    ]);
    expect(found.endpoints[0]?.labels).toEqual({ tier: "one" });
    expect(found.generations).toEqual(["DestinationRule/prod/d@0", "ServiceEntry/prod/e@3"]);
  });

  it("leave subjectAltNames to the ServiceEntry, unless they have their own", () => {
    const names = (spec: string, ...more: Manifest[]) =>
      compiled([...entry(spec), ...more]).service.common.clusters.map(({ tls }) => tls.subjectAltNames);
    const pinned = `${api}, subjectAltNames: [b.example, a.example]`;
    expect(names(pinned, ...rule)).toEqual([
      ["a.example", "b.example"],
      ["a.example", "b.example"],
    ]);
    const own = objects(`
kind: DestinationRule
metadata: {name: d, namespace: prod}
spec: {host: api.example.com, trafficPolicy: {tls: {mode: SIMPLE, subjectAltNames: [c.example]}}}
`);
    expect(names(pinned, ...own)).toEqual([["c.example"]]);
  });

  it("of several namespaces' hosts of one name mean their own namespace's, else the first that they see", () => {
    const of = (namespace: string, exportTo: string) =>
      objects(`
kind: ServiceEntry
metadata: {name: e, namespace: ${namespace}}
spec: {hosts: [api.example.com], exportTo: [${exportTo}], ports: [{number: 80, name: http, protocol: HTTP}]}
`);
    const keyFrom = (namespace: string, ...manifests: Manifest[]) => {
      const compiler = compilerOf(...manifests, ...route(namespace));
      const [part] = compiler.compileService(keyOfHost("api.example.com", "b"));
      const action = part?.status.service?.common.http[0]?.action;
      return action?.kind === "forward" ? action.destinations[0]?.key : undefined;
    };
    const all = [...of("a", "."), ...of("b", "'*'"), ...of("c", "'*'")];
    const key = (namespace: string) => serviceKey(namespace, bareHostName("api.example.com"));
    expect(["a", "c", "d"].map((from) => keyFrom(from, ...all))).toEqual([key("a"), key("c"), key("b")]);
  });
});
