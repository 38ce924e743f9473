import { describe, expect, test } from "vitest";
import { checkRules, type RuleCase, warningsOf } from "./fixtures.ts";

const http = { number: 80, name: "http", protocol: "HTTP" };
const tcp = { number: 3306, name: "sql", protocol: "TCP" };
const se = (fields: object) => ({ hosts: ["api.example.com"], ports: [http], ...fields });
const fixed = (endpoint: object, fields: object = {}) =>
  se({ resolution: "STATIC", endpoints: [endpoint], ...fields });
const named = (endpoint: object) => se({ resolution: "DNS", endpoints: [endpoint] });
const at = "spec.endpoints[0]";

const cases: RuleCase[] = [
  {
    rule: "a spec is needed",
    bad: undefined,
    says: ["spec: Required value: hosts, and where they are"],
    good: se({}),
  },
  {
    rule: "there is a host",
    bad: se({ hosts: [] }),
    says: ["spec.hosts: Required value: at least one host"],
    good: se({ hosts: ["*.example.com"] }),
  },
  {
    rule: "a host is not every host",
    bad: se({ hosts: ["*"] }),
    says: ['spec.hosts[0]: Invalid value: "*": must name the host: * alone is every one'],
    good: se({ hosts: ["api"] }),
  },
  {
    rule: "a host is a domain name",
    bad: se({ hosts: ["a_b.example", "a.*.example"] }),
    says: ["a_b.example", "a.*.example"].map(
      (host, i) =>
        `spec.hosts[${i}]: Invalid value: "${host}": must be a domain name, with a wildcard in its first label or not`,
    ),
    good: se({ hosts: ["api.example.com."] }),
  },
  {
    rule: "addresses are addresses",
    bad: se({ addresses: ["api.example.com"] }),
    says: [
      'spec.addresses[0]: Invalid value: "api.example.com": must be an IP address or a CIDR, such as 198.18.0.0/15',
    ],
    good: se({ addresses: ["198.18.0.0/15", "2001:db8::1"] }),
  },
  {
    rule: "a CIDR is not resolved",
    bad: se({ addresses: ["198.18.0.0/15"], resolution: "DNS" }),
    says: ["spec.addresses[0]: Forbidden: a CIDR is for the resolutions NONE and STATIC"],
    good: se({ addresses: ["198.18.0.1"], resolution: "DNS" }),
  },
  {
    rule: "ports have a name and a number",
    bad: se({ ports: [{}, null] }),
    says: [
      "spec.ports[1]: Required value: must not be null",
      "spec.ports[0].name: Required value: the port's name",
      "spec.ports[0].number: Required value: the port that clients call",
    ],
    good: se({ ports: [{ number: 65535, name: "a" }] }),
  },
  {
    rule: "names and numbers of ports are their own",
    bad: se({ ports: [http, http] }),
    says: ['spec.ports[1].name: Duplicate value: "http"', "spec.ports[1].number: Duplicate value: 80"],
    good: se({ ports: [http, { number: 81, name: "b", protocol: "HTTP" }] }),
  },
  {
    rule: "ports are ports",
    bad: se({ ports: [{ ...http, number: 0, targetPort: 65536 }] }),
    says: [
      "spec.ports[0].number: Invalid value: 0: must be a whole number from 1 to 65535",
      "spec.ports[0].targetPort: Invalid value: 65536: must be a whole number from 1 to 65535",
    ],
    good: se({ ports: [{ ...http, targetPort: 0 }] }),
  },
  {
    rule: "protocols are known",
    bad: se({ ports: [{ ...http, protocol: "SMTP" }] }),
    says: [
      'spec.ports[0].protocol: Invalid value: "SMTP": must be one of HTTP, HTTP2, HTTP_PROXY, GRPC, GRPC-WEB, HTTPS, TLS, TCP, UDP, MONGO, REDIS, MYSQL, HBONE, DOUBLE-HBONE',
    ],
    good: se({ ports: [{ ...http, protocol: "grpc-web" }] }),
  },
  {
    rule: "selectors and endpoints exclude each other",
    bad: fixed({ address: "192.0.2.1" }, { workloadSelector: { labels: { a: "b" } } }),
    says: ["spec.endpoints: Forbidden: may not be used together with workloadSelector"],
    good: se({ resolution: "STATIC", workloadSelector: { labels: { a: "b" } } }),
  },
  {
    rule: "selectors have no wildcards",
    bad: se({ resolution: "STATIC", workloadSelector: { labels: { a: "b*" } } }),
    says: [
      'spec.workloadSelector.labels[a]: Invalid value: "b*": must not contain *: wildcards are not supported in selectors',
    ],
    good: se({ resolution: "DNS", workloadSelector: { labels: { a: "" } } }),
  },
  {
    rule: "NONE has no endpoints",
    bad: se({ endpoints: [{ address: "192.0.2.1" }] }),
    says: [
      "spec.endpoints: Forbidden: are for another resolution than NONE, with which calls go where the client dials",
    ],
    good: se({ endpoints: [] }),
  },
  {
    rule: "STATIC has addresses",
    bad: fixed({ address: "db.example" }),
    says: [
      `${at}.address: Invalid value: "db.example": must be an IP address or unix:///path with resolution STATIC; a name needs DNS`,
    ],
    good: fixed({ address: "2001:db8::1" }),
  },
  {
    rule: "an endpoint has an address",
    bad: fixed({ weight: 1 }),
    says: [`${at}.address: Required value: an IP address`],
    good: fixed({ network: "n" }),
  },
  {
    rule: "a Unix socket has a path",
    bad: fixed({ address: "unix:///a/" }),
    says: [
      `${at}.address: Invalid value: "unix:///a/": must be an absolute path, not a folder's, or abstract (unix://@name)`,
    ],
    good: fixed({ address: "unix://@a" }),
  },
  {
    rule: "a Unix socket has no ports, and is for one",
    bad: fixed({ address: "unix:///a", ports: { http: 1 } }, { ports: [http, { ...tcp }] }),
    says: [
      `${at}.ports: Forbidden: a Unix socket has no ports`,
      `${at}.address: Forbidden: a Unix socket is for one port; spec.ports has 2`,
    ],
    good: fixed({ address: "unix:///a" }),
  },
  {
    rule: "ports of endpoints are those of the hosts",
    bad: fixed({ address: "192.0.2.1", ports: { web: 80, http: 0 } }),
    says: [
      `${at}.ports[web]: Forbidden: spec.ports has no port of this name`,
      `${at}.ports[http]: Invalid value: 0: must be a whole number from 1 to 65535`,
    ],
    good: fixed({ address: "192.0.2.1", ports: { http: 8080 } }),
  },
  {
    rule: "labels and weights are such",
    bad: fixed({ address: "192.0.2.1", labels: { a: "b c" }, weight: -1 }),
    says: [
      `${at}.labels[a]: Invalid value: "b c": must be a label's value: at most 63 letters, digits, '-', '_' or '.'`,
      `${at}.weight: Invalid value: -1: must be a whole number from 0 to 4294967295`,
    ],
    good: fixed({ address: "192.0.2.1", labels: { a: "b" }, weight: 2 }),
  },
  {
    rule: "what is resolved is a name or an address",
    bad: named({ address: "unix:///a" }),
    says: [`${at}.address: Invalid value: "unix:///a": must be a DNS name or an IP address`],
    good: named({ address: "192.0.2.1" }),
  },
  {
    rule: "a wildcard is not resolved",
    bad: se({ hosts: ["*.example.com"], resolution: "DNS" }),
    says: [
      'spec.hosts[0]: Invalid value: "*.example.com": must not be a wildcard, as it is resolved: name endpoints',
    ],
    good: { ...named({ address: "a.example.com" }), hosts: ["*.example.com"] },
  },
  {
    rule: "DNS_ROUND_ROBIN has one endpoint at most",
    bad: se({
      resolution: "DNS_ROUND_ROBIN",
      endpoints: [{ address: "a.example" }, { address: "b.example" }],
    }),
    says: ["spec.endpoints: Forbidden: 2 endpoints; with DNS_ROUND_ROBIN there is at most one"],
    good: se({ resolution: "DNS_ROUND_ROBIN", endpoints: [{ address: "a.example" }] }),
  },
  {
    rule: "several hosts are told apart by HTTP or TLS",
    bad: se({
      hosts: ["a.example", "b.example"],
      ports: [http, tcp],
      addresses: ["192.0.2.1"],
      resolution: "STATIC",
    }),
    says: [
      "spec.ports[1].protocol: Forbidden: with several hosts, ports are of HTTP or TLS: by TCP nothing tells the hosts apart",
    ],
    good: se({ hosts: ["a.example", "b.example"], ports: [http, tcp], addresses: ["192.0.2.1"] }),
  },
  {
    rule: "DYNAMIC_DNS is for wildcards of HTTP and TLS, and nothing else",
    bad: se({
      resolution: "DYNAMIC_DNS",
      ports: [tcp],
      addresses: ["192.0.2.1"],
      endpoints: [{ address: "a.example" }],
    }),
    says: [
      'spec.hosts[0]: Invalid value: "api.example.com": must have a wildcard, as in *.example.com',
      "spec.addresses: Forbidden: may not be used with resolution DYNAMIC_DNS",
      "spec.endpoints: Forbidden: may not be used with resolution DYNAMIC_DNS",
      'spec.ports[0].protocol: Invalid value: "TCP": must be HTTP, HTTP2, GRPC or TLS with resolution DYNAMIC_DNS',
    ],
    good: se({ resolution: "DYNAMIC_DNS", hosts: ["*.example.com"] }),
  },
  {
    rule: "resolutions and locations are known",
    bad: se({ resolution: "dns", location: "EVERYWHERE" }),
    says: [
      'spec.location: Unsupported value: "EVERYWHERE": supported values: "MESH_EXTERNAL", "MESH_INTERNAL"',
      'spec.resolution: Unsupported value: "dns": supported values: "NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"',
    ],
    good: se({ location: "MESH_INTERNAL" }),
  },
  {
    rule: "exportTo may be nobody, alone",
    bad: se({ exportTo: ["~", "."] }),
    says: ['spec.exportTo[0]: Forbidden: "~" must be the only entry'],
    good: se({ exportTo: ["~"] }),
  },
];

