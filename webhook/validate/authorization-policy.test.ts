import { describe, expect, test } from "vitest";
import { checkRules, type RuleCase, warningsOf } from "./fixtures.ts";

const source = (own: Record<string, unknown>, more: Record<string, unknown> = {}) => ({
  rules: [{ from: [{ source: own }] }],
  ...more,
});
const operation = (own: Record<string, unknown>) => ({ rules: [{ to: [{ operation: own }] }] });
const when = (own: Record<string, unknown>, more: Record<string, unknown> = {}) => ({
  rules: [{ when: [own] }],
  ...more,
});
const custom = { action: "CUSTOM", provider: { name: "ext" } };
const keys =
  "must be request.headers[NAME], request.auth.claims[NAME] or one of source.ip, remote.ip, source.namespace, source.serviceAccount, source.principal, source.trustDomain, request.auth.principal, request.auth.audiences, request.auth.presenter, destination.ip, destination.port, connection.sni";
const cidr = "must be an IP address or a CIDR, such as 198.18.0.0/15";
const port = "must be a port: a number from 0 to 65535";

const cases: RuleCase[] = [
  {
    rule: "an empty spec denies all, and is sound",
    bad: 5,
    says: ["spec: Invalid value: 5: must be an object"],
    good: {},
  },
  {
    rule: "one way to name targets",
    bad: {
      selector: { matchLabels: { app: "a" } },
      targetRef: { kind: "Service", name: "a" },
      targetRefs: [{ kind: "Service", name: "a" }],
    },
    says: [
      "spec.targetRef: Forbidden: may not be used together with selector",
      "spec.targetRefs: Forbidden: may not be used together with selector",
    ],
    good: {
      targetRefs: [
        { kind: "Service", name: "a" },
        { group: "gateway.networking.k8s.io", kind: "Gateway", name: "g" },
      ],
    },
  },
  {
    rule: "targets",
    bad: {
      targetRefs: [
        { namespace: "other" },
        { kind: "Pod", name: "a" },
        { group: "apps", kind: "Gateway", name: "g" },
      ],
    },
    says: [
      "spec.targetRefs[0].name: Required value: the target's name",
      "spec.targetRefs[0].namespace: Forbidden: a target is of the policy's own namespace",
      "spec.targetRefs[0].kind: Required value: one of Service, ServiceEntry, Gateway, GatewayClass",
      'spec.targetRefs[1].kind: Unsupported value: "Pod": supported values: "Service", "ServiceEntry", "Gateway", "GatewayClass"',
      'spec.targetRefs[2].group: Invalid value: "apps": must be "gateway.networking.k8s.io" for kind Gateway',
    ],
    good: { targetRef: { group: "networking.istio.io", kind: "ServiceEntry", name: "s" } },
  },
  {
    rule: "at most 16 targets",
    bad: { targetRefs: Array.from({ length: 17 }, () => ({ kind: "Service", name: "a" })) },
    says: ["spec.targetRefs: Forbidden: 17 targets; at most 16 are allowed"],
    good: { targetRefs: Array.from({ length: 16 }, () => ({ kind: "Service", name: "a" })) },
  },
  {
    rule: "selectors hold no wildcard",
    bad: { selector: { matchLabels: { "a*": "b*", long: "x".repeat(64) } } },
    says: [
      'spec.selector.matchLabels[a*]: Invalid value: "a*": the key must not contain *: wildcards are not supported in selectors',
      'spec.selector.matchLabels[a*]: Invalid value: "b*": must not contain *: wildcards are not supported in selectors',
      `spec.selector.matchLabels[long]: Invalid value: "${"x".repeat(56)}...: must have at most 63 characters`,
    ],
    good: { selector: { matchLabels: { app: "a" } } },
  },
  {
    rule: "actions",
    bad: { action: "LOG" },
    says: ['spec.action: Unsupported value: "LOG": supported values: "ALLOW", "DENY", "AUDIT", "CUSTOM"'],
    good: { action: "AUDIT" },
  },
  {
    rule: "CUSTOM needs a provider and rules",
    bad: { action: "CUSTOM" },
    says: [
      "spec.provider.name: Required value: a CUSTOM policy needs its provider's name",
      "spec.rules: Required value: a CUSTOM policy needs rules",
    ],
    good: { ...custom, rules: [{}] },
  },
  {
    rule: "only CUSTOM has a provider",
    bad: { action: "DENY", provider: { name: "ext" }, rules: [{}] },
    says: ["spec.provider: Forbidden: only a CUSTOM policy has a provider; the action is DENY"],
    good: { action: "DENY", rules: [{}] },
  },
  {
    rule: "DENY has rules",
    bad: { action: "DENY" },
    says: ["spec.rules: Required value: a DENY policy without rules would never act"],
    good: { action: "DENY", rules: [] },
  },
  {
    rule: "CUSTOM cannot ask who is calling",
    bad: source(
      {
        principals: ["a"],
        namespaces: ["a"],
        trustDomains: ["a"],
        requestPrincipals: ["a"],
        notPrincipals: ["a"],
        ipBlocks: ["192.0.2.1"],
      },
      custom,
    ),
    says: ["principals", "notPrincipals", "requestPrincipals", "namespaces", "trustDomains"].map(
      (name) => `spec.rules[0].from[0].source.${name}: Forbidden: cannot be used with action CUSTOM`,
    ),
    good: source({ ipBlocks: ["192.0.2.1"] }, custom),
  },
  {
    rule: "CUSTOM cannot ask for conditions of the caller",
    bad: {
      ...custom,
      rules: [
        {
          when: [
            { key: "source.principal", values: ["a"] },
            { key: "request.auth.claims[a]", values: ["a"] },
          ],
        },
      ],
    },
    says: [0, 1].map(
      (index) => `spec.rules[0].when[${index}].key: Forbidden: cannot be used with action CUSTOM`,
    ),
    good: when({ key: "request.headers[a]", values: ["b"] }, custom),
  },
  {
    rule: "lists of a rule are not empty or null",
    bad: { rules: [null, { from: [], to: [] }, { from: [null], to: [{}] }, { from: [{}] }] },
    says: [
      "spec.rules[0]: Required value: must not be null",
      "spec.rules[1].from: Invalid value: []: must have at least one entry; leave it out to match everything",
      "spec.rules[1].to: Invalid value: []: must have at least one entry; leave it out to match everything",
      "spec.rules[2].from[0]: Required value: must not be null",
      "spec.rules[2].to[0].operation: Required value: what is called",
      "spec.rules[3].from[0].source: Required value: who may be calling",
    ],
    good: { rules: [{}, { from: [{ source: { namespaces: ["a"] } }] }] },
  },
  {
    rule: "a source and an operation name something",
    bad: { rules: [{ from: [{ source: {} }], to: [{ operation: {} }] }] },
    says: [
      "spec.rules[0].from[0].source: Required value: at least one field: who is meant",
      "spec.rules[0].to[0].operation: Required value: at least one field: what is meant",
    ],
    good: {
      rules: [{ from: [{ source: { principals: ["*"] } }], to: [{ operation: { methods: ["GET"] } }] }],
    },
  },
  {
    rule: "at most 512 rules",
    bad: { rules: Array.from({ length: 513 }, () => ({})) },
    says: ["spec.rules: Forbidden: 513 rules; at most 512 are allowed"],
    good: { rules: Array.from({ length: 512 }, () => ({})) },
  },
  {
    rule: "service accounts",
    bad: source({ serviceAccounts: ["a/b/c", "/b", "a*"], namespaces: ["n"] }),
    says: [
      'spec.rules[0].from[0].source.serviceAccounts[0]: Invalid value: "a/b/c": must be "serviceAccount" or "namespace/serviceAccount"',
      'spec.rules[0].from[0].source.serviceAccounts[1]: Invalid value: "/b": must be "serviceAccount" or "namespace/serviceAccount"',
      'spec.rules[0].from[0].source.serviceAccounts[2]: Invalid value: "a*": must not contain *: wildcards are not supported here',
      "spec.rules[0].from[0].source.serviceAccounts: Forbidden: may not be used together with namespaces: an account names its namespace",
    ],
    good: source({ notServiceAccounts: ["a", "n/a"] }),
  },
  {
    rule: "at most 16 service accounts",
    bad: source({ serviceAccounts: Array.from({ length: 17 }, (_, index) => `a${index}`) }),
    says: ["spec.rules[0].from[0].source.serviceAccounts: Forbidden: 17 accounts; at most 16 are allowed"],
    good: source({ serviceAccounts: ["a"] }),
  },
  {
    rule: "trust domains and addresses",
    bad: source({
      trustDomains: ["a/b", "*a*"],
      ipBlocks: ["300.0.0.1"],
      notRemoteIpBlocks: ["10.0.0.0/40"],
    }),
    says: [
      `spec.rules[0].from[0].source.ipBlocks[0]: Invalid value: "300.0.0.1": ${cidr}`,
      `spec.rules[0].from[0].source.notRemoteIpBlocks[0]: Invalid value: "10.0.0.0/40": ${cidr}`,
      'spec.rules[0].from[0].source.trustDomains[0]: Invalid value: "a/b": must be a trust domain, without "/"',
      'spec.rules[0].from[0].source.trustDomains[1]: Invalid value: "*a*": must contain at most one *',
    ],
    good: source({ trustDomains: ["*.example"], ipBlocks: ["2001:db8::/32", "192.0.2.1"] }),
  },
  {
    rule: "no value is empty or of another type",
    bad: source({ principals: ["", 5] }),
    says: [
      'spec.rules[0].from[0].source.principals[0]: Invalid value: "": must not be empty',
      "spec.rules[0].from[0].source.principals[1]: Invalid value: 5: must be a string",
    ],
    good: source({ principals: ["cluster.local/ns/n/sa/a", "*"] }),
  },
  {
    rule: "ports are numbers in text",
    bad: operation({ ports: ["http", "65536", "-1"], notPorts: [80] }),
    says: [
      `spec.rules[0].to[0].operation.ports[0]: Invalid value: "http": ${port}`,
      `spec.rules[0].to[0].operation.ports[1]: Invalid value: "65536": ${port}`,
      `spec.rules[0].to[0].operation.ports[2]: Invalid value: "-1": ${port}`,
      "spec.rules[0].to[0].operation.notPorts[0]: Invalid value: 80: must be a string",
    ],
    good: operation({ ports: ["0", "65535"] }),
  },
  {
    rule: "path templates",
    bad: operation({ paths: ["/a/{**}/b", "/a{*}", "/{*}/*", "/{*}/{x}", "/{***}"], notPaths: ["/{**"] }),
    says: [
      'spec.rules[0].to[0].operation.paths[0]: Invalid value: "/a/{**}/b": {**} must be the last segment',
      'spec.rules[0].to[0].operation.paths[1]: Invalid value: "/a{*}": {*} and {**} must fill a whole segment',
      'spec.rules[0].to[0].operation.paths[2]: Invalid value: "/{*}/*": must not mix * with {*} or {**}',
      'spec.rules[0].to[0].operation.paths[3]: Invalid value: "/{*}/{x}": must not mix other braces with {*} or {**}',
      'spec.rules[0].to[0].operation.paths[4]: Invalid value: "/{***}": must use {*} or {**} as templates',
      'spec.rules[0].to[0].operation.notPaths[0]: Invalid value: "/{**": must use {*} or {**} as templates',
    ],
    good: operation({ paths: ["/a/*", "*/b", "/{*}/b/{**}", "/literal{x}"] }),
  },
  {
    rule: "a condition has a known key and values",
    bad: {
      rules: [
        {
          when: [
            {},
            { key: "destination.labels[app]", values: ["a"] },
            { key: "source.ip", values: ["x"], notValues: [""] },
            { key: "destination.port", values: ["http"] },
          ],
        },
      ],
    },
    says: [
      "spec.rules[0].when[0]: Required value: at least one of values, notValues",
      "spec.rules[0].when[0].key: Required value: the attribute to look at",
      `spec.rules[0].when[1].key: Invalid value: "destination.labels[app]": ${keys}`,
      'spec.rules[0].when[2].notValues[0]: Invalid value: "": must not be empty',
      `spec.rules[0].when[2].values[0]: Invalid value: "x": ${cidr}`,
      `spec.rules[0].when[3].values[0]: Invalid value: "http": ${port}`,
    ],
    good: {
      rules: [
        {
          when: [
            { key: "request.headers[x-a]", notValues: ["b"] },
            { key: "request.auth.claims[a][b]", values: ["c"] },
            { key: "experimental.envoy.filters.x", values: ["y"] },
            { key: "source.serviceAccount", values: ["n/a"] },
            { key: "source.trustDomain", values: ["td"] },
          ],
        },
      ],
    },
  },
];

