import { describe, expect, test } from "vitest";
import { checkRules, type RuleCase, warningsOf } from "./fixtures.ts";

const http = [{ route: [{ destination: { host: "a" } }] }];
const spec = (own: Record<string, unknown>) => ({ hosts: ["a"], http, ...own });
const tcp = (own: Record<string, unknown>) => ({
  hosts: ["a"],
  tcp: [{ route: [{ destination: { host: "a" } }], ...own }],
});
const tls = (own: Record<string, unknown>, hosts: string[] = ["a.example.com"]) => ({
  hosts,
  tls: [{ match: [{ sniHosts: ["a.example.com"] }], route: [{ destination: { host: "a" } }], ...own }],
});

const cases: RuleCase[] = [
  {
    rule: "a spec is required",
    bad: undefined,
    says: ["spec: Required value: hosts and routes"],
    good: spec({}),
  },
  {
    rule: "a spec is an object",
    bad: "text",
    says: ['spec: Invalid value: "text": must be an object'],
    good: spec({}),
  },
  {
    rule: "at least one sort of route",
    bad: { hosts: ["a"] },
    says: ["spec: Required value: at least one of http, tls, tcp"],
    good: spec({}),
  },
  {
    rule: "a delegate has http routes alone",
    bad: { http, gateways: ["gw"], tls: [{}], tcp: [{}] },
    says: ["gateways", "tls", "tcp"].map(
      (name) => `spec.${name}: Forbidden: a VirtualService without hosts may have http routes alone`,
    ),
    good: { http },
  },
  {
    rule: "hosts are domain names or addresses",
    bad: spec({ hosts: ["under_score", "a..b", "1.2.3", "x*.com", ""] }),
    says: [
      'spec.hosts[4]: Invalid value: "": must not be empty',
      'spec.hosts[0]: Invalid value: "under_score": domain name "under_score" invalid',
      'spec.hosts[1]: Invalid value: "a..b": domain name "a..b" invalid',
      'spec.hosts[2]: Invalid value: "1.2.3": domain name "1.2.3" invalid',
      'spec.hosts[3]: Invalid value: "x*.com": domain name "x*.com" invalid',
    ],
    good: spec({
      hosts: ["reviews", "reviews.shop.svc.cluster.local.", "*.com", "*-a.org", "192.0.2.1", "2001:db8::1"],
    }),
  },
  {
    rule: "a bare * is a gateway's",
    bad: spec({ hosts: ["*"], gateways: ["gw", "mesh"] }),
    says: [
      'spec.hosts[0]: Invalid value: "*": "*" is allowed only in a VirtualService bound to gateways alone',
    ],
    good: spec({ hosts: ["*"], gateways: ["gw"] }),
  },
  {
    rule: "hosts do not repeat or cover each other",
    bad: spec({ hosts: ["*.com", "a", "*.foo.com", "A", "b.foo.com"] }),
    says: [
      'spec.hosts[2]: Duplicate value: "*.foo.com": duplicate hosts in virtual service: spec.hosts[0] is "*.com"',
      'spec.hosts[3]: Duplicate value: "A": duplicate hosts in virtual service: spec.hosts[1] is "a"',
      'spec.hosts[4]: Duplicate value: "b.foo.com": duplicate hosts in virtual service: spec.hosts[0] is "*.com"',
    ],
    good: spec({ hosts: ["*.foo.com", "*.bar.com", "foo.com"] }),
  },
  {
    rule: "a gateway's SNI names are hosts there",
    bad: spec({ hosts: ["outbound_.80_._.svc.ns.global"] }),
    says: [
      'spec.hosts[0]: Invalid value: "outbound_.80_._.svc.ns.global": domain name "outbound_.80_._.svc.ns.global" invalid',
    ],
    good: spec({ hosts: ["outbound_.80_._.svc.ns.global"], gateways: ["gw"] }),
  },
  {
    rule: "gateways are names",
    bad: spec({ gateways: ["a/b/c", "/x", "under_score"] }),
    says: ["a/b/c", "/x", "under_score"].map(
      (name, index) =>
        `spec.gateways[${index}]: Invalid value: "${name}": must be "namespace/name" or a name`,
    ),
    good: spec({ gateways: ["gw", "ns/gw", "mesh"] }),
  },
  {
    rule: "exportTo",
    bad: spec({ exportTo: [".", "shop", "*", "UP_"] }),
    says: [
      'spec.exportTo[1]: Duplicate value: "shop"',
      'spec.exportTo[2]: Forbidden: "*" must be the only entry',
      'spec.exportTo[3]: Invalid value: "UP_": must be ".", "*" or the name of a namespace',
    ],
    good: spec({ exportTo: [".", "other"] }),
  },
  {
    rule: "null items are refused",
    bad: spec({ http: [null, ...http] }),
    says: ["spec.http[0]: Required value: must not be null"],
    good: spec({}),
  },
  {
    rule: "lists are lists",
    bad: spec({ http: { route: [] } }),
    says: ['spec.http: Invalid value: {"route":[]}: must be a list'],
    good: spec({}),
  },
  {
    rule: "a TLS route matches SNI",
    bad: tls({ match: [] }),
    says: ["spec.tls[0].match: Required value: at least one match with sniHosts"],
    good: tls({}),
  },
  {
    rule: "a TLS match names SNI hosts",
    bad: tls({ match: [{ port: 443 }] }),
    says: ["spec.tls[0].match[0].sniHosts: Required value: at least one SNI host"],
    good: tls({ match: [{ port: 443, sniHosts: ["a.example.com"] }] }),
  },
  {
    rule: "SNI hosts are the VirtualService's",
    bad: tls({ match: [{ sniHosts: ["b.example.com", "a_b"] }] }),
    says: [
      'spec.tls[0].match[0].sniHosts[0]: Invalid value: "b.example.com": must be one of spec.hosts or be covered by one',
      'spec.tls[0].match[0].sniHosts[1]: Invalid value: "a_b": must be a domain name, whose first label may be *',
    ],
    good: tls({ match: [{ sniHosts: ["b.example.com", "*.c.example.com"] }] }, ["*.example.com"]),
  },
  {
    rule: "a TLS route has destinations",
    bad: tls({ route: [] }),
    says: ["spec.tls[0].route: Required value: at least one destination"],
    good: tls({}),
  },
  {
    rule: "TCP subnets, ports and labels",
    bad: tcp({
      match: [
        {
          destinationSubnets: ["10.0.0.0/33", "01.2.3.4", "fe80::1%eth0/64"],
          port: 65536,
          sourceLabels: { "a b": "ok", app: "not ok" },
          sourceNamespace: "Not_One",
        },
      ],
    }),
    says: [
      'spec.tcp[0].match[0].destinationSubnets[0]: Invalid value: "10.0.0.0/33": must be an IP address or a CIDR, such as 198.18.0.0/15',
      'spec.tcp[0].match[0].destinationSubnets[1]: Invalid value: "01.2.3.4": must be an IP address or a CIDR, such as 198.18.0.0/15',
      'spec.tcp[0].match[0].destinationSubnets[2]: Invalid value: "fe80::1%eth0/64": must be an IP address or a CIDR, such as 198.18.0.0/15',
      "spec.tcp[0].match[0].port: Invalid value: 65536: must be a whole number from 1 to 65535",
      `spec.tcp[0].match[0].sourceLabels[a b]: Invalid value: "a b": the key must be a label's, such as app or example.com/app`,
      `spec.tcp[0].match[0].sourceLabels[app]: Invalid value: "not ok": must be a label's value: at most 63 letters, digits, '-', '_' or '.'`,
      `spec.tcp[0].match[0].sourceNamespace: Invalid value: "Not_One": must be a DNS label: letters, digits and '-', at most 63, alphanumeric at both ends`,
    ],
    good: tcp({
      match: [
        {
          destinationSubnets: ["10.0.0.0/8", "fd00::/8", "192.0.2.1"],
          port: 1,
          sourceLabels: { "example.com/app": "" },
        },
      ],
    }),
  },
  {
    rule: "a TCP route has destinations that weigh something",
    bad: {
      hosts: ["a"],
      tcp: [{}, { route: [{ destination: { host: "a" } }, { destination: { host: "b" } }] }],
    },
    says: [
      "spec.tcp[0].route: Required value: at least one destination",
      "spec.tcp[1].route: Invalid value: 0: total destination weight = 0: at least one of several destinations needs a weight above 0",
    ],
    good: tcp({}),
  },
];

