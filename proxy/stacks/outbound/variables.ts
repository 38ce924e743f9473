/** The `%VARIABLES%` of a route's header operations (Envoy's command operators), by what an outbound request knows. */
import type { ResponseHead } from "../../http/response-head.ts";
import type { Lookup } from "../../route/format.ts";
import type { OutboundRequest } from "./request.ts";

type Variable = (
  request: OutboundRequest,
  argument: string,
  response: ResponseHead | undefined,
) => string | undefined;

/** docs/validation.md lists them. */
export const variables: Readonly<Record<string, Variable>> = {
  REQ: (request, argument) => either(argument, (name) => requestHeader(request, name)),
  PROTOCOL: ({ exchange }) => exchange.protocol,
  START_TIME: ({ context, exchange }) =>
    new Date(context.unixNow() - (context.now() - exchange.startedAt)).toISOString(),
  HOSTNAME: () => process.env.HOSTNAME,
  ROUTE_NAME: ({ result }) => (result !== undefined && "route" in result ? result.route.name : undefined),
  UPSTREAM_CLUSTER: ({ cluster }) => cluster?.name,
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: ({ exchange }) => exchange.peerAddress,
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT: ({ exchange }) => exchange.peerAddress,
  DOWNSTREAM_LOCAL_ADDRESS: ({ destination: { address, port } }) =>
    address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`,
  DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: ({ destination }) => destination.address,
  DOWNSTREAM_LOCAL_PORT: ({ destination }) => String(destination.port),
  // Of a response only.
  RESP: (_, argument, response) => either(argument, (name) => response?.header(name)),
  RESPONSE_CODE: (_request, _argument, response) => response && String(response.status),
  UPSTREAM_HOST: ({ endpoint }) => endpoint && `${endpoint.address}:${endpoint.target}`,
  UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: ({ endpoint }) => endpoint?.address,
};

/** What is known of the request, and of its response once that is there. */
export function variablesOf(request: OutboundRequest, response?: ResponseHead): Lookup {
  return (name, argument) => variables[name]?.(request, argument, response);
}

/** `NAME`, or `NAME?OTHER` for another header where the first is missing. */
function either(argument: string, header: (name: string) => string | undefined): string | undefined {
  const [first = "", second] = argument.toLowerCase().split("?", 2);
  return header(first) ?? (second === undefined ? undefined : header(second));
}

function requestHeader(request: OutboundRequest, name: string): string | undefined {
  switch (name) {
    case ":authority":
    case "host":
      return request.authority;
    case ":method":
      return request.method;
    case ":path":
      return request.path;
    case ":scheme":
      return request.scheme;
    default:
      return request.header(name);
  }
}
