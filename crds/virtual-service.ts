/** VirtualService: where requests and connections to a host go. */
import { networking, type stringMatch } from "./istio/common.ts";
import {
  type destination,
  type headers,
  type httpRouteDestination,
  routeDestination,
} from "./istio/destination.ts";
import * as http from "./istio/http-route.ts";
import { ageColumn, type Kind, type ObjectOfKind } from "./kind.ts";
import { type Infer, labels, list, object, required, string, strings, unsigned } from "./schema.ts";

const l4Fields = {
  destinationSubnets: strings("Addresses or CIDRs that the client addressed."),
  port: unsigned("On the port that the client addressed."),
  sourceLabels: labels("Labels that the client's workload has."),
  gateways: strings("Where this match holds; takes the place of the object's `gateways`."),
  sourceNamespace: string("Namespace that the client is in."),
};

const tlsMatch = object("Conditions that all hold.", {
  sniHosts: required(strings("Server names that the client asks for; within the object's hosts.")),
  ...l4Fields,
});

const tlsRoute = object("One rule for TLS passed through by server name; the first that matches decides.", {
  match: required(list("Any of these.", tlsMatch)),
  route: list("Where it goes, by weight.", routeDestination),
});

const l4Match = object("Conditions that all hold.", {
  ...l4Fields,
  sourceSubnet: string("Kept for compatibility; has no effect."),
});

const tcpRoute = object("One rule for opaque TCP; the first that matches decides.", {
  match: list("Any of these; absent: every connection.", l4Match),
  route: list("Where it goes, by weight.", routeDestination),
});

const spec = object("Where requests and connections to the hosts go.", {
  hosts: strings(
    "The hosts: DNS names, `*.` for any first label, addresses, or short names of services here.",
  ),
  gateways: strings(
    "Where the routes hold: gateways, and `mesh` for all sidecars, which is what absent means.",
  ),
  http: list("Rules for HTTP, in order.", http.httpRoute),
  tls: list("Rules for TLS by server name, in order.", tlsRoute),
  tcp: list("Rules for opaque TCP, in order.", tcpRoute),
  exportTo: strings(
    "Namespaces whose clients see this: `.` is this one, `*` all, which is what absent means.",
  ),
});

export type VirtualServiceSpec = Infer<typeof spec>;
export type HTTPRoute = Infer<typeof http.httpRoute>;
export type HTTPMatchRequest = Infer<typeof http.httpMatch>;
export type HTTPRouteDestination = Infer<typeof httpRouteDestination>;
export type HTTPRedirect = Infer<typeof http.redirect>;
export type HTTPDirectResponse = Infer<typeof http.directResponse>;
export type Delegate = Infer<typeof http.delegate>;
export type HTTPRewrite = Infer<typeof http.rewrite>;
export type HTTPRetry = Infer<typeof http.retries>;
export type HTTPFaultInjection = Infer<typeof http.fault>;
export type HTTPMirrorPolicy = Infer<typeof http.httpMirror>;
export type CorsPolicy = Infer<typeof http.corsPolicy>;
export type Percent = Infer<ReturnType<typeof http.percent>>;
export type StringMatch = Infer<ReturnType<typeof stringMatch>>;
export type Destination = Infer<ReturnType<typeof destination>>;
export type RouteDestination = Infer<typeof routeDestination>;
export type Headers = Infer<typeof headers>;
export type HeaderOperations = NonNullable<Headers["request"]>;
export type TLSRoute = Infer<typeof tlsRoute>;
export type TLSMatchAttributes = Infer<typeof tlsMatch>;
export type TCPRoute = Infer<typeof tcpRoute>;
export type L4MatchAttributes = Infer<typeof l4Match>;
export type VirtualService = ObjectOfKind<typeof spec, typeof networking.status>;

export const virtualService = {
  ...networking,
  kind: "VirtualService",
  plural: "virtualservices",
  singular: "virtualservice",
  shortNames: ["vs"],
  description: "Says where requests and connections to a host go.",
  printerColumns: [
    { name: "Gateways", type: "string", jsonPath: ".spec.gateways", description: "Where the routes hold." },
    { name: "Hosts", type: "string", jsonPath: ".spec.hosts", description: "The hosts that it is for." },
    ageColumn,
  ],
  spec,
} as const satisfies Kind;