checkRules("VirtualService", cases);

describe("a VirtualService", () => {
  const match = (uri: unknown, more = {}) => ({ uri, ...more });
  const route = (matches?: unknown[]) => ({
    ...(matches === undefined ? {} : { match: matches }),
    route: [{ destination: { host: "a" } }],
  });

  test.each([
    {
      what: "a route after one that matches everything",
      routes: [route(), route([match({ prefix: "/a" })])],
      says: ["spec.http[1]: is never reached: spec.http[0] before it matches everything"],
    },
    {
      what: "the same match twice, whatever the order of its members",
      routes: [
        route([match({ exact: "/a" }, { port: 80, name: "one" })]),
        route([{ port: 80, uri: { exact: "/a" } }, match({ exact: "/b" })]),
      ],
      says: ["spec.http[1].match[0]: is never used: spec.http[0].match[0] is the same"],
    },
    {
      what: "a longer path after its prefix",
      routes: [
        route([match({ prefix: "/a" })]),
        route([match({ prefix: "/a/b" }, { method: { exact: "GET" } })]),
      ],
      says: [
        'spec.http[1].match[0]: is never used: spec.http[0].match[0] takes prefix "/a"',
        "spec.http[1]: is never reached: earlier rules take all that it matches",
      ],
    },
    {
      what: "a longer path whose prefix had a condition more",
      routes: [route([match({ prefix: "/a" }, { port: 80 })]), route([match({ exact: "/a/b" })])],
      says: [],
    },
    {
      what: "a path without regard to case after a prefix that regards it",
      routes: [route([match({ prefix: "/a" })]), route([match({ prefix: "/a/B" }, { ignoreUriCase: true })])],
      says: [],
    },
    {
      what: "the usual order, specific before general",
      routes: [route([match({ prefix: "/a/b" })]), route([match({ prefix: "/a" })]), route()],
      says: [],
    },
  ])("warns of $what", ({ routes, says }) => {
    expect(warningsOf("VirtualService", spec({ http: routes }))).toEqual(says);
  });

  test("warns of an unreachable TCP route", () => {
    const one = { route: [{ destination: { host: "a" } }] };
    expect(warningsOf("VirtualService", { hosts: ["a"], tcp: [one, one] })).toEqual([
      "spec.tcp[1]: is never reached: spec.tcp[0] before it matches everything",
    ]);
  });

  test("warns of gateways in the old form and of addresses as SNI", () => {
    expect(warningsOf("VirtualService", spec({ gateways: ["gw.ns"] }))).toEqual([
      'spec.gateways[0]: "name.namespace" is an old form; write "namespace/name"',
    ]);
    expect(warningsOf("VirtualService", tls({ match: [{ sniHosts: ["192.0.2.1"] }] }))).toEqual([
      "spec.tls[0].match[0].sniHosts[0]: an IP address is never sent as SNI (RFC 6066, section 3)",
    ]);
  });

  test("warns of fields it does not know, which the API server drops", () => {
    expect(warningsOf("VirtualService", spec({ host: "typo" }))).toEqual([
      'spec: unknown field "host" is ignored',
    ]);
  });
});
