import { describe, expect, it } from "vitest";
import { object, pod, service, slice } from "./cluster.fake.ts";
import { type EndpointContext, endpointsOf } from "./endpoints.ts";
import type { EndpointSlice, Node, Pod } from "./inputs.ts";
import type { PeerModes } from "./peer-authentication.ts";

const payment = service("payment");
const permissive: PeerModes = { mode: "PERMISSIVE", ports: new Map(), policies: [] };

function endpoints(
  slices: EndpointSlice[],
  given: { pods?: Pod[]; nodes?: Node[]; modes?: PeerModes; labelKeys?: string[]; of?: typeof payment } = {},
) {
  const context: EndpointContext = {
    trustDomain: "cluster.local",
    pod: (key) => given.pods?.find(({ metadata }) => `${metadata.namespace}/${metadata.name}` === key),
    node: (name) => given.nodes?.find(({ metadata }) => metadata.name === name),
    modes: () => given.modes ?? permissive,
    labelKeys: new Set(given.labelKeys),
  };
  return endpointsOf(given.of ?? payment, slices, context);
}

const one = (conditions: { ready?: boolean; serving?: boolean; terminating?: boolean }) =>
  slice("payment", [{ address: "10.0.0.1", conditions }]);

describe("an endpoint is there", () => {
  const cases: { rule: string; conditions: Parameters<typeof one>[0]; ready: boolean[] }[] = [
    { rule: "ready", conditions: { ready: true }, ready: [true] },
    { rule: "ready when nothing is said", conditions: {}, ready: [true] },
    {
      rule: "not when it is starting",
      conditions: { ready: false, serving: false, terminating: false },
      ready: [],
    },
    {
      rule: "as a last resort while it ends and still serves (KEP-1669)",
      conditions: { ready: false, serving: true, terminating: true },
      ready: [false],
    },
    {
      rule: "not when it ends and serves no more",
      conditions: { ready: false, serving: false, terminating: true },
      ready: [],
    },
  ];
  it.each(cases)("$rule", ({ conditions, ready }) => {
    expect(endpoints([one(conditions)]).map((endpoint) => endpoint.ready)).toEqual(ready);
  });
});

describe("an endpoint's ports", () => {
  const twoPorts = service("payment", {
    spec: {
      ports: [
        { name: "http", port: 80 },
        { name: "admin", port: 90 },
        { name: "dns", port: 53, protocol: "UDP" },
      ],
    },
  });
  const at = { address: "10.0.0.1" };
  it("are matched by name and sorted; UDP is left out", () => {
    const [found] = endpoints([slice("payment", [at], { ports: { admin: 9090, http: 8080, dns: 53 } })], {
      of: twoPorts,
    });
    expect(found?.ports).toEqual([
      { port: 80, target: 8080 },
      { port: 90, target: 9090 },
    ]);
  });

  it("are put together when an address is in two slices", () => {
    const slices = [
      slice("payment", [{ ...at, conditions: { ready: false, serving: true, terminating: true } }], {
        name: "b",
        ports: { http: 8080 },
      }),
      slice("payment", [at], { name: "a", ports: { admin: 9090 } }),
    ];
    const found = endpoints(slices, { of: twoPorts });
    expect(found).toHaveLength(1);
    expect(found[0]?.ports).toHaveLength(2);
    expect(found[0]?.ready).toBe(true);
    expect(endpoints([...slices].reverse(), { of: twoPorts })).toEqual(found);
  });

  it("without any in common with the service make no endpoint", () => {
    expect(endpoints([slice("payment", [at], { ports: { other: 1 } })])).toEqual([]);
  });
});

describe("of a dual-stack service", () => {
  const v4 = slice("payment", [{ address: "10.0.0.1" }], { name: "v4" });
  const v6 = slice("payment", [{ address: "fd00::1" }], { name: "v6", addressType: "IPv6" });
  const dual = service("payment", { spec: { ipFamilies: ["IPv6", "IPv4"] } });
  it("only the first family counts, as every pod is in both", () => {
    expect(endpoints([v4, v6], { of: dual }).map(({ address }) => address)).toEqual(["fd00::1"]);
  });
  it("the other family counts when it is all there is", () => {
    expect(endpoints([v4], { of: dual }).map(({ address }) => address)).toEqual(["10.0.0.1"]);
  });
  it("names are no addresses", () => {
    expect(endpoints([slice("payment", [{ address: "a.com" }], { addressType: "FQDN" })])).toEqual([]);
  });
});

