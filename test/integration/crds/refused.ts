/** What the API server refuses by itself, with what it says: field and message. */
export interface Refusal {
  readonly name: string;
  readonly plural: string;
  readonly spec: unknown;
  /** Field path and message as the answer has them. */
  readonly says: string;
}

const duration = `expected a duration of at least 1ms, such as "500ms", "1.5s" or "1h"`;
const route = [{ destination: { host: "b" } }];
const http = (part: object) => ({ hosts: ["b"], http: [{ route, ...part }] });
const dr = (trafficPolicy: object) => ({ host: "b", trafficPolicy });
const source = (part: object) => ({ rules: [{ from: [{ source: part }] }] });

const virtualService = (name: string, spec: unknown, says: string): Refusal => ({
  name,
  plural: "virtualservices",
  spec,
  says,
});
const destinationRule = (name: string, spec: unknown, says: string): Refusal => ({
  name,
  plural: "destinationrules",
  spec,
  says,
});
const peerAuthentication = (name: string, spec: unknown, says: string): Refusal => ({
  name,
  plural: "peerauthentications",
  spec,
  says,
});
const authorizationPolicy = (name: string, spec: unknown, says: string): Refusal => ({
  name,
  plural: "authorizationpolicies",
  spec,
  says,
});

const requestAuthentication = (name: string, rule: object, says: string): Refusal => ({
  name,
  plural: "requestauthentications",
  spec: { jwtRules: [rule] },
  says,
});
const serviceEntry = (name: string, spec: object, says: string): Refusal => ({
  name,
  plural: "serviceentries",
  spec: { hosts: ["a.example"], ...spec },
  says,
});
const rateLimit = (name: string, rule: object, says: string): Refusal => ({
  name,
  plural: "ratelimits",
  spec: { rules: [{ limit: { requests: 1 }, ...rule }] },
  says,
});

