import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { ClusterPolicy } from "../../crds/service-config.ts";
import type { DestinationRuleSpec, TrafficPolicySpec } from "./istio.ts";
import { clusterPolicies } from "./traffic-policy.ts";

function policies(yaml: string): ClusterPolicy[] {
  const spec = parse(yaml) as DestinationRuleSpec;
  return clusterPolicies(
    { subsets: spec.subsets ?? [], trafficPolicy: spec.trafficPolicy ?? {}, rules: [] },
    undefined,
  );
}

function whole(yaml: string): ClusterPolicy | undefined {
  return policies(`trafficPolicy: ${yaml}`)[0];
}

describe("without a rule", () => {
  it("a service is called by least requests, within 10 s, with TLS by what each endpoint can do", () => {
    expect(clusterPolicies(undefined, undefined)).toEqual([
      {
        subset: "",
        labels: {},
        loadBalancer: { simple: "LEAST_REQUEST" },
        connectionPool: { connectTimeoutMs: 10_000 },
        tls: { mode: "AUTO", subjectAltNames: [] },
      },
    ]);
  });
});

describe("a traffic policy", () => {
  const cases: { rule: string; yaml: string; expected: unknown }[] = [
    {
      rule: "load reports weigh, with Envoy's defaults",
      yaml: "{loadBalancer: {backendUtilization: {}}}",
      expected: {
        loadBalancer: {
          simple: "ROUND_ROBIN",
          backendUtilization: {
            metricNames: [],
            errorUtilizationPenalty: 1,
            expirationMs: 180_000,
            stabilizationMs: 10_000,
            updateMs: 1_000,
          },
        },
      },
    },
    {
      rule: "load reports weigh as the rule says, ten times a second at most",
      yaml: "{loadBalancer: {backendUtilization: {metricNamesForComputingUtilization: [named_metrics.q], errorUtilizationPenaltyPercent: 150, weightExpirationPeriod: 1m, weightStabilizationPeriod: 0s, weightUpdatePeriod: 1ms}}}",
      expected: {
        loadBalancer: {
          simple: "ROUND_ROBIN",
          backendUtilization: {
            metricNames: ["named_metrics.q"],
            errorUtilizationPenalty: 1.5,
            expirationMs: 60_000,
            stabilizationMs: 0,
            updateMs: 100,
          },
        },
      },
    },
    {
      rule: "the overview's: LEAST_CONN is LEAST_REQUEST",
      yaml: "{loadBalancer: {simple: LEAST_CONN}, connectionPool: {tcp: {maxConnections: 100}, http: {h2UpgradePolicy: UPGRADE, http1MaxPendingRequests: 100, http2MaxRequests: 1000}}}",
      expected: {
        loadBalancer: { simple: "LEAST_REQUEST" },
        connectionPool: {
          maxConnections: 100,
          connectTimeoutMs: 10_000,
          h2UpgradePolicy: "UPGRADE",
          http1MaxPendingRequests: 100,
          http2MaxRequests: 1000,
        },
      },
    },
    {
      rule: "ROUND_ROBIN",
      yaml: "{loadBalancer: {simple: ROUND_ROBIN}}",
      expected: { loadBalancer: { simple: "ROUND_ROBIN" } },
    },
    {
      rule: "UNSPECIFIED is the default",
      yaml: "{loadBalancer: {simple: UNSPECIFIED}}",
      expected: { loadBalancer: { simple: "LEAST_REQUEST" } },
    },
    {
      rule: "hash by header, lower case, on a ring of 1024",
      yaml: "{loadBalancer: {consistentHash: {httpHeaderName: X-User}}}",
      expected: {
        loadBalancer: { consistentHash: { header: "x-user", algorithm: "RING_HASH", size: 1024 } },
      },
    },
    {
      rule: "hash by cookie; a ttl of 0 is a session cookie, none at all is never made up",
      yaml: "{loadBalancer: {consistentHash: {httpCookie: {name: c, path: /, ttl: 0s}, ringHash: {minimumRingSize: 10}}}}",
      expected: {
        loadBalancer: {
          consistentHash: { cookie: { name: "c", path: "/", ttlMs: 0 }, algorithm: "RING_HASH", size: 10 },
        },
      },
    },
    {
      rule: "hash by source with Maglev of 65537",
      yaml: "{loadBalancer: {consistentHash: {useSourceIp: true, maglev: {}}}}",
      expected: { loadBalancer: { consistentHash: { sourceIp: true, algorithm: "MAGLEV", size: 65_537 } } },
    },
    {
      rule: "hash by query parameter, the ring's size as it used to be written",
      yaml: "{loadBalancer: {consistentHash: {httpQueryParameterName: q, minimumRingSize: 7}}}",
      expected: {
        loadBalancer: { consistentHash: { queryParameter: "q", algorithm: "RING_HASH", size: 7 } },
      },
    },
    {
      rule: "warmup",
      yaml: "{loadBalancer: {simple: ROUND_ROBIN, warmup: {duration: 30s}}}",
      expected: { loadBalancer: { warmup: { durationMs: 30_000, minimumPercent: 10, aggression: 1 } } },
    },
    {
      rule: "warmup as it used to be written",
      yaml: "{loadBalancer: {warmupDurationSecs: 60s}}",
      expected: { loadBalancer: { warmup: { durationMs: 60_000, minimumPercent: 10, aggression: 1 } } },
    },
    {
      rule: "the overview's ejection",
      yaml: "{outlierDetection: {consecutive5xxErrors: 5, interval: 30s, baseEjectionTime: 30s, maxEjectionPercent: 50, minHealthPercent: 30}}",
      expected: {
        outlierDetection: {
          consecutive5xxErrors: 5,
          consecutiveGatewayErrors: 0,
          splitExternalLocalOriginErrors: false,
          consecutiveLocalOriginFailures: 5,
          intervalMs: 30_000,
          baseEjectionTimeMs: 30_000,
          maxEjectionPercent: 50,
          minHealthPercent: 30,
          httpErrorCodes: [],
        },
      },
    },
    {
      rule: "an empty ejection block turns it on with defaults; 0 per cent is unset",
      yaml: "{outlierDetection: {maxEjectionPercent: 0}}",
      expected: {
        outlierDetection: {
          consecutive5xxErrors: 5,
          intervalMs: 10_000,
          baseEjectionTimeMs: 30_000,
          maxEjectionPercent: 10,
          minHealthPercent: 0,
        },
      },
    },
    {
      rule: "consecutive5xxErrors: 0 is off, not the default",
      yaml: "{outlierDetection: {consecutive5xxErrors: 0, consecutiveGatewayErrors: 3}}",
      expected: { outlierDetection: { consecutive5xxErrors: 0, consecutiveGatewayErrors: 3 } },
    },
    {
      rule: "ejection turns locality failover on",
      yaml: "{outlierDetection: {}}",
      expected: {
        loadBalancer: { locality: { enabled: true, distribute: [], failover: [], failoverPriority: [] } },
      },
    },
    {
      rule: "shares by locality need no ejection",
      yaml: "{loadBalancer: {localityLbSetting: {distribute: [{from: a/*, to: {'a/*': 80, 'b/*': 20}}]}}}",
      expected: {
        loadBalancer: {
          locality: { enabled: true, distribute: [{ from: "a/*", to: { "a/*": 80, "b/*": 20 } }] },
        },
      },
    },
    {
      rule: "balancing by zones, which needs no ejection and stands above what the service says",
      yaml: "{loadBalancer: {zoneAwareLbSetting: {failover: [{from: a, to: b}], failoverPriority: [tier]}}}",
      expected: {
        loadBalancer: {
          locality: {
            enabled: true,
            distribute: [],
            failover: [{ from: "a", to: "b" }],
            failoverPriority: ["tier"],
            zoneAware: { minClusterSize: 6 },
          },
        },
      },
    },
    {
      rule: "the whole connection pool",
      yaml: "{connectionPool: {tcp: {connectTimeout: 1s, idleTimeout: 0s, maxConnectionDuration: 1h, tcpKeepalive: {probes: 3, time: 1m, interval: 5s}}, http: {maxRequestsPerConnection: 1, maxRetries: 4, idleTimeout: 10s, useClientProtocol: true, maxConcurrentStreams: 9, http2KeepAlive: {interval: 30s, timeout: 500ms}}}, retryBudget: {}}",
      expected: {
        connectionPool: {
          connectTimeoutMs: 1000,
          tcpIdleTimeoutMs: 0,
          maxConnectionDurationMs: 3_600_000,
          tcpKeepalive: { probes: 3, timeMs: 60_000, intervalMs: 5000 },
          maxRequestsPerConnection: 1,
          maxRetries: 4,
          idleTimeoutMs: 10_000,
          useClientProtocol: true,
          maxConcurrentStreams: 9,
          http2KeepAlive: { intervalMs: 30_000, timeoutMs: 500 },
          retryBudget: { percent: 20, minRetryConcurrency: 3 },
        },
      },
    },
    {
      rule: "TLS turned off",
      yaml: "{tls: {mode: DISABLE}}",
      expected: { tls: { mode: "DISABLE", subjectAltNames: [] } },
    },
    {
      rule: "the mesh's TLS, without others' certificates",
      yaml: "{tls: {mode: ISTIO_MUTUAL, sni: a.b, clientCertificate: /x}}",
      expected: { tls: { mode: "ISTIO_MUTUAL", sni: "a.b", subjectAltNames: [] } },
    },
    {
      rule: "TLS from this side",
      yaml: "{tls: {mode: MUTUAL, clientCertificate: /c, privateKey: /k, caCertificates: /a, subjectAltNames: [x]}}",
      expected: {
        tls: {
          mode: "MUTUAL",
          clientCertificate: "/c",
          privateKey: "/k",
          caCertificates: "/a",
          subjectAltNames: ["x"],
        },
      },
    },
    { rule: "the PROXY protocol", yaml: "{proxyProtocol: {version: V2}}", expected: { proxyProtocol: "V2" } },
    {
      rule: "a tunnel through an HTTP proxy",
      yaml: "{tunnel: {targetHost: far.example, targetPort: 443}}",
      expected: { tunnel: { method: "CONNECT", authority: "far.example:443" } },
    },
    {
      rule: "a tunnel to an IPv6 address",
      yaml: "{tunnel: {targetHost: '2001:db8::1', targetPort: 443}}",
      expected: { tunnel: { method: "CONNECT", authority: "[2001:db8::1]:443" } },
    },
    {
      rule: "a tunnel by POST",
      yaml: "{tunnel: {protocol: POST, targetHost: far.example, targetPort: 443}}",
      expected: { tunnel: { method: "POST", authority: "far.example:443" } },
    },
  ];
  it.each(cases)("compiles $rule", ({ yaml, expected }) => {
    expect(whole(yaml)).toMatchObject(expected as object);
  });

  const off: { rule: string; yaml: string }[] = [
    {
      rule: "failover without ejection",
      yaml: "{loadBalancer: {localityLbSetting: {failover: [{from: a, to: b}]}}}",
    },
    {
      rule: "zones turned off, which turns off what ejection would turn on",
      yaml: "{loadBalancer: {zoneAwareLbSetting: {enabled: false}}, outlierDetection: {}}",
    },
    {
      rule: "locality turned off",
      yaml: "{loadBalancer: {localityLbSetting: {enabled: false}}, outlierDetection: {}}",
    },
  ];
  it.each(off)("leaves locality out: $rule", ({ yaml }) => {
    expect(whole(yaml)?.loadBalancer).not.toHaveProperty("locality");
  });

  it("follows the service's own wish to stay near when it says nothing of locality", () => {
    const near = { enabled: true, distribute: [], failover: [], failoverPriority: [] };
    expect(clusterPolicies(undefined, near)[0]?.loadBalancer.locality).toEqual(near);
  });
});

