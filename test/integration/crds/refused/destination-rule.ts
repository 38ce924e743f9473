import { duration, type Refusal, refusalOf } from "./refusal.ts";

const refused = refusalOf("destinationrules");
const dr = (trafficPolicy: object) => ({ host: "b", trafficPolicy });

export const destinationRuleRefusals: readonly Refusal[] = [
  refused("no host", {}, "spec.host: Required value"),
  refused("a subset without a name", { host: "b", subsets: [{}] }, "spec.subsets[0].name: Required value"),
  refused(
    "an unknown balancer",
    dr({ loadBalancer: { simple: "FASTEST" } }),
    `spec.trafficPolicy.loadBalancer.simple: Unsupported value: "FASTEST"`,
  ),
  refused(
    "a simple and a hashing balancer",
    dr({ loadBalancer: { simple: "RANDOM", consistentHash: { useSourceIp: true } } }),
    "spec.trafficPolicy.loadBalancer: Invalid value: set at most one of simple, consistentHash and backendUtilization",
  ),
  refused(
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
  refused(
    "two hash algorithms",
    dr({ loadBalancer: { consistentHash: { ringHash: {}, maglev: {} } } }),
    "spec.trafficPolicy.loadBalancer.consistentHash: Invalid value: set at most one of ringHash and maglev",
  ),
  refused(
    "a connect timeout of 0s",
    dr({ connectionPool: { tcp: { connectTimeout: "0s" } } }),
    `spec.trafficPolicy.connectionPool.tcp.connectTimeout: Invalid value: "0s": ${duration}`,
  ),
  refused(
    "an interval of 0s",
    dr({ outlierDetection: { interval: "0s" } }),
    `spec.trafficPolicy.outlierDetection.interval: Invalid value: "0s": ${duration}`,
  ),
  refused(
    "a status above 599",
    dr({ outlierDetection: { outlierDetectionHttpErrorCodes: [600] } }),
    "should be less than or equal to 599",
  ),
  refused(
    "a warm-up without a duration",
    dr({ loadBalancer: { warmup: {} } }),
    "warmup.duration: Required value",
  ),
  refused(
    "a warm-up from more than everything",
    dr({ loadBalancer: { warmup: { duration: "1s", minimumPercent: 101 } } }),
    "should be less than or equal to 100",
  ),
  refused(
    "a retry budget above 100",
    dr({ retryBudget: { percent: 101 } }),
    "should be less than or equal to 100",
  ),
  refused(
    "a wildcard in a selector's value",
    { host: "b", workloadSelector: { matchLabels: { app: "a*" } } },
    'spec.workloadSelector.matchLabels[app]: Invalid value: "a*": a label\'s value is compared as it is: wildcards are not supported',
  ),
];