checkRules("AuthorizationPolicy", cases);

test("warns of a selector without labels", () => {
  expect(warningsOf("AuthorizationPolicy", { selector: {} })).toEqual([
    "spec.selector: selects every workload, as it has no labels",
  ]);
});

describe("a DENY policy of what only HTTP has", () => {
  const deny = (rule: Record<string, unknown>) => ({ action: "DENY", rules: [rule] });
  test.each([
    {
      what: "methods without ports",
      spec: deny({ to: [{ operation: { methods: ["POST"] } }] }),
      says: ["spec.rules[0]: will deny all traffic to TCP ports, as it names only what HTTP has; add ports"],
    },
    {
      what: "request principals without an operation",
      spec: deny({ from: [{ source: { requestPrincipals: ["*"] } }] }),
      says: ["spec.rules[0]: will deny all traffic to TCP ports, as it names only what HTTP has"],
    },
    {
      what: "ports beside methods",
      spec: deny({ to: [{ operation: { methods: ["POST"], ports: ["80"] } }] }),
      says: [],
    },
    { what: "principals", spec: deny({ from: [{ source: { principals: ["*"] } }] }), says: [] },
    { what: "ALLOW", spec: { rules: [{ to: [{ operation: { methods: ["POST"] } }] }] }, says: [] },
  ])("$what: the warnings are as expected", ({ spec, says }) => {
    expect(warningsOf("AuthorizationPolicy", spec)).toEqual(says);
  });
});
