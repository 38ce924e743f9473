/**
 * A DestinationRule's traffic policies as one list of complete policies: the whole service first, then what ports and
 * subsets change. Precedence: subset's port > subset > top-level port > top level > defaults; a port's entry takes the
 * place of balancing, pool, ejection and TLS as a whole, so that what it leaves out is the default's again.
 */
import type { ClientTls, ClusterPolicy, OutlierDetection, Tunnel } from "../../crds/service-config.ts";
import { connectionPool } from "./connection-pool.ts";
import { isForWorkloads, type MergedRule } from "./destination-rule.ts";
import { parseDurationMs } from "./duration.ts";
import type { ClientTlsSpec, OutlierDetectionSpec, TrafficPolicySpec, TunnelSpec } from "./istio.ts";
import type { Labels } from "./labels.ts";
import { type LocalityDefault, loadBalancer } from "./load-balancer.ts";
import { validPort } from "./ports.ts";

/** What holds for all policies of a rule. */
interface Circumstances {
  readonly locality: LocalityDefault;
  /** Whether its clients read the Secret that `credentialName` names. */
  readonly readsCredentials: boolean;
}

/** The policies of a service as a destination; [0] is all of its endpoints on every port. */
export function clusterPolicies(rule: MergedRule | undefined, locality: LocalityDefault): ClusterPolicy[] {
  const top = rule?.trafficPolicy;
  const defaults = { locality, readsCredentials: rule !== undefined && isForWorkloads(rule) };
  const policies = [clusterPolicy("", {}, undefined, forPort(top, undefined), defaults)];
  for (const port of portsOf(top)) policies.push(clusterPolicy("", {}, port, forPort(top, port), defaults));
  for (const subset of rule?.subsets ?? []) {
    const labels = subset.labels ?? {};
    const over = (port: number | undefined) => override(forPort(top, port), subset.trafficPolicy, port);
    policies.push(clusterPolicy(subset.name, labels, undefined, over(undefined), defaults));
    const ports = new Set([...portsOf(top), ...portsOf(subset.trafficPolicy)]);
    for (const port of [...ports].sort((a, b) => a - b))
      policies.push(clusterPolicy(subset.name, labels, port, over(port), defaults));
  }
  return policies;
}

/** A policy without its port-level settings, those of one port put in their place. */
export function forPort(policy: TrafficPolicySpec | undefined, port: number | undefined): TrafficPolicySpec {
  const { portLevelSettings, ...base } = policy ?? {};
  const own = portLevelSettings?.find((entry) => port !== undefined && entry.port?.number === port);
  if (own === undefined) return base;
  const { loadBalancer: _lb, connectionPool: _pool, outlierDetection: _od, tls: _tls, ...kept } = base;
  const { port: _port, ...settings } = own;
  return { ...kept, ...settings };
}

/** A subset's policy over the top-level one: field by field, its port's settings as a whole. */
function override(
  base: TrafficPolicySpec,
  subset: TrafficPolicySpec | undefined,
  port: number | undefined,
): TrafficPolicySpec {
  if (subset === undefined) return base;
  const { portLevelSettings, ...fields } = subset;
  return forPort({ ...base, ...fields, ...(portLevelSettings && { portLevelSettings }) }, port);
}

function portsOf(policy: TrafficPolicySpec | undefined): number[] {
  const ports = (policy?.portLevelSettings ?? []).flatMap((entry) => validPort(entry.port?.number) ?? []);
  return [...new Set(ports)].sort((a, b) => a - b);
}

function clusterPolicy(
  subset: string,
  labels: Labels,
  port: number | undefined,
  policy: TrafficPolicySpec,
  { locality, readsCredentials }: Circumstances,
): ClusterPolicy {
  const outlier = policy.outlierDetection && outlierDetection(policy.outlierDetection);
  return {
    subset,
    labels,
    ...(port !== undefined && { port }),
    loadBalancer: loadBalancer(policy.loadBalancer, outlier !== undefined, locality),
    connectionPool: connectionPool(policy.connectionPool, policy.retryBudget),
    ...(outlier && { outlierDetection: outlier }),
    tls: clientTls(policy.tls, readsCredentials),
    ...(policy.proxyProtocol && { proxyProtocol: policy.proxyProtocol.version ?? "V1" }),
    ...(policy.tunnel && { tunnel: tunnel(policy.tunnel) }),
  };
}

function tunnel({ protocol, targetHost, targetPort }: TunnelSpec): Tunnel {
  // RFC 3986 section 3.2: an IPv6 address in brackets.
  const host = targetHost.includes(":") ? `[${targetHost}]` : targetHost;
  return { method: protocol === "POST" ? "POST" : "CONNECT", authority: `${host}:${targetPort}` };
}

/** An empty block turns ejection on with these defaults; `maxEjectionPercent: 0` is as good as unset. */
function outlierDetection(spec: OutlierDetectionSpec): OutlierDetection {
  return {
    consecutive5xxErrors: spec.consecutive5xxErrors ?? 5,
    consecutiveGatewayErrors: spec.consecutiveGatewayErrors ?? 0,
    splitExternalLocalOriginErrors: spec.splitExternalLocalOriginErrors ?? false,
    consecutiveLocalOriginFailures: spec.consecutiveLocalOriginFailures ?? 5,
    intervalMs: parseDurationMs(spec.interval) || 10_000,
    baseEjectionTimeMs: parseDurationMs(spec.baseEjectionTime) || 30_000,
    maxEjectionPercent: Math.max(spec.maxEjectionPercent ?? 0, 0) || 10,
    minHealthPercent: Math.max(spec.minHealthPercent ?? 0, 0),
    httpErrorCodes: [...(spec.outlierDetectionHttpErrorCodes ?? [])].sort((a, b) => a - b),
  };
}

/** No `tls` at the level that counts: automatic, by what each endpoint can do. */
function clientTls(spec: ClientTlsSpec | undefined, readsCredentials: boolean): ClientTls {
  if (spec === undefined) return { mode: "AUTO", subjectAltNames: [] };
  const mode = spec.mode ?? "DISABLE";
  const subjectAltNames = spec.subjectAltNames ?? [];
  if (mode === "DISABLE") return { mode, subjectAltNames: [] };
  const sni = spec.sni ? { sni: spec.sni } : {};
  // The mesh's own certificates: paths to others do not count.
  if (mode === "ISTIO_MUTUAL") return { mode, ...sni, subjectAltNames };
  return {
    mode,
    ...sni,
    subjectAltNames,
    ...(readsCredentials && spec.credentialName ? { credentialName: spec.credentialName } : {}),
    ...(spec.caCertificates ? { caCertificates: spec.caCertificates } : {}),
    ...(spec.caCrl ? { caCrl: spec.caCrl } : {}),
    ...(mode === "MUTUAL" && spec.clientCertificate ? { clientCertificate: spec.clientCertificate } : {}),
    ...(mode === "MUTUAL" && spec.privateKey ? { privateKey: spec.privateKey } : {}),
    ...(spec.insecureSkipVerify ? { insecureSkipVerify: true } : {}),
  };
}
