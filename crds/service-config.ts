/**
 * ServiceConfig: what clients need to know of services, compiled by control into `status` in three parts by label:
 * `index` (one per namespace), `service` (routes and policies) and `endpoints` (slices of at most 100).
 * Proxies act on `status` alone; `spec` is always empty.
 */
import {
  header,
  type namedMatches,
  portNumber,
  protocol,
  type stringMatch,
  whole,
} from "./compiled/common.ts";
import { clusterPolicy, type connectionPool, type loadBalancer } from "./compiled/policy.ts";
import * as route from "./compiled/route.ts";
import { ageColumn, type Kind, type ObjectOfKind } from "./kind.ts";
import {
  boolean,
  enumeration,
  type Infer,
  labels,
  list,
  object,
  required,
  string,
  strings,
} from "./schema.ts";

const indexPort = object("One port of a service.", {
  port: required(portNumber("The service port.")),
  protocol: required(protocol("What is spoken on it.")),
  name: string("The port's name."),
});

const indexEntry = object("One service.", {
  name: required(string("The service's name; a made-up id when `hosts` is set.")),
  key: required(
    string("First 16 hex digits of the SHA-256 of `namespace/name`: the label of its other parts."),
  ),
  addresses: required(
    strings("Cluster IPs, or a ServiceEntry's addresses and CIDRs; none for a headless service."),
  ),
  ports: required(list("Its TCP ports.", indexPort)),
  headless: boolean("A headless service: endpoints are addressed directly."),
  hosts: strings("Host names, for an entry that is no Kubernetes service."),
  exportTo: strings("Namespaces that may use it; absent: all."),
});

const index = object(
  "Every service of one namespace, about 100 bytes each.",
  {
    namespace: required(string("The namespace.")),
    services: required(list("Its services, by name.", indexEntry)),
  },
  { atomic: true },
);

const selected = object("Policies for some of the clients, in place of `clusters`.", {
  labels: required(labels("Labels that the client's workload has, all of them.")),
  clusters: required(list("The policies, as in `clusters`.", clusterPolicy)),
});

const view = object("What a client sees of the service.", {
  http: required(list("Routes for HTTP; empty: one route to the service itself.", route.httpRoute)),
  tcp: required(list("Routes for opaque TCP; empty: to the service itself.", route.tcpRoute)),
  tls: required(list("Routes for TLS by server name; empty: to the service itself.", route.tlsRoute)),
  clusters: required(
    list("How this service is called as a destination; the first entry is the whole service.", clusterPolicy),
  ),
  selected: list("Other policies for clients by their labels; the first that fits counts.", selected),
});

const variant = object("Another view for clients of some namespaces.", {
  namespaces: required(strings("The clients' namespaces.")),
  view: required(view),
});

const service = object(
  "Routes and policies of one service.",
  {
    name: required(string("The service's name.")),
    namespace: required(string("Its namespace.")),
    key: required(string("Its key.")),
    host: required(string("Its FQDN, or the bare host of an entry that is no Kubernetes service.")),
    endpointSlices: required(whole("How many `endpoints` parts belong to this snapshot.")),
    resolution: enumeration(
      "How a ServiceEntry's host is reached: at its endpoints (STATIC), at what their names resolve to (DNS), at one such address at a time (DNS_ROUND_ROBIN), or at the address that the client dialled (NONE).",
      ["NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN"],
    ),
    common: required(view),
    variants: required(list("What clients of some namespaces see instead.", variant)),
  },
  { atomic: true },
);

const endpoint = object("One pod, or other address, behind the service.", {
  address: required(string("Its IP address, or a name.")),
  dns: boolean("`address` is a name, which the proxy resolves."),
  ports: required(
    list(
      "Where its ports are.",
      object("One port.", {
        port: required(portNumber("The service port.")),
        target: required(portNumber("The port at the address.")),
      }),
    ),
  ),
  ready: required(boolean("Whether it takes new requests.")),
  identity: string("SPIFFE id that it must show; absent: it has no sidecar."),
  mtls: required(boolean("Whether it is called by mutual TLS on port 15008.")),
  plaintextPorts: list("Target ports that take no mutual TLS.", portNumber("A target port.")),
  labels: required(labels("The pod labels that subsets use, with `app` and `version`.")),
  workload: string("Name of its workload."),
  locality: string("`region/zone/subzone`."),
  weight: required(whole("Its weight among its peers.")),
  node: string("The node it runs on."),
});

