import { describe, expect, test } from "vitest";
import { checkRules, type RuleCase, warningsOf } from "./fixtures.ts";

const policy = (own: Record<string, unknown>) => ({ host: "a", trafficPolicy: own });
const tls = (own: Record<string, unknown>) => policy({ tls: own });
/** Every message of a case begins with the policy's path. */
const at = (prefix: string, ...messages: string[]) =>
  messages.map((message) => `spec.trafficPolicy${prefix}${message}`);
const label = "must be a DNS label: letters, digits and '-', at most 63, alphanumeric at both ends";

const cases: RuleCase[] = [
  {
    rule: "a spec is required",
    bad: undefined,
    says: ["spec: Required value: host and a traffic policy or subsets"],
    good: { host: "a" },
  },
  {
    rule: "a host is required",
    bad: { subsets: [] },
    says: ["spec.host: Required value: the name of the service that the policy is for"],
    good: { host: "*" },
  },
  {
    rule: "a host is a domain name",
    bad: { host: "a_b" },
    says: ['spec.host: Invalid value: "a_b": domain name "a_b" invalid'],
    good: { host: "*.example.com" },
  },
  {
    rule: "subsets have names, each its own",
    bad: {
      host: "a",
      subsets: [null, {}, { name: "v1" }, { name: "v1" }, { name: "v.2", labels: { version: "-" } }],
    },
    says: [
      "spec.subsets[0]: Required value: must not be null",
      "spec.subsets[1].name: Required value: the name that routes call the subset by",
      'spec.subsets[3].name: Duplicate value: "v1": duplicate subset names',
      `spec.subsets[4].name: Invalid value: "v.2": ${label}`,
      `spec.subsets[4].labels[version]: Invalid value: "-": must be a label's value: at most 63 letters, digits, '-', '_' or '.'`,
    ],
    good: { host: "a", subsets: [{ name: "v1", labels: { version: "v1" } }, { name: "v2" }] },
  },
  {
    rule: "a subset's policy is checked too",
    bad: { host: "a", subsets: [{ name: "v1", trafficPolicy: {} }] },
    says: [
      "spec.subsets[0].trafficPolicy: Required value: traffic policy must have at least one field of loadBalancer, connectionPool, outlierDetection, tls, portLevelSettings, tunnel, proxyProtocol, retryBudget",
    ],
    good: { host: "a", subsets: [{ name: "v1", trafficPolicy: { retryBudget: { percent: 20 } } }] },
  },
  {
    rule: "a rule for chosen clients stays in its namespace",
    bad: { host: "a", workloadSelector: { matchLabels: { app: "*", "": "x" } }, exportTo: ["*"] },
    says: [
      'spec.workloadSelector.matchLabels[app]: Invalid value: "*": must not contain *: wildcards are not supported in selectors',
      'spec.workloadSelector.matchLabels[]: Invalid value: "": the key must not be empty',
      'spec.exportTo[0]: Forbidden: with workloadSelector it must be the own namespace, "."',
    ],
    good: { host: "a", workloadSelector: { matchLabels: { app: "b" } }, exportTo: ["shop"] },
  },
  {
    rule: "a rule for chosen clients has one exportTo",
    bad: { host: "a", workloadSelector: { matchLabels: { app: "b" } }, exportTo: [".", "other"] },
    says: ["spec.exportTo: Forbidden: with workloadSelector it may have one entry, the own namespace"],
    good: { host: "a", workloadSelector: { matchLabels: { app: "b" } } },
  },
  {
    rule: "tunnel and proxy protocol exclude each other",
    bad: policy({
      tunnel: { protocol: "PUT", targetHost: "a_b", targetPort: 0 },
      proxyProtocol: { version: "V3" },
    }),
    says: at(
      "",
      ".proxyProtocol: Forbidden: may not be used together with tunnel",
      '.tunnel.protocol: Unsupported value: "PUT": supported values: "CONNECT", "POST"',
      '.tunnel.targetHost: Invalid value: "a_b": must be a domain name or an IP address',
      ".tunnel.targetPort: Invalid value: 0: must be a whole number from 1 to 65535",
      '.proxyProtocol.version: Unsupported value: "V3": supported values: "V1", "V2"',
    ),
    good: policy({ tunnel: { protocol: "", targetHost: "192.0.2.1", targetPort: 443 } }),
  },
  {
    rule: "a tunnel ends somewhere",
    bad: policy({ tunnel: {} }),
    says: at(
      ".tunnel",
      ".targetHost: Required value: where the tunnel ends",
      ".targetPort: Required value: the port at which the tunnel ends",
    ),
    good: policy({ proxyProtocol: { version: "V2" } }),
  },
  {
    rule: "retry budgets",
    bad: policy({ retryBudget: { percent: 101, minRetryConcurrency: -1, budgetInterval: "x" } }),
    says: at(
      ".retryBudget",
      ".percent: Invalid value: 101: must be a number from 0 to 100",
      ".minRetryConcurrency: Invalid value: -1: must be a whole number from 0 to 4294967295",
      '.budgetInterval: Invalid value: "x": must be a duration, such as 250ms, 1.5s or 1h30m',
    ),
    good: policy({ retryBudget: { percent: 0.5, budgetInterval: "0s" } }),
  },
  {
    rule: "a connection pool limits something",
    bad: policy({ connectionPool: {} }),
    says: at(".connectionPool", ": Required value: tcp, http or both"),
    good: policy({ connectionPool: { tcp: {} } }),
  },
  {
    rule: "a connection pool's TCP settings",
    bad: policy({
      connectionPool: {
        tcp: {
          maxConnections: -1,
          connectTimeout: "0s",
          idleTimeout: "-1s",
          maxConnectionDuration: "1",
          tcpKeepalive: { probes: -1, time: "0s", interval: 5 },
        },
      },
    }),
    says: at(
      ".connectionPool.tcp",
      ".maxConnections: Invalid value: -1: must be a whole number from 0 to 2147483647",
      '.connectTimeout: Invalid value: "0s": must be at least 1ms',
      '.maxConnectionDuration: Invalid value: "1": must be a duration, such as 250ms, 1.5s or 1h30m',
      '.idleTimeout: Invalid value: "-1s": must be at least 1ms',
      ".tcpKeepalive.probes: Invalid value: -1: must be a whole number from 0 to 4294967295",
      '.tcpKeepalive.time: Invalid value: "0s": must be at least 1ms',
      ".tcpKeepalive.interval: Invalid value: 5: must be a string",
    ),
    good: policy({
      connectionPool: { tcp: { maxConnections: 100, idleTimeout: "0s", tcpKeepalive: { time: "7200s" } } },
    }),
  },
  {
    rule: "a connection pool's HTTP settings",
    bad: policy({
      connectionPool: {
        http: {
          http1MaxPendingRequests: -1,
          http2MaxRequests: -1,
          maxRequestsPerConnection: -1,
          maxRetries: -1,
          maxConcurrentStreams: -1,
          idleTimeout: "0s",
          h2UpgradePolicy: "UPGRADE",
          useClientProtocol: true,
          http2KeepAlive: { interval: "1s" },
        },
      },
    }),
    says: at(
      ".connectionPool.http",
      ...[
        "http1MaxPendingRequests",
        "http2MaxRequests",
        "maxRequestsPerConnection",
        "maxRetries",
        "maxConcurrentStreams",
      ].map((name) => `.${name}: Invalid value: -1: must be a whole number from 0 to 2147483647`),
      '.idleTimeout: Invalid value: "0s": must be at least 1ms',
      ".useClientProtocol: Forbidden: may not be used together with h2UpgradePolicy UPGRADE",
      ".http2KeepAlive.timeout: Required value: interval and timeout go together",
    ),
    good: policy({
      connectionPool: {
        http: { h2UpgradePolicy: "UPGRADE", http2KeepAlive: { interval: "1s", timeout: "1s" } },
      },
    }),
  },
  {
    rule: "outlier detection",
    bad: policy({
      outlierDetection: {
        interval: "0s",
        baseEjectionTime: "x",
        maxEjectionPercent: 101,
        minHealthPercent: -1,
        consecutive5xxErrors: -1,
        consecutiveLocalOriginFailures: 1,
        outlierDetectionHttpErrorCodes: [99, 600],
      },
    }),
    says: at(
      ".outlierDetection",
      '.interval: Invalid value: "0s": must be at least 1ms',
      '.baseEjectionTime: Invalid value: "x": must be a duration, such as 250ms, 1.5s or 1h30m',
      ".maxEjectionPercent: Invalid value: 101: must be a whole number from 0 to 100",
      ".minHealthPercent: Invalid value: -1: must be a whole number from 0 to 100",
      ".consecutive5xxErrors: Invalid value: -1: must be a whole number from 0 to 4294967295",
      ".consecutiveLocalOriginFailures: Forbidden: needs splitExternalLocalOriginErrors: true",
      ".outlierDetectionHttpErrorCodes[0]: Invalid value: 99: must be a whole number from 100 to 599",
      ".outlierDetectionHttpErrorCodes[1]: Invalid value: 600: must be a whole number from 100 to 599",
    ),
    good: policy({
      outlierDetection: {
        consecutive5xxErrors: 0,
        splitExternalLocalOriginErrors: true,
        consecutiveLocalOriginFailures: 5,
      },
    }),
  },
  {
    rule: "port level settings have a port and a policy",
    bad: policy({
      portLevelSettings: [
        {},
        { port: { number: 0 }, connectionPool: {} },
        { port: {}, tls: { mode: "SIMPLE" } },
      ],
    }),
    says: at(
      ".portLevelSettings",
      "[0]: Required value: traffic policy must have at least one field of loadBalancer, connectionPool, outlierDetection, tls",
      "[0].port: Required value: the port that the settings are for",
      "[1].connectionPool: Required value: tcp, http or both",
      "[1].port.number: Invalid value: 0: must be a whole number from 1 to 65535",
      "[2].port.number: Required value: the port's number",
    ),
    good: policy({ portLevelSettings: [{ port: { number: 80 }, loadBalancer: { simple: "RANDOM" } }] }),
  },
  {
    rule: "TLS without verification has nothing to verify with",
    bad: tls({
      mode: "SIMPLE",
      insecureSkipVerify: true,
      caCertificates: "/ca",
      credentialName: "c",
      subjectAltNames: ["a"],
    }),
    says: at(
      ".tls",
      ...["caCertificates", "subjectAltNames", "credentialName"].map(
        (name) => `.${name}: Forbidden: has no use with insecureSkipVerify: nothing is verified`,
      ),
      ".caCertificates: Forbidden: may not be used together with credentialName",
    ),
    good: tls({ mode: "MUTUAL", insecureSkipVerify: true, credentialName: "c" }),
  },
  {
    rule: "a credential stands for files",
    bad: tls({
      mode: "MUTUAL",
      credentialName: "c",
      clientCertificate: "/c",
      privateKey: "/k",
      caCertificates: "/ca",
      caCrl: "/crl",
    }),
    says: at(
      ".tls",
      ...["clientCertificate", "privateKey", "caCertificates", "caCrl"].map(
        (name) => `.${name}: Forbidden: may not be used together with credentialName`,
      ),
    ),
    good: tls({ mode: "SIMPLE", caCertificates: "/ca" }),
  },
  {
    rule: "MUTUAL needs a certificate",
    bad: tls({ mode: "MUTUAL" }),
    says: at(
      ".tls",
      ...["clientCertificate", "privateKey"].map(
        (name) =>
          `.${name}: Required value: MUTUAL needs clientCertificate and privateKey, or credentialName`,
      ),
    ),
    good: tls({ mode: "MUTUAL", clientCertificate: "/c", privateKey: "/k" }),
  },
  {
    rule: "a ConfigMap of anchors is of the own namespace",
    bad: tls({ mode: "SIMPLE", credentialName: "configmap://other/ca" }),
    says: at(".tls", ".credentialName: Forbidden: the ConfigMap must be in the rule's own namespace, shop"),
    good: tls({ mode: "SIMPLE", credentialName: "configmap://shop/ca" }),
  },
  {
    rule: "a ConfigMap of anchors is named",
    bad: tls({ mode: "SIMPLE", credentialName: "configmap://a/b/c" }),
    says: at(
      ".tls",
      '.credentialName: Invalid value: "configmap://a/b/c": must be configmap://[namespace/]name',
    ),
    good: tls({ mode: "SIMPLE", credentialName: "configmap://ca" }),
  },
  {
    rule: "a TLS mode is known",
    bad: tls({ mode: "MAYBE", sni: 5 }),
    says: at(
      ".tls",
      ".sni: Invalid value: 5: must be a string",
      '.mode: Unsupported value: "MAYBE": supported values: "DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"',
    ),
    good: tls({ mode: "ISTIO_MUTUAL", clientCertificate: "ignored" }),
  },
];

