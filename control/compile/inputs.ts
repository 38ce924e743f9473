/**
 * What the compiler reads: the cluster's objects as the API serves them, narrowed to the fields that matter here, and
 * the mesh's settings. Nothing in this file comes from a client; a watch, a file or a test may fill it.
 */
import type { MtlsMode } from "../../crds/workload-config.ts";
import type {
  AuthorizationPolicySpec,
  DestinationRuleSpec,
  EnvoyFilterSpec,
  PeerAuthenticationSpec,
  RateLimitSpec,
  RequestAuthenticationSpec,
  ServiceEntrySpec,
  VirtualServiceSpec,
} from "./istio.ts";

/** `metadata`, as far as the compiler reads it. */
export interface Meta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly generation?: number;
  /** RFC 3339; absent sorts first. */
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly Owner[];
}

export interface Owner {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
}

/** core/v1 Service. */
export interface Service {
  readonly metadata: Meta;
  readonly spec?: {
    /** ClusterIP when absent. */
    readonly type?: string;
    readonly clusterIP?: string;
    readonly clusterIPs?: readonly string[];
    readonly ipFamilies?: readonly string[];
    readonly selector?: Readonly<Record<string, string>>;
    readonly ports?: readonly ServicePort[];
    readonly trafficDistribution?: string;
  };
}

export interface ServicePort {
  readonly name?: string;
  readonly port: number;
  /** TCP when absent. */
  readonly protocol?: string;
  readonly appProtocol?: string;
  /** A number, or the name of a container port; the same as `port` when absent. */
  readonly targetPort?: number | string;
}

/** discovery.k8s.io/v1 EndpointSlice. */
export interface EndpointSlice {
  readonly metadata: Meta;
  readonly addressType?: string;
  readonly endpoints?: readonly SliceEndpoint[] | null;
  readonly ports?: readonly SlicePort[] | null;
}

export interface SliceEndpoint {
  readonly addresses: readonly string[];
  readonly conditions?: {
    readonly ready?: boolean;
    readonly serving?: boolean;
    readonly terminating?: boolean;
  };
  readonly nodeName?: string;
  readonly zone?: string;
  readonly targetRef?: { readonly kind?: string; readonly namespace?: string; readonly name?: string };
}

export interface SlicePort {
  readonly name?: string | null;
  readonly port?: number | null;
  readonly protocol?: string | null;
}

/** core/v1 Pod. */
export interface Pod {
  readonly metadata: Meta;
  readonly spec?: {
    readonly serviceAccountName?: string;
    readonly nodeName?: string;
    readonly hostNetwork?: boolean;
    readonly containers?: readonly Container[];
    readonly initContainers?: readonly Container[];
  };
  readonly status?: {
    readonly podIP?: string;
    readonly podIPs?: readonly { readonly ip: string }[];
    /** `Ready` alone. */
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

export interface Container {
  readonly name: string;
  readonly ports?: readonly {
    readonly name?: string;
    readonly containerPort: number;
    readonly protocol?: string;
  }[];
}

/** core/v1 Node: only its labels are read. */
export interface Node {
  readonly metadata: Meta;
}

export interface VirtualService {
  readonly metadata: Meta;
  readonly spec?: VirtualServiceSpec;
}

export interface DestinationRule {
  readonly metadata: Meta;
  readonly spec?: DestinationRuleSpec;
}

export interface ServiceEntry {
  readonly metadata: Meta;
  readonly spec?: ServiceEntrySpec;
}

export interface PeerAuthentication {
  readonly metadata: Meta;
  readonly spec?: PeerAuthenticationSpec;
}

export interface AuthorizationPolicy {
  readonly metadata: Meta;
  readonly spec?: AuthorizationPolicySpec;
}

export interface RequestAuthentication {
  readonly metadata: Meta;
  readonly spec?: RequestAuthenticationSpec;
}

export interface EnvoyFilter {
  readonly metadata: Meta;
  readonly spec?: EnvoyFilterSpec;
}

export interface RateLimit {
  readonly metadata: Meta;
  readonly spec?: RateLimitSpec;
}

/** Keys that control fetched for a RequestAuthentication: no object of the cluster, but an input like any. */
export interface KeySet {
  /** Its name is the source. */
  readonly metadata: Meta;
  /** As an issuer serves it. */
  readonly jwks?: string;
}

/** The kinds that the compiler reads, by the name used in a Change. */
export interface Inputs {
  Service: Service;
  EndpointSlice: EndpointSlice;
  Pod: Pod;
  Node: Node;
  VirtualService: VirtualService;
  DestinationRule: DestinationRule;
  ServiceEntry: ServiceEntry;
  PeerAuthentication: PeerAuthentication;
  AuthorizationPolicy: AuthorizationPolicy;
  RequestAuthentication: RequestAuthentication;
  EnvoyFilter: EnvoyFilter;
  RateLimit: RateLimit;
  KeySet: KeySet;
}

export type InputKind = keyof Inputs;

/** The whole cluster at one moment: per kind a map keyed `namespace/name` (`name` for a Node, `keySource` for a KeySet). */
export type Snapshot = { readonly [K in InputKind]?: ReadonlyMap<string, Inputs[K]> };

/** One object that came, changed (`object` set) or went (`object` absent), keyed as in a Snapshot. */
export type Change = {
  [K in InputKind]: { readonly kind: K; readonly key: string; readonly object?: Inputs[K] };
}[InputKind];

/** What holds for the whole mesh: from the `weft-mesh-REV` ConfigMap, and the anchors of the CA. */
export interface MeshSettings {
  /** Revision of this control plane; part of every compiled object's name. */
  readonly revision: string;
  /** Namespace whose policies hold mesh-wide. */
  readonly rootNamespace: string;
  readonly trustDomain: string;
  readonly clusterDomain: string;
  /** PEM, one or more anchors. */
  readonly trustBundle: string;
  /** Mode where no PeerAuthentication says another. */
  readonly mtlsMode: MtlsMode;
  readonly outboundTrafficPolicy: "ALLOW_ANY" | "REGISTRY_ONLY";
  readonly accessLog: boolean;
  readonly accessLogEncoding: "TEXT" | "JSON";
}

/** Settings of a mesh about which nothing was said. */
export const defaultSettings: MeshSettings = {
  revision: "default",
  rootNamespace: "istio-system",
  trustDomain: "cluster.local",
  clusterDomain: "cluster.local",
  trustBundle: "",
  mtlsMode: "PERMISSIVE",
  outboundTrafficPolicy: "ALLOW_ANY",
  accessLog: false,
  accessLogEncoding: "TEXT",
};
