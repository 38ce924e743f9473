/**
 * The parts of Istio's kinds as users write them, by names that end in `Spec`: what they compile to often has the
 * same name without it.
 */
export type {
  AuthorizationPolicySpec,
  AuthorizationRule as RuleSpec,
  Operation as OperationSpec,
  Source as SourceSpec,
} from "../../crds/authorization-policy.ts";
export type {
  ClientTLSSettings as ClientTlsSpec,
  ConnectionPoolSettings as ConnectionPoolSpec,
  DestinationRuleSpec,
  LoadBalancerSettings as LoadBalancerSpec,
  OutlierDetection as OutlierDetectionSpec,
  PortTrafficPolicy as PortTrafficPolicySpec,
  Subset as SubsetSpec,
  TrafficPolicy as TrafficPolicySpec,
  Tunnel as TunnelSpec,
} from "../../crds/destination-rule.ts";
export type { ConfigPatch as ConfigPatchSpec, EnvoyFilterSpec } from "../../crds/envoy-filter.ts";
export type { MutualTls, PeerAuthenticationSpec } from "../../crds/peer-authentication.ts";
export type { RateLimitRule as RateLimitRuleSpec, RateLimitSpec } from "../../crds/rate-limit.ts";
export type { JwtRule as JwtRuleSpec, RequestAuthenticationSpec } from "../../crds/request-authentication.ts";
export type {
  ServiceEntryPort as ServiceEntryPortSpec,
  ServiceEntrySpec,
  WorkloadEntrySpec,
} from "../../crds/service-entry.ts";
export type {
  Destination as DestinationSpec,
  HeaderOperations as HeaderOpsSpec,
  Headers as HeadersSpec,
  HTTPMatchRequest as HttpMatchSpec,
  HTTPRoute as HttpRouteSpec,
  HTTPRouteDestination as HttpDestinationSpec,
  L4MatchAttributes as L4MatchSpec,
  RouteDestination as L4DestinationSpec,
  StringMatch as StringMatchSpec,
  TCPRoute as TcpRouteSpec,
  TLSRoute as TlsRouteSpec,
  VirtualServiceSpec,
} from "../../crds/virtual-service.ts";
