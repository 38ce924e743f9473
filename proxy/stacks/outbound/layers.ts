/** The layers of an outbound HTTP request, one function each; `outbound.ts` puts them in order. */
import { ConfigError } from "../../config/errors.ts";
import type { Cluster, EndpointHandle, MeshView, Target } from "../../config/view.ts";
import { CONNECT } from "../../http/request-head.ts";
import type { Version } from "../../http/streams.ts";
import type { Destination } from "../../net/original-destination.ts";
import { oneLine } from "../../route/format.ts";
import { needsHttp1, upstreamVersion } from "../../upstream/version.ts";
import { breakerOf } from "../breakers.ts";
import { poolOf } from "../endpoint-pools.ts";
import { firstView } from "../first-view.ts";
import { openedFor } from "../opened-for.ts";
import { hashRequest } from "./hash.ts";
import type { Passthrough } from "./passthrough.ts";
import type { Layer, OutboundRequest } from "./request.ts";
import { limitTry } from "./retries.ts";
import { applyRoute, ownLines } from "./route-actions.ts";

/** A request is served with the view that is in force when it begins. */
export const takeView: Layer = (request) => {
  request.view = request.context.config.view();
  if (request.view !== undefined) return "next";
  const arrived = request.whileWaiting((view: MeshView | undefined) => {
    if (view !== undefined) request.proceed(takeView, true);
    else
      request.fail(
        503,
        "NC",
        "this proxy has no configuration yet: see its log, and /healthz/ready on port 15021",
      );
  });
  firstView(request.context.config).then(arrived);
  return "wait";
};

/**
 * By the address that was dialled; a service without one (headless, external) is found by the request's Host. Hosts of a
 * ServiceEntry share its addresses, so that among these the Host comes first. A CONNECT names whom its server is to reach, not
 * the server itself.
 */
export const findTarget: Layer = (request) => {
  const view = request.view as MeshView;
  const { address, port } = request.destination;
  const dialled = view.target(address, port);
  request.target =
    dialled?.external === false || request.method === CONNECT
      ? dialled
      : (view.targetByHost(request.authority, port || portOf(request.authority)) ?? dialled);
  return "next";
};

/** The port of an authority: what a client that came to our own listener means. */
function portOf(authority: string): number {
  const port = /:(\d{1,5})$/.exec(authority)?.[1];
  return port === undefined ? 80 : Number(port);
}

/** The first request to a service subscribes to it and waits until its routes and endpoints are in. */
export const loadService: Layer = (request) => {
  const { target } = request;
  if (target === undefined || target.loaded) return "next";
  target.load().then(
    request.whileWaiting((loaded: Target) => {
      request.target = loaded;
      request.view = request.context.config.view();
      request.proceed(loadService);
    }),
    request.whileWaiting((error: unknown) => {
      const reason = error instanceof ConfigError ? error.message : String(error);
      request.fail(503, "NC", reason);
    }),
  );
  return "wait";
};

/** What no service claims goes where it was addressed, or nowhere, as `outboundTrafficPolicy` says. */
export const passThrough =
  (passthrough: Passthrough): Layer =>
  (request) => {
    if (request.target !== undefined) return "next";
    const view = request.view as MeshView;
    if (view.egress.outboundTrafficPolicy === "REGISTRY_ONLY") {
      return request.fail(
        502,
        "-",
        `no service of the mesh has ${request.authority}, and outboundTrafficPolicy is REGISTRY_ONLY`,
      );
    }
    const endpoint = passthrough.endpoint(request.destination);
    if (endpoint === undefined) {
      return request.fail(
        404,
        "NR",
        `no service of the mesh has ${request.authority}, and the connection was not redirected here`,
      );
    }
    request.endpoint = endpoint;
    request.pool = passthrough.pool(endpoint);
    return "next";
  };

/** The rule that the request matches. */
export const chooseRoute: Layer = (request) => {
  const { target } = request;
  if (target === undefined) return "next";
  const result = target.route(request);
  request.result = result;
  if (result.kind === "forward") request.cluster = result.cluster;
  if (result.kind !== "noRoute") return "next";
  return request.fail(404, "NR", `no route of ${target.host} matches this request`);
};

/** What the rule does to the request; redirects and direct responses end here. */
export const followRoute: Layer = (request) => {
  const { result, exchange } = request;
  switch (result?.kind) {
    case "forward":
      applyRoute(request, result);
      return "next";
    case "redirect": {
      const location = oneLine(result.location(request));
      exchange.reply(result.status, "", `location: ${location}\r\n${ownLines(request, result.route)}`);
      return "done";
    }
    case "directResponse":
      exchange.reply(
        result.status,
        Buffer.from(result.body).toString("latin1"),
        ownLines(request, result.route),
      );
      return "done";
    case "noCluster": {
      const { host, subset } = result.destination;
      const what = subset === "" ? host : `subset ${subset} of ${host}`;
      return request.fail(503, "NC", `the route names ${what}, which the mesh does not know`);
    }
    default:
      return "next";
  }
};

/** What the cluster takes at a time: more is refused at once. */
export const limitLoad: Layer = (request) => {
  const { cluster } = request;
  if (cluster === undefined || request.enter(breakerOf(cluster))) return "next";
  return request.overflow("requests");
};

/** The endpoint that the dialled address is: a headless service's pod, by the policy PASSTHROUGH, or where there is no other. */
export function dialledEndpoint(
  target: Target | undefined,
  cluster: Cluster,
  { address, port }: Destination,
): EndpointHandle | undefined {
  // Without a port, the client came to our own listener.
  if (cluster.originalDestination) return port === 0 ? undefined : cluster.at(address);
  const isDirect = target?.headless === true || cluster.policy.loadBalancer.simple === "PASSTHROUGH";
  return isDirect ? cluster.at(address) : undefined;
}

/** The endpoint for this try: never one that failed while another is there. */
export const chooseEndpoint: Layer = (request) => {
  const { cluster, context, destination, tries, target, result } = request;
  if (cluster === undefined) return "next";
  const direct = dialledEndpoint(target, cluster, destination);
  if (cluster.hashPolicy !== undefined) hashRequest(request, cluster.hashPolicy);
  const route = result?.kind === "forward" ? result.route : undefined;
  const retries = tries.tried.length > 0 ? route?.retries : undefined;
  const tried = retries?.ignorePreviousHosts === false ? undefined : tries.tried;
  const endpoint = direct ?? cluster.pick(context.now(), tried, request.hash, retries?.retryRemoteLocalities);
  if (endpoint === undefined)
    return request.fail(503, "UH", `no healthy upstream: ${cluster.name} has no healthy endpoint`);
  request.endpoint = endpoint;
  request.pool = poolOf(context, cluster, endpoint, openedFor(request, cluster));
  return "next";
};

/** On a connection of the endpoint's pool, or a new one, in the version that the port, the policy or the client wants. */
export const send: Layer = (request) => {
  limitTry(request);
  const version = versionTo(request, request.cluster);
  const upstream = request.pool?.acquire(request, version, request.tries.reconnects > 0);
  if (upstream === undefined) return "wait";
  request.acquired(upstream);
  return "done";
};

/** The version of HTTP that the request goes on with to a cluster. */
export function versionTo({ exchange }: OutboundRequest, cluster: Cluster | undefined): Version {
  if (needsHttp1(exchange.head)) return 1;
  const client = exchange.downstream.version;
  return upstreamVersion(client, cluster?.protocol ?? "auto", cluster?.policy.connectionPool);
}
