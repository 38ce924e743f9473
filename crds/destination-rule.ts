/** DestinationRule: how a host is called once a route has chosen it, and which subsets it has. */
import { networking, workloadSelector } from "./istio/common.ts";
import type { consistentHash, loadBalancer, localityLbSetting, warmup } from "./istio/load-balancer.ts";
import {
  type connectionPool,
  type outlierDetection,
  type portTrafficPolicy,
  subset,
  type tls,
  trafficPolicy,
} from "./istio/traffic-policy.ts";
import { ageColumn, type Kind, type ObjectOfKind } from "./kind.ts";
import { type Infer, list, object, required, string, strings } from "./schema.ts";

const spec = object("How the host is called.", {
  host: required(
    string(
      "A service: its short name, resolved in this object's namespace, its FQDN, or with `*.` for any first label.",
    ),
  ),
  trafficPolicy: trafficPolicy("Settings for the whole host; subsets and ports come first.", {
    maxPorts: 4096,
  }),
  subsets: list("Named parts of the host.", subset, { maxItems: 1000 }),
  exportTo: strings(
    "Namespaces whose clients see this: `.` is this one, `*` all, which is what absent means.",
  ),
  workloadSelector: workloadSelector("Clients in this namespace that it is for; absent: all."),
});

export type DestinationRuleSpec = Infer<typeof spec>;
export type TrafficPolicy = Infer<ReturnType<typeof trafficPolicy>>;
export type PortTrafficPolicy = Infer<typeof portTrafficPolicy>;
export type Subset = Infer<typeof subset>;
export type LoadBalancerSettings = Infer<typeof loadBalancer>;
export type ConsistentHashLB = Infer<typeof consistentHash>;
export type LocalityLoadBalancerSetting = Infer<typeof localityLbSetting>;
export type WarmupConfiguration = Infer<typeof warmup>;
export type ConnectionPoolSettings = Infer<typeof connectionPool>;
export type OutlierDetection = Infer<typeof outlierDetection>;
export type ClientTLSSettings = Infer<typeof tls>;
export type Tunnel = NonNullable<TrafficPolicy["tunnel"]>;
export type DestinationRule = ObjectOfKind<typeof spec, typeof networking.status>;

export const destinationRule = {
  ...networking,
  kind: "DestinationRule",
  plural: "destinationrules",
  singular: "destinationrule",
  shortNames: ["dr"],
  description: "Says how a host is called: balancing, limits, ejection, TLS and subsets.",
  printerColumns: [
    { name: "Host", type: "string", jsonPath: ".spec.host", description: "The host that it is for." },
    ageColumn,
  ],
  spec,
} as const satisfies Kind;