describe("precedence", () => {
  const rule = `
trafficPolicy:
  loadBalancer: {simple: RANDOM}
  tls: {mode: SIMPLE}
  connectionPool: {tcp: {maxConnections: 1}}
  portLevelSettings: [{port: {number: 80}, loadBalancer: {simple: PASSTHROUGH}}]
subsets:
- name: plain
  labels: {version: plain}
- name: v1
  labels: {version: v1}
  trafficPolicy:
    loadBalancer: {simple: ROUND_ROBIN}
    portLevelSettings: [{port: {number: 81}, tls: {mode: DISABLE}}]
`;
  const found = policies(rule);
  const of = (subset: string, port?: number) =>
    found.find((one) => one.subset === subset && one.port === port);

  it("the whole service comes first, then its ports, then the subsets with theirs", () => {
    expect(found.map(({ subset, port }) => [subset, port])).toEqual([
      ["", undefined],
      ["", 80],
      ["plain", undefined],
      ["plain", 80],
      ["v1", undefined],
      ["v1", 80],
      ["v1", 81],
    ]);
  });

  const cases: { rule: string; subset: string; port?: number; lb: string; tls: string; pool?: number }[] = [
    { rule: "top level", subset: "", lb: "RANDOM", tls: "SIMPLE", pool: 1 },
    {
      rule: "a port replaces as a whole: what it omits is the default's",
      subset: "",
      port: 80,
      lb: "PASSTHROUGH",
      tls: "AUTO",
    },
    {
      rule: "a subset that says nothing is as the service",
      subset: "plain",
      lb: "RANDOM",
      tls: "SIMPLE",
      pool: 1,
    },
    {
      rule: "a subset that says nothing has the service's ports",
      subset: "plain",
      port: 80,
      lb: "PASSTHROUGH",
      tls: "AUTO",
    },
    { rule: "a subset overrides field by field", subset: "v1", lb: "ROUND_ROBIN", tls: "SIMPLE", pool: 1 },
    {
      rule: "a subset's field goes before the service's port",
      subset: "v1",
      port: 80,
      lb: "ROUND_ROBIN",
      tls: "AUTO",
    },
    { rule: "a subset's port goes before all", subset: "v1", port: 81, lb: "LEAST_REQUEST", tls: "DISABLE" },
  ];
  it.each(cases)("$rule", ({ subset, port, lb, tls, pool }) => {
    const policy = of(subset, port);
    expect(policy?.loadBalancer.simple).toBe(lb);
    expect(policy?.tls.mode).toBe(tls);
    expect(policy?.connectionPool.maxConnections).toBe(pool);
  });

  it("keeps what is no port's to say: the PROXY protocol and the retry budget", () => {
    const spec: TrafficPolicySpec = {
      proxyProtocol: { version: "V1" },
      retryBudget: { percent: 5 },
      portLevelSettings: [{ port: { number: 80 }, tls: { mode: "DISABLE" } }],
    };
    const [, port] = clusterPolicies({ subsets: [], trafficPolicy: spec, rules: [] }, undefined);
    expect(port).toMatchObject({
      port: 80,
      proxyProtocol: "V1",
      connectionPool: { retryBudget: { percent: 5 } },
    });
  });
});