checkRules("DestinationRule", cases);

describe("DestinationRule", () => {
  test.each([
    {
      what: "failover that never acts",
      own: policy({
        loadBalancer: {
          localityLbSetting: { failover: [{ from: "a", to: "b" }], failoverPriority: ["version"] },
        },
      }),
      says: ["failover", "failoverPriority"].map((name) =>
        `spec.trafficPolicy.loadBalancer.localityLbSetting.${name}: never acts without outlierDetection`.slice(
          0,
          120,
        ),
      ),
    },
    {
      what: "a selector of nothing in particular",
      own: { host: "a", workloadSelector: {} },
      says: ["spec.workloadSelector: selects every workload, as it has no labels"],
    },
    {
      what: "old spellings",
      own: policy({
        loadBalancer: { consistentHash: { useSourceIp: true, minimumRingSize: 1 }, warmupDurationSecs: "1s" },
        outlierDetection: { consecutiveErrors: 5 },
      }),
      says: [
        "spec.trafficPolicy.loadBalancer.consistentHash.minimumRingSize: is deprecated; use ringHash.minimumRingSize",
        "spec.trafficPolicy.loadBalancer.warmupDurationSecs: is deprecated; use warmup.duration",
        "spec.trafficPolicy.outlierDetection.consecutiveErrors: is deprecated and has no effect; use consecutive5xxErrors",
      ],
    },
    {
      what: "metrics that no load report has",
      own: policy({
        loadBalancer: {
          backendUtilization: {
            metricNamesForComputingUtilization: [
              "queue",
              "named_metrics.queue",
              "utilization.*",
              "named_metrics.",
            ],
          },
        },
      }),
      says: [0, 3].map(
        (i) =>
          `spec.trafficPolicy.loadBalancer.backendUtilization.metricNamesForComputingUtilization[${i}]: is no metric of ORCA`,
      ),
    },
    {
      what: "revocation lists without the authorities that sign them",
      own: policy({ tls: { mode: "SIMPLE", caCrl: "/crl" } }),
      says: [
        "spec.trafficPolicy.tls.caCrl: every server is refused unless caCertificates has the authorities that sign it",
      ],
    },
    {
      what: "a credential that no sidecar reads",
      own: policy({ tls: { mode: "SIMPLE", credentialName: "vault" } }),
      says: [
        "spec.trafficPolicy.tls.credentialName: sidecars read it only where the rule has a workloadSelector",
      ],
    },
    {
      what: "two settings for one port",
      own: policy({
        portLevelSettings: [80, 80].map((number) => ({ port: { number }, tls: { mode: "DISABLE" } })),
      }),
      says: [
        "spec.trafficPolicy.portLevelSettings[1].port.number: has settings already; the first entry counts",
      ],
    },
  ])("warns of $what", ({ own, says }) => expect(warningsOf("DestinationRule", own)).toEqual(says));
});