checkRules("ServiceEntry", cases);

describe("a ServiceEntry is warned of", () => {
  test.each<[string, object, string]>([
    [
      "a selector without labels",
      { resolution: "STATIC", workloadSelector: {} },
      "spec.workloadSelector: selects every workload, as it has no labels",
    ],
    [
      "a selector that nothing leads to",
      { workloadSelector: { labels: { a: "b" } } },
      "spec.workloadSelector: has no effect with resolution NONE: calls go where the client dials",
    ],
    [
      "a wildcard for a part of a label",
      { hosts: ["*-a.example.com"] },
      "spec.hosts[0]: a wildcard is for a whole label, as in *.example.com: this one is never found",
    ],
    [
      "TCP without addresses",
      { ports: [tcp] },
      "spec.addresses: without any, TCP is the hosts' by its port, and only to their endpoints' addresses",
    ],
    [
      "an endpoint in a network, without an address",
      { resolution: "STATIC", endpoints: [{ network: "n" }] },
      "spec.endpoints[0]: is left out: it has a network, and no address in it",
    ],
  ])("for %s", (_, fields, warning) => {
    expect(warningsOf("ServiceEntry", se(fields))).toEqual([warning]);
  });

  test("for nothing when all is well", () => {
    expect(warningsOf("ServiceEntry", fixed({ address: "192.0.2.1" }))).toEqual([]);
  });
});
