/**
 * What the data path sees of configuration: a frozen view, replaced whole when a snapshot is applied.
 *
 * Whoever keeps a view, a `Target` or a `Cluster` across events compares `source.view()` with what it keeps and
 * looks up again when they differ; `EndpointHandle`s and `Cluster.counters` outlive views, so that counters,
 * latency estimates and pooled connections survive every change of configuration.
 */
import type {
  ClientTls,
  ClusterPolicy,
  ConnectionPool,
  Protocol,
  RetryPolicy,
  Tunnel,
  WeightedDestination,
} from "../../crds/service-config.ts";
import type { Egress } from "../../crds/workload-config.ts";
import type { AuthzRequest, Decision } from "../authz/types.ts";
import type { HashPolicy } from "../balance/hash-policy.ts";
import type { Faults } from "../fault/fault.ts";
import type { Authenticator } from "../jwt/authenticate.ts";
import type { Limits } from "../limit/limits.ts";
import type { RetryPlan } from "../retry/plan.ts";
import type { Cors } from "../route/cors.ts";
import type { HeaderPlan } from "../route/headers.ts";

export type {
  AuthzRequest,
  ClientTls,
  ClusterPolicy,
  ConnectionPool,
  Cors,
  Decision,
  HashPolicy,
  HeaderPlan,
  Protocol,
  RetryPolicy,
  Tunnel,
  WeightedDestination,
};

/** Everything a proxy knows at one moment; frozen. */
export interface MeshView {
  /** The service port behind an original destination (a cluster IP and port); undefined when the index has none. */
  target(address: string, port: number): Target | undefined;
  /**
   * The service port behind a Host, authority or SNI, for a connection that was addressed to `port`.
   * Takes `name.ns.svc.cluster.local` and its shorter forms, the bare name in the proxy's own namespace, a pod's name under a
   * headless service, and the index's bare and wildcard hosts; case, a trailing dot and a `:port` equal to `port` do not matter.
   */
  targetByHost(host: string, port: number): Target | undefined;
  /** Hosts of ServiceEntries without addresses that have this port for opaque TCP; the own namespace's first. */
  targetsByPort(port: number): readonly Target[];
  /** What holds for connections to this container port. */
  inbound(port: number): InboundPolicy;
  readonly trustDomain: string;
  /** PEM, one or more anchors. */
  readonly trustBundle: string;
  readonly egress: Egress;
  readonly workload: WorkloadIdentity;
  readonly telemetry: { readonly accessLog: boolean; readonly accessLogEncoding?: "TEXT" | "JSON" };
}

