import { checkRules, type RuleCase } from "./fixtures.ts";

const policy = (own: Record<string, unknown>) => ({ host: "a", trafficPolicy: own });
const balancer = (own: Record<string, unknown>) => policy({ loadBalancer: own });
const locality = (own: Record<string, unknown>) =>
  policy({ loadBalancer: { localityLbSetting: own }, outlierDetection: {} });
/** Every message of a case begins with the policy's path. */
const at = (prefix: string, ...messages: string[]) =>
  messages.map((message) => `spec.trafficPolicy${prefix}${message}`);

const cases: RuleCase[] = [
  {
    rule: "a balancer has one algorithm",
    bad: balancer({ simple: "BEST", consistentHash: {}, backendUtilization: {} }),
    says: at(
      ".loadBalancer",
      ".consistentHash: Forbidden: may not be used together with simple",
      ".backendUtilization: Forbidden: may not be used together with simple",
      '.simple: Unsupported value: "BEST": supported values: "UNSPECIFIED", "RANDOM", "PASSTHROUGH", "ROUND_ROBIN", "LEAST_REQUEST", "LEAST_CONN"',
    ),
    good: balancer({ simple: "LEAST_CONN" }),
  },
  {
    rule: "backend utilization",
    bad: balancer({
      backendUtilization: {
        weightExpirationPeriod: "0s",
        weightUpdatePeriod: "x",
        errorUtilizationPenaltyPercent: -1,
        metricNamesForComputingUtilization: [""],
      },
    }),
    says: at(
      ".loadBalancer.backendUtilization",
      '.weightExpirationPeriod: Invalid value: "0s": must be at least 1ms',
      '.weightUpdatePeriod: Invalid value: "x": must be a duration, such as 250ms, 1.5s or 1h30m',
      ".errorUtilizationPenaltyPercent: Invalid value: -1: must be a whole number from 0 to 4294967295",
      '.metricNamesForComputingUtilization[0]: Invalid value: "": must not be empty',
    ),
    good: balancer({
      backendUtilization: {
        weightStabilizationPeriod: "0s",
        weightUpdatePeriod: "1s",
        metricNamesForComputingUtilization: ["named_metrics.queue"],
      },
    }),
  },
  {
    rule: "consistent hashing has one key and one table",
    bad: balancer({
      consistentHash: {
        httpHeaderName: "",
        httpCookie: { attributes: [{}, { name: "a" }, { name: "a" }] },
        useSourceIp: 1,
        ringHash: {},
        maglev: { tableSize: 65_536 },
        minimumRingSize: 1,
      },
    }),
    says: at(
      ".loadBalancer.consistentHash",
      ".httpCookie: Forbidden: may not be used together with httpHeaderName",
      ".useSourceIp: Forbidden: may not be used together with httpHeaderName",
      '.httpHeaderName: Invalid value: "": must not be empty',
      ".useSourceIp: Invalid value: 1: must be true or false",
      ".httpCookie.name: Required value: the cookie's name",
      ".httpCookie.attributes[0].name: Required value: the attribute's name",
      '.httpCookie.attributes[2].name: Duplicate value: "a"',
      ".maglev: Forbidden: may not be used together with ringHash",
      ".minimumRingSize: Forbidden: may not be used together with ringHash",
      ".minimumRingSize: Forbidden: may not be used together with maglev",
      ".maglev.tableSize: Invalid value: 65536: must be a prime number, such as 65537",
    ),
    good: balancer({
      consistentHash: { httpCookie: { name: "c", ttl: "0s" }, maglev: { tableSize: 65_537 } },
    }),
  },
  {
    rule: "maglev's table is bounded",
    bad: balancer({ consistentHash: { useSourceIp: true, maglev: { tableSize: 5_000_011 } } }),
    says: at(
      ".loadBalancer.consistentHash.maglev",
      ".tableSize: Invalid value: 5000011: must be a whole number from 1 to 5000010",
    ),
    good: balancer({ consistentHash: { useSourceIp: true, ringHash: { minimumRingSize: 1024 } } }),
  },
  {
    rule: "warmup",
    bad: balancer({ warmup: { minimumPercent: 101, aggression: 0 } }),
    says: at(
      ".loadBalancer.warmup",
      ".duration: Required value: how long a new endpoint takes to get its full share",
      ".minimumPercent: Invalid value: 101: must be a number from 0 to 100",
      ".aggression: Invalid value: 0: must be above 0",
    ),
    good: balancer({ warmup: { duration: "30s", minimumPercent: 10, aggression: 1.5 } }),
  },
  {
    rule: "locality and zone awareness exclude each other",
    bad: policy({
      loadBalancer: {
        localityLbSetting: {},
        zoneAwareLbSetting: { minClusterSize: -1, failoverPriority: ["topology.kubernetes.io/zone"] },
      },
      outlierDetection: {},
    }),
    says: at(
      ".loadBalancer.zoneAwareLbSetting",
      ": Forbidden: may not be used together with localityLbSetting",
      ".minClusterSize: Invalid value: -1: must be a whole number from 0 to 4294967295",
      ".failoverPriority[0]: Forbidden: zone awareness is about topology already",
    ),
    good: policy({
      loadBalancer: { zoneAwareLbSetting: { minClusterSize: 6, failoverPriority: ["version"] } },
      outlierDetection: {},
    }),
  },
  {
    rule: "distribution and failover exclude each other",
    bad: locality({
      distribute: [{ from: "a/*", to: { "b/*": 100 } }],
      failover: [{ from: "a", to: "a" }],
      failoverPriority: ["topology.kubernetes.io/region=b"],
    }),
    says: at(
      ".loadBalancer.localityLbSetting",
      ".failover: Forbidden: may not be used together with distribute",
      '.failover[0].to: Invalid value: "a": must be another region than from',
      ".failoverPriority[0]: Forbidden: with failover, which is about topology already, it may name other labels only",
    ),
    good: locality({ failover: [{ from: "a", to: "b" }], failoverPriority: ["version=v1"] }),
  },
  {
    rule: "shares of traffic",
    bad: locality({
      distribute: [
        { from: "a/b", to: { "c/*": 50, "c/d": 0 } },
        { from: "a/*", to: { c: 90 } },
        { to: {} },
        { from: "*/b", to: { "a//b": 100 } },
      ],
    }),
    says: at(
      ".loadBalancer.localityLbSetting.distribute",
      '[0].to[c/d]: Invalid value: "c/d": overlaps with "c/*"',
      "[0].to[c/d]: Invalid value: 0: must be a whole number from 1 to 100",
      '[1].from: Invalid value: "a/*": overlaps with "a/b"',
      '[1].to: Invalid value: {"c":90}: the percentages must add up to 100, not 90',
      "[2].from: Required value: the locality that traffic comes from",
      "[2].to: Required value: localities with the percentage that each gets",
      '[3].from: Invalid value: "*/b": * must be the last part of a locality',
      '[3].to[a//b]: Invalid value: "a//b": must be a locality: region, region/zone or region/zone/subzone',
    ),
    good: locality({
      distribute: [
        { from: "a/b/c", to: { "a/b/*": 80, "a/c/*": 20 } },
        { from: "b/*", to: { b: 100 } },
      ],
    }),
  },
  {
    rule: "failover is between regions",
    bad: locality({ failover: [{ from: "a/b", to: "*" }, {}] }),
    says: at(
      ".loadBalancer.localityLbSetting.failover",
      '[0].from: Invalid value: "a/b": must be a region, without zone or *',
      '[0].to: Invalid value: "*": must be a region, without zone or *',
      "[1].from: Required value: the name of a region",
      "[1].to: Required value: the name of a region",
    ),
    good: locality({
      failover: [
        { from: "a", to: "b" },
        { from: "b", to: "a" },
      ],
    }),
  },
];

checkRules("DestinationRule", cases);