export const refusals: readonly Refusal[] = [
  virtualService(
    "a timeout of 0s",
    http({ timeout: "0s" }),
    `spec.http[0].timeout: Invalid value: "0s": ${duration}`,
  ),
  virtualService(
    "a negative timeout",
    http({ timeout: "-1s" }),
    `spec.http[0].timeout: Invalid value: "-1s": ${duration}`,
  ),
  virtualService("a timeout without a unit", http({ timeout: "10" }), `evaluating rule: ${duration}`),
  virtualService(
    "a try's timeout below a millisecond",
    http({ retries: { perTryTimeout: "999us" } }),
    `spec.http[0].retries.perTryTimeout: Invalid value: "999us": ${duration}`,
  ),
  virtualService("a back-off of 0s", http({ retries: { backoff: "0s" } }), "spec.http[0].retries.backoff"),
  virtualService(
    "a delay of 0s",
    http({ fault: { delay: { fixedDelay: "0s" } } }),
    "spec.http[0].fault.delay.fixedDelay",
  ),
  virtualService(
    "a CORS age of 0s",
    http({ corsPolicy: { maxAge: "0s" } }),
    "spec.http[0].corsPolicy.maxAge",
  ),
  virtualService(
    "a match that is exact and a prefix",
    http({ match: [{ uri: { exact: "/a", prefix: "/" } }] }),
    "spec.http[0].match[0].uri: Invalid value: set at most one of exact, prefix and regex",
  ),
  virtualService(
    "a header's match that is a prefix and a regex",
    http({ match: [{ headers: { "x-a": { prefix: "a", regex: "a" } } }] }),
    "spec.http[0].match[0].headers[x-a]: Invalid value: set at most one of exact, prefix and regex",
  ),
  virtualService(
    "a redirect with port and derivePort",
    { http: [{ redirect: { port: 80, derivePort: "FROM_REQUEST_PORT" } }] },
    "spec.http[0].redirect: Invalid value: set at most one of port and derivePort",
  ),
  virtualService(
    "a body that is text and bytes",
    { http: [{ directResponse: { status: 200, body: { string: "a", bytes: "YQ==" } } }] },
    "spec.http[0].directResponse.body: Invalid value: set at most one of string and bytes",
  ),
  virtualService(
    "a direct response without a status",
    { http: [{ directResponse: {} }] },
    "spec.http[0].directResponse.status: Required value",
  ),
  virtualService(
    "two delays",
    http({ fault: { delay: { fixedDelay: "1s", exponentialDelay: "1s" } } }),
    "spec.http[0].fault.delay: Invalid value: set at most one of fixedDelay and exponentialDelay",
  ),
  virtualService(
    "two aborts",
    http({ fault: { abort: { httpStatus: 500, grpcStatus: "INTERNAL" } } }),
    "spec.http[0].fault.abort: Invalid value: set at most one of httpStatus, grpcStatus and http2Error",
  ),
  virtualService(
    "a route without a host",
    { http: [{ route: [{ destination: {} }] }] },
    "destination.host: Required value",
  ),
  virtualService(
    "a TLS match without sniHosts",
    { tls: [{ match: [{ port: 443 }], route }] },
    "spec.tls[0].match[0].sniHosts: Required value",
  ),
  virtualService("a port below 0", http({ match: [{ port: -1 }] }), "should be greater than or equal to 0"),
  virtualService("an unknown field", http({ timeOut: "1s" }), `unknown field "spec.http[0].timeOut"`),

  destinationRule("no host", {}, "spec.host: Required value"),
  destinationRule(
    "a subset without a name",
    { host: "b", subsets: [{}] },
    "spec.subsets[0].name: Required value",
  ),
  destinationRule(
    "an unknown balancer",
    dr({ loadBalancer: { simple: "FASTEST" } }),
    `spec.trafficPolicy.loadBalancer.simple: Unsupported value: "FASTEST"`,
  ),
  destinationRule(
    "a simple and a hashing balancer",
    dr({ loadBalancer: { simple: "RANDOM", consistentHash: { useSourceIp: true } } }),
    "spec.trafficPolicy.loadBalancer: Invalid value: set at most one of simple, consistentHash and backendUtilization",
  ),
  destinationRule(
    "two hash keys, of a port of a subset",
    {
      host: "b",
      subsets: [
        {
          name: "v1",
          trafficPolicy: {
            portLevelSettings: [
              { loadBalancer: { consistentHash: { httpHeaderName: "x", useSourceIp: true } } },
            ],
          },
        },
      ],
    },
    "spec.subsets[0].trafficPolicy.portLevelSettings[0].loadBalancer.consistentHash: Invalid value: set at most one of httpHeaderName, httpCookie, useSourceIp and httpQueryParameterName",
  ),
  destinationRule(
    "two hash algorithms",
    dr({ loadBalancer: { consistentHash: { ringHash: {}, maglev: {} } } }),
    "spec.trafficPolicy.loadBalancer.consistentHash: Invalid value: set at most one of ringHash and maglev",
  ),
  destinationRule(
    "a connect timeout of 0s",
    dr({ connectionPool: { tcp: { connectTimeout: "0s" } } }),
    `spec.trafficPolicy.connectionPool.tcp.connectTimeout: Invalid value: "0s": ${duration}`,
  ),
  destinationRule(
    "an interval of 0s",
    dr({ outlierDetection: { interval: "0s" } }),
    `spec.trafficPolicy.outlierDetection.interval: Invalid value: "0s": ${duration}`,
  ),
  destinationRule(
    "a status above 599",
    dr({ outlierDetection: { outlierDetectionHttpErrorCodes: [600] } }),
    "should be less than or equal to 599",
  ),
  destinationRule(
    "a warm-up without a duration",
    dr({ loadBalancer: { warmup: {} } }),
    "warmup.duration: Required value",
  ),
  destinationRule(
    "a warm-up from more than everything",
    dr({ loadBalancer: { warmup: { duration: "1s", minimumPercent: 101 } } }),
    "should be less than or equal to 100",
  ),
  destinationRule(
    "a retry budget above 100",
    dr({ retryBudget: { percent: 101 } }),
    "should be less than or equal to 100",
  ),
  destinationRule(
    "a wildcard in a selector's value",
    { host: "b", workloadSelector: { matchLabels: { app: "a*" } } },
    'spec.workloadSelector.matchLabels[app]: Invalid value: "a*": a label\'s value is compared as it is: wildcards are not supported',
  ),

  peerAuthentication("an unknown mode", { mtls: { mode: "ON" } }, `spec.mtls.mode: Unsupported value: "ON"`),
  peerAuthentication(
    "ports without a selector",
    { portLevelMtls: { 80: { mode: "DISABLE" } } },
    "spec: Invalid value: portLevelMtls needs a selector with at least one label",
  ),
  peerAuthentication(
    "ports with an empty selector",
    { selector: { matchLabels: {} }, portLevelMtls: { 80: { mode: "DISABLE" } } },
    "spec: Invalid value: portLevelMtls needs a selector with at least one label",
  ),
  peerAuthentication(
    "port 0",
    { selector: { matchLabels: { app: "a" } }, portLevelMtls: { 0: { mode: "DISABLE" } } },
    "spec.portLevelMtls: Invalid value: each key must be a port number from 1 to 65535",
  ),
  peerAuthentication(
    "a port by name",
    { selector: { matchLabels: { app: "a" } }, portLevelMtls: { http: { mode: "DISABLE" } } },
    "evaluating rule: each key must be a port number from 1 to 65535",
  ),
  peerAuthentication(
    "no ports at all",
    { selector: { matchLabels: { app: "a" } }, portLevelMtls: {} },
    "spec.portLevelMtls in body should have at least 1 properties",
  ),
  peerAuthentication(
    "a wildcard in a selector's name",
    { selector: { matchLabels: { "a*": "b" } } },
    "spec.selector.matchLabels: Invalid value: a label's name is compared as it is: wildcards are not supported",
  ),
  peerAuthentication(
    "an empty name in a selector",
    { selector: { matchLabels: { "": "b" } } },
    "spec.selector.matchLabels: Invalid value: a label's name must not be empty",
  ),
  peerAuthentication(
    "a selector's value that no label can have",
    { selector: { matchLabels: { a: "b".repeat(64) } } },
    "spec.selector.matchLabels.a: Too long: may not be more than 63 bytes",
  ),

  requestAuthentication(
    "keys at two places",
    { jwks: "{}", jwksUri: "https://a" },
    "set at most one of jwksUri, jwks_uri and jwks",
  ),
  requestAuthentication(
    "keys in a file",
    { jwksUri: "file:///keys" },
    "spec.jwtRules[0].jwksUri in body should match '^https?://[^/?#]+.*$'",
  ),
  requestAuthentication("keys without a host", { jwksUri: "https:///keys" }, "spec.jwtRules[0].jwksUri"),
  requestAuthentication(
    "an empty audience",
    { audiences: [""] },
    "spec.jwtRules[0].audiences[0] in body should be at least 1 chars long",
  ),
  requestAuthentication(
    "a header without a name",
    { fromHeaders: [{ prefix: "a" }] },
    "spec.jwtRules[0].fromHeaders[0].name: Required value",
  ),
  requestAuthentication(
    "a header with a line break",
    { outputClaimToHeaders: [{ header: "a\r\nb", claim: "c" }] },
    "spec.jwtRules[0].outputClaimToHeaders[0].header in body should match",
  ),
  requestAuthentication(
    "a timeout of 0s",
    { timeout: "0s" },
    `spec.jwtRules[0].timeout: Invalid value: "0s": ${duration}`,
  ),
  {
    name: "a selector and a target",
    plural: "requestauthentications",
    spec: { selector: { matchLabels: { a: "b" } }, targetRef: { kind: "Gateway", name: "g" } },
    says: "set at most one of selector, targetRef and targetRefs",
  },
  {
    name: "a selector and targets",
    plural: "envoyfilters",
    spec: { workloadSelector: { labels: { a: "b" } }, targetRefs: [{ kind: "Gateway", name: "g" }] },
    says: "set at most one of workloadSelector and targetRefs",
  },
  { name: "no spec", plural: "serviceentries", spec: undefined, says: "spec: Required value" },
  serviceEntry("no hosts", { hosts: [] }, "spec.hosts in body should have at least 1 items"),
  serviceEntry("every host", { hosts: ["*"] }, 'spec.hosts[0]: Invalid value: "*": name the host'),
  serviceEntry(
    "a selector and endpoints",
    { resolution: "STATIC", workloadSelector: {}, endpoints: [{ address: "192.0.2.1" }] },
    "set at most one of workloadSelector and endpoints",
  ),
  serviceEntry(
    "a CIDR that is resolved",
    { addresses: ["198.18.0.0/15"], resolution: "DNS" },
    "addresses may be CIDRs when resolution is NONE or STATIC",
  ),
  serviceEntry(
    "endpoints that nothing leads to",
    { endpoints: [{ address: "192.0.2.1" }] },
    "endpoints are for a resolution other than NONE",
  ),
  serviceEntry(
    "two endpoints of DNS_ROUND_ROBIN",
    { resolution: "DNS_ROUND_ROBIN", endpoints: [{ address: "a.example" }, { address: "b.example" }] },
    "with DNS_ROUND_ROBIN there is at most one endpoint",
  ),
  serviceEntry(
    "two ports of one number",
    {
      ports: [
        { number: 80, name: "a" },
        { number: 80, name: "b" },
      ],
    },
    "each port has a number of its own",
  ),
  serviceEntry(
    "two ports of one name",
    {
      ports: [
        { number: 80, name: "a" },
        { number: 81, name: "a" },
      ],
    },
    "spec.ports[1]: Duplicate value",
  ),
  serviceEntry("a port 0", { ports: [{ number: 0, name: "a" }] }, "spec.ports[0].number"),
  serviceEntry(
    "a target port beyond 65535",
    { ports: [{ number: 1, name: "a", targetPort: 65536 }] },
    "spec.ports[0].targetPort",
  ),
  serviceEntry(
    "a selector with a wildcard",
    { workloadSelector: { labels: { app: "a*" } } },
    "wildcards are not supported",
  ),
  serviceEntry(
    "an endpoint that is nowhere",
    { resolution: "STATIC", endpoints: [{}] },
    "set address, or network",
  ),
  serviceEntry(
    "a relative Unix socket",
    { resolution: "STATIC", endpoints: [{ address: "unix://a" }] },
    "a Unix socket is an absolute path, or abstract",
  ),
  serviceEntry(
    "a folder for a Unix socket",
    { resolution: "STATIC", endpoints: [{ address: "unix:///a/" }] },
    "a Unix socket is not a folder",
  ),
  serviceEntry(
    "ports of a Unix socket",
    { resolution: "STATIC", endpoints: [{ address: "unix:///a", ports: { a: 1 } }] },
    "a Unix socket has no ports",
  ),
  serviceEntry(
    "an endpoint's port 0",
    { resolution: "STATIC", endpoints: [{ address: "192.0.2.1", ports: { a: 0 } }] },
    "spec.endpoints[0].ports.a",
  ),
  serviceEntry(
    "an endpoint's port with a name that is none",
    { resolution: "STATIC", endpoints: [{ address: "192.0.2.1", ports: { a_b: 1 } }] },
    "a port's name is a DNS label",
  ),
  rateLimit("no requests", { limit: { requests: 0 } }, "spec.rules[0].limit.requests"),
  rateLimit(
    "two intervals",
    { limit: { requests: 1, unit: "DAY", per: "1s" } },
    "set at most one of unit and per",
  ),
  rateLimit("an interval over a day", { limit: { requests: 1, per: "25h" } }, "per is at most 24h"),
  rateLimit(
    "a key by no header",
    { key: [{ attribute: "HEADER" }] },
    "header is for attribute HEADER, which needs it",
  ),
  rateLimit(
    "a header by two values",
    { match: { headers: [{ name: "a", exact: "b", prefix: "c" }] } },
    "set at most one of exact and prefix",
  ),
  {
    name: "no rules",
    plural: "ratelimits",
    spec: { rules: [] },
    says: "spec.rules in body should have at least 1 items",
  },

  authorizationPolicy("an unknown action", { action: "LOG" }, `spec.action: Unsupported value: "LOG"`),
  authorizationPolicy(
    "a selector and a target",
    { selector: { matchLabels: { app: "a" } }, targetRef: { kind: "Service", name: "b" } },
    "spec: Invalid value: set at most one of selector, targetRef and targetRefs",
  ),
  authorizationPolicy(
    "a target and targets",
    { targetRef: { kind: "Service", name: "b" }, targetRefs: [{ kind: "Service", name: "b" }] },
    "spec: Invalid value: set at most one of selector, targetRef and targetRefs",
  ),
  authorizationPolicy(
    "more than 16 targets",
    { targetRefs: Array.from({ length: 17 }, () => ({ kind: "Service", name: "b" })) },
    "spec.targetRefs: Too many: 17: must have at most 16 items",
  ),
  authorizationPolicy(
    "a target without a name",
    { targetRef: { kind: "Service" } },
    "spec.targetRef.name: Required value",
  ),
  authorizationPolicy(
    "a target in another namespace",
    { targetRef: { kind: "Service", name: "b", namespace: "other" } },
    `spec.targetRef.namespace: Invalid value: "other": leave it out: a target in another namespace is not supported`,
  ),
  authorizationPolicy(
    "a target of a malformed kind",
    { targetRef: { kind: "1Service", name: "b" } },
    "spec.targetRef.kind in body should match",
  ),
  ...(["principals", "notPrincipals", "namespaces", "notNamespaces"] as const).map((field) =>
    authorizationPolicy(
      `serviceAccounts with ${field}`,
      source({ serviceAccounts: ["a"], [field]: ["b"] }),
      "spec.rules[0].from[0].source: Invalid value: serviceAccounts already say identity and namespace: do not combine them with principals or namespaces",
    ),
  ),
  authorizationPolicy(
    "a service account with two slashes",
    source({ serviceAccounts: ["a/b/c"] }),
    "spec.rules[0].from[0].source.serviceAccounts[0] in body should match '^[^/]*(/[^/]*)?$'",
  ),
  authorizationPolicy(
    "an empty service account",
    source({ notServiceAccounts: [""] }),
    "spec.rules[0].from[0].source.notServiceAccounts[0] in body should be at least 1 chars long",
  ),
  authorizationPolicy(
    "more than 16 service accounts",
    source({ serviceAccounts: Array.from({ length: 17 }, (_, i) => `a${i}`) }),
    "spec.rules[0].from[0].source.serviceAccounts: Too many: 17: must have at most 16 items",
  ),
  authorizationPolicy(
    "a condition without a key",
    { rules: [{ when: [{ values: ["a"] }] }] },
    "spec.rules[0].when[0].key: Required value",
  ),
  authorizationPolicy(
    "more than 512 rules",
    { rules: Array.from({ length: 513 }, () => ({})) },
    "spec.rules: Too many: 513: must have at most 512 items",
  ),
];