export interface WorkloadIdentity {
  readonly name: string;
  readonly namespace: string;
  readonly kind: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** One port of one service as this proxy's applications may call it. */
export interface Target {
  /** FQDN, or the bare host of an entry that is no Kubernetes service. */
  readonly host: string;
  /** The Kubernetes service's name and namespace; for other entries the host and the namespace that defines it. */
  readonly service: string;
  readonly namespace: string;
  /** The service port. */
  readonly port: number;
  readonly protocol: Protocol;
  readonly headless: boolean;
  /** No Kubernetes service: several of them may share an address, and the Host or SNI tells which one is meant. */
  readonly external: boolean;
  /** False until the service's routes and endpoints are in: `route` and `tcp` answer only when it is true. */
  readonly loaded: boolean;
  /**
   * Subscribes to the service and resolves with its loaded target in the view of that moment. Immediate when loaded.
   * Rejects with a ConfigError (`WEFT_CONFIG_NOT_LOADED`) when the service's configuration does not arrive within the source's bound.
   */
  load(): Promise<Target>;
  /** Which route an HTTP request takes. The result is a shared frozen object: no allocation per request. */
  route(request: RouteRequest): RouteResult;
  /** Where an opaque or TLS connection goes. */
  tcp(connection: TcpConnection): Cluster | undefined;
}

/** A request as matchers see it: header lookup is lazy and by lower-case name; repeated headers are joined with ",". */
export interface RouteRequest {
  readonly method: string;
  /** Path with query, as it stands in the request line (`/a?b=c`). */
  readonly path: string;
  /** Host header or :authority, as received. */
  readonly authority: string;
  readonly scheme: string;
  /** The port the connection was addressed to (the original destination's). */
  readonly port: number;
  header(name: string): string | undefined;
}

export interface TcpConnection {
  readonly address: string;
  readonly port: number;
  readonly sni?: string | undefined;
}

export type RouteResult =
  | ForwardResult
  | RedirectResult
  | DirectResult
  /** No rule matched: 404, flag NR. */
  | { readonly kind: "noRoute" }
  /** The rule names a host or subset that the mesh does not know: 503, flag NC. */
  | { readonly kind: "noCluster"; readonly route: Route; readonly destination: WeightedDestination };

export interface ForwardResult {
  readonly kind: "forward";
  readonly route: Route;
  readonly cluster: Cluster;
  readonly destination: WeightedDestination;
  /** The destination's header operations before the route's. */
  readonly headers: HeaderPlan;
  readonly mirrors: readonly { readonly cluster: Cluster; readonly percent: number }[];
}

export interface RedirectResult {
  readonly kind: "redirect";
  readonly route: Route;
  /** 301, 302, 303, 307 or 308. */
  readonly status: number;
  location(request: RouteRequest): string;
}

export interface DirectResult {
  readonly kind: "directResponse";
  readonly route: Route;
  readonly status: number;
  readonly body: Uint8Array;
}

/** A rule without its destinations, ready to act on. */
export interface Route {
  readonly name: string;
  /** Under which it has statistics of its own. */
  readonly statPrefix: string | undefined;
  readonly timeoutMs: number | undefined;
  /** Istio's default (two retries) is filled in; undefined means none. */
  readonly retries: RetryPlan | undefined;
  readonly faults: Faults | undefined;
  readonly cors: Cors | undefined;
  /** The route's own operations: for answers that no destination gives. */
  readonly headers: HeaderPlan;
  /** The authority to send instead of the client's; undefined leaves it. */
  readonly authority: string | undefined;
  /** The path and query to send; undefined when the rule leaves them. */
  readonly rewritePath: ((request: RouteRequest) => string) | undefined;
}

/** The endpoints of one service port in one subset, with the policy that holds for them. */
export interface Cluster {
  /** `outbound|PORT|SUBSET|HOST`, as Istio names it in metrics and dumps. */
  readonly name: string;
  readonly host: string;
  readonly service: string;
  readonly namespace: string;
  readonly subset: string;
  /** The service port. */
  readonly port: number;
  readonly protocol: Protocol;
  readonly policy: ClusterPolicy;
  /** Ready endpoints. */
  readonly endpoints: readonly EndpointHandle[];
  /** What of a request chooses its endpoint; undefined unless the policy is a consistent hash. */
  readonly hashPolicy: HashPolicy | undefined;
  /**
   * The endpoint for the next request, never one of `exclude` while another is there; undefined when there is none (503, flag UH).
   * `now` is monotonic, `hash` what `hashPolicy` made of the request (a random one without), and `elsewhere` prefers localities
   * that none of `exclude` is in.
   */
  pick(
    now: number,
    exclude?: readonly EndpointHandle[],
    hash?: number,
    elsewhere?: boolean,
  ): EndpointHandle | undefined;
  /** It has no endpoints of its own: the address that the client dialled is the endpoint (a ServiceEntry's `resolution: NONE`). */
  readonly originalDestination: boolean;
  /** The endpoint at an address, for headless services and PASSTHROUGH; undefined when the cluster has none there. */
  at(address: string): EndpointHandle | undefined;
  /** Survives snapshots: what pools and breakers count. */
  readonly counters: ClusterCounters;
}

/** One per cluster name for the life of the process; the data path counts, breakers and pools read. */
export interface ClusterCounters {
  requests: number;
  pending: number;
  connections: number;
  retries: number;
  /** The cluster as it is configured now: for requests whose endpoint has left it meanwhile. */
  current: Cluster | undefined;
  /** The data path's own state for the cluster. */
  slot: unknown;
}

/** One endpoint of one cluster: the same object for as long as the same workload answers at the same address. */
export interface EndpointHandle {
  readonly address: string;
  /** The container port. */
  readonly target: number;
  /** Dial `address`:15008 with mutual TLS rather than `address`:`target` in plaintext. */
  readonly mtls: boolean;
  /** The SPIFFE id that the peer must show; undefined without a sidecar. */
  readonly identity: string | undefined;
  readonly workload: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly locality: string | undefined;
  readonly weight: number;
  /** True once the endpoint has left the configuration: finish what runs, open nothing new. */
  readonly removed: boolean;
  /** Requests in flight. */
  readonly active: number;
  /** A request (or connection) begins on this endpoint. */
  begin(): void;
  /** It ended, as `observe` says. */
  end(status: number, latencyMs: number, now: number): void;
  /**
   * Something was learned of the endpoint though no request began or ended: an HTTP status, 0 for a failure on the way (no
   * connection, a reset, no answer in time), -1 for nothing learned; and the time to the first byte, or to the failure, in ms.
   */
  observe(status: number, latencyMs: number, now: number): void;
  /** A load report made this weight of the endpoint; it begins anew when none came for the expiration's time. */
  reportWeight(weight: number, now: number, expirationMs: number): void;
  /** The data path's connections to the endpoint; `close` is called once, when the endpoint is removed. */
  pool: { close(): void } | undefined;
}

/** What holds for connections to one container port of this workload. */
export interface InboundPolicy {
  readonly mtls: "STRICT" | "PERMISSIVE" | "DISABLE";
  readonly protocol: Protocol;
  /** FQDN of the service that the port serves. */
  readonly service: string | undefined;
  readonly connectionPool: ConnectionPool | undefined;
  /** False when no policy applies: nothing to build a request for. */
  readonly authorizes: boolean;
  authorize(request: AuthzRequest): Decision;
  /** What policies on a dry run would decide; undefined when there are none. */
  readonly dryRun: ((request: AuthzRequest) => Decision) | undefined;
  /** Undefined when tokens mean nothing here. */
  readonly authenticator: Authenticator | undefined;
  /** Undefined when nothing limits how many requests come. */
  readonly limits: Limits | undefined;
  /** Most bytes of a request's body; Infinity where nothing limits them. */
  readonly maxBodyBytes: number;
}

/** Where views come from: the Kubernetes API, a folder, the last-good file. */
export interface ConfigSource {
  view(): MeshView | undefined;
  /** True when the workload's own configuration and the index are in. */
  ready(): boolean;
  /** Fires when `view()` is a new one or `ready()` has changed. */
  onChange(listener: () => void): () => void;
  dump(): ConfigDump;
  /** How outlier detection stands in the clusters that have it; `now` is the data path's. */
  outliers(now: number): readonly OutlierReport[];
  close(): Promise<void>;
}

export interface OutlierReport {
  readonly cluster: string;
  /** So far. */
  readonly ejections: number;
  /** Endpoints that are set aside now. */
  readonly ejected: number;
  /** Picks among all endpoints because too few are healthy. */
  readonly panics: number;
}

export interface ConfigDump {
  readonly objects: readonly AppliedObject[];
}

/** One compiled object that is applied, as `proxy-status` compares it. */
export interface AppliedObject {
  /** `ServiceConfig/NAMESPACE/NAME` or `WorkloadConfig/NAMESPACE/NAME`. */
  readonly name: string;
  readonly hash: string;
  /** Unix ms. */
  readonly appliedAt: number;
  readonly generations: readonly string[];
}