const endpoints = object(
  "A slice of the endpoints of one service.",
  {
    key: required(string("The service's key.")),
    slice: required(whole("Number of this slice, from 0.")),
    of: required(whole("How many slices there are.")),
    endpoints: required(list("At most 100 endpoints.", endpoint, { maxItems: 100 })),
  },
  { atomic: true },
);

const spec = object("Always empty.", {});
const status = object("What control compiled; exactly one of `index`, `service` and `endpoints`.", {
  ...header,
  index,
  service,
  endpoints,
});

export type Protocol = Infer<typeof indexPort>["protocol"];
export type CompiledHeader = Pick<ServiceConfigStatus, "revision" | "hash" | "generations" | "writtenAt">;
export type IndexPart = Infer<typeof index>;
export type IndexEntry = Infer<typeof indexEntry>;
export type IndexPort = Infer<typeof indexPort>;
export type ServicePart = Infer<typeof service>;
export type ServiceVariant = Infer<typeof variant>;
export type ServiceView = Infer<typeof view>;
export type SelectedPolicies = Infer<typeof selected>;
export type ClusterPolicy = Infer<typeof clusterPolicy>;
export type LoadBalancer = Infer<typeof loadBalancer>;
export type ConsistentHash = NonNullable<LoadBalancer["consistentHash"]>;
export type BackendUtilization = NonNullable<LoadBalancer["backendUtilization"]>;
export type LocalityPolicy = NonNullable<LoadBalancer["locality"]>;
export type ConnectionPool = Infer<typeof connectionPool>;
export type OutlierDetection = NonNullable<ClusterPolicy["outlierDetection"]>;
export type ClientTls = ClusterPolicy["tls"];
export type Tunnel = NonNullable<ClusterPolicy["tunnel"]>;
export type HttpRoute = Infer<typeof route.httpRoute>;
export type HttpMatch = Infer<typeof route.httpMatch>;
export type StringMatch = Infer<ReturnType<typeof stringMatch>>;
export type NamedMatch = Infer<ReturnType<typeof namedMatches>>[number];
export type RouteAction = Infer<typeof route.action>;
export type WeightedDestination = Infer<typeof route.weightedDestination>;
export type RetryPolicy = Infer<typeof route.retries>;
export type Fault = Infer<typeof route.fault>;
export type Mirror = Infer<typeof route.mirror>;
export type HeaderOperations = Infer<typeof route.headerOperations>;
export type HeaderOps = Infer<ReturnType<typeof route.headerOps>>;
export type Rewrite = NonNullable<HttpRoute["rewrite"]>;
export type CorsPolicy = Infer<typeof route.cors>;
export type TcpRoute = Infer<typeof route.tcpRoute>;
export type TlsRoute = Infer<typeof route.tlsRoute>;
export type L4Match = Infer<typeof route.l4Match>;
export type EndpointsPart = Infer<typeof endpoints>;
export type Endpoint = Infer<typeof endpoint>;
export type ServiceConfigStatus = Infer<typeof status>;
export type ServiceConfig = ObjectOfKind<typeof spec, typeof status>;

export const serviceConfig = {
  group: "mesh.weft.dev",
  kind: "ServiceConfig",
  plural: "serviceconfigs",
  singular: "serviceconfig",
  scope: "Namespaced",
  versions: ["v1alpha1"],
  shortNames: ["svccfg"],
  categories: ["weft"],
  description:
    "What clients need to know of a service, compiled by control; only control writes it, and proxies act on its status.",
  printerColumns: [
    {
      name: "Part",
      type: "string",
      jsonPath: ".metadata.labels.mesh\\.weft\\.dev/part",
      description: "`index`, `service` or `endpoints`.",
    },
    { name: "Host", type: "string", jsonPath: ".status.service.host", description: "The service's FQDN." },
    { name: "Hash", type: "string", jsonPath: ".status.hash", description: "Hash of the content." },
    {
      name: "Revision",
      type: "string",
      jsonPath: ".status.revision",
      description: "Who compiled it.",
      priority: 1,
    },
    ageColumn,
  ],
  spec,
  status,
} as const satisfies Kind;