describe("an endpoint with a pod", () => {
  const meshed = pod("p1", {
    workload: "Deployment/payment-v2",
    account: "payer",
    labels: { app: "payment", version: "v2", team: "x", "pod-template-hash": "abc" },
  });
  const slices = [slice("payment", [{ address: "10.0.0.1", pod: "p1", node: "n1", zone: "z-slice" }])];

  it("has its identity, workload and node, and the labels that count", () => {
    expect(endpoints(slices, { pods: [meshed], labelKeys: ["team"] })).toEqual([
      {
        address: "10.0.0.1",
        ports: [{ port: 80, target: 8080 }],
        ready: true,
        identity: "spiffe://cluster.local/ns/default/sa/payer",
        mtls: true,
        labels: { app: "payment", version: "v2", team: "x" },
        workload: "payment-v2",
        locality: "/z-slice",
        weight: 1,
        node: "n1",
      },
    ]);
  });

  it("without a sidecar has no identity", () => {
    const [found] = endpoints(slices, { pods: [pod("p1")] });
    expect(found).toMatchObject({ mtls: false, workload: "p1" });
    expect(found).not.toHaveProperty("identity");
  });

  it("whose tlsMode label says otherwise takes no mutual TLS, sidecar or not", () => {
    const labelled = pod("p1", { workload: "Deployment/x" });
    const disabled = {
      ...labelled,
      metadata: { ...labelled.metadata, labels: { "security.istio.io/tlsMode": "disabled" } },
    };
    expect(endpoints(slices, { pods: [disabled] })[0]?.mtls).toBe(false);
  });

  it("that is not known yet is an address like any other", () => {
    expect(endpoints(slices)[0]).toMatchObject({ address: "10.0.0.1", mtls: false, labels: {} });
  });

  const modes: { rule: string; modes: PeerModes; expected: object; plaintext?: number[] }[] = [
    {
      rule: "DISABLE is called in plaintext",
      modes: { ...permissive, mode: "DISABLE" },
      expected: { mtls: false },
    },
    { rule: "STRICT by mutual TLS", modes: { ...permissive, mode: "STRICT" }, expected: { mtls: true } },
    {
      rule: "with one port DISABLE has that port listed",
      modes: { ...permissive, ports: new Map([[9090, "DISABLE"]]) },
      expected: { mtls: true, plaintextPorts: [9090] },
    },
    {
      rule: "DISABLE with one port STRICT has the others listed",
      modes: { ...permissive, mode: "DISABLE", ports: new Map([[9090, "STRICT"]]) },
      expected: { mtls: true, plaintextPorts: [8080] },
    },
  ];
  it.each(modes)("$rule", ({ modes: given, expected }) => {
    const of = service("payment", {
      spec: {
        ports: [
          { name: "http", port: 80 },
          { name: "admin", port: 90 },
        ],
      },
    });
    const two = [
      slice("payment", [{ address: "10.0.0.1", pod: "p1" }], { ports: { http: 8080, admin: 9090 } }),
    ];
    const [found] = endpoints(two, { pods: [meshed], modes: given, of });
    expect(found).toMatchObject(expected);
    if (!("plaintextPorts" in expected)) expect(found).not.toHaveProperty("plaintextPorts");
  });
});

describe("an endpoint's locality", () => {
  const n1 = object(
    "Node",
    "metadata: {name: n1, labels: {topology.kubernetes.io/region: eu, topology.kubernetes.io/zone: eu-1, topology.istio.io/subzone: rack}}",
  );
  const at = (zone?: string) => [
    slice("payment", [{ address: "10.0.0.1", pod: "p1", node: "n1", ...(zone && { zone }) }]),
  ];
  it("is its node's region, zone and subzone", () => {
    expect(endpoints(at(), { nodes: [n1] })[0]?.locality).toBe("eu/eu-1/rack");
  });
  it("is what its pod says before that, dots for slashes", () => {
    const own = pod("p1", { labels: { "istio-locality": "us.us-2" } });
    expect(endpoints(at(), { nodes: [n1], pods: [own] })[0]?.locality).toBe("us/us-2");
  });
  it("is nothing when nobody says", () => {
    expect(endpoints(at())[0]).not.toHaveProperty("locality");
  });
});
