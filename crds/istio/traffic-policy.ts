/** How a destination is called: the traffic policy of a DestinationRule, of its subsets and ports. */
import {
  boolean,
  duration,
  enumeration,
  integer,
  labels,
  list,
  number,
  object,
  required,
  string,
  strings,
  unsigned,
} from "../schema.ts";
import { loadBalancer } from "./load-balancer.ts";

const tcpPool = object("For every connection.", {
  maxConnections: integer("Most connections."),
  connectTimeout: duration("How long a connect may take; 10s when absent."),
  tcpKeepalive: object("TCP keep-alive.", {
    probes: unsigned("Unanswered probes before the connection counts as dead."),
    time: duration("Silence before the first probe."),
    interval: duration("Time between probes."),
  }),
  maxConnectionDuration: duration("A connection is closed when it is this old; never when absent."),
  idleTimeout: duration("A silent connection is closed after this; 1h when absent, 0s is never.", {
    atLeast: undefined,
  }),
});

const httpPool = object("For HTTP.", {
  http1MaxPendingRequests: integer("Most requests that wait for a connection."),
  http2MaxRequests: integer("Most requests under way."),
  maxRequestsPerConnection: integer(
    "Requests before a connection is closed; 0 is no limit, 1 no keep-alive.",
  ),
  maxRetries: integer("Most retries under way."),
  idleTimeout: duration("An idle connection is closed after this; 1h when absent."),
  h2UpgradePolicy: enumeration("Whether HTTP/1.1 is sent on as HTTP/2.", [
    "DEFAULT",
    "DO_NOT_UPGRADE",
    "UPGRADE",
  ]),
  useClientProtocol: boolean("Speaks to the destination what the client spoke."),
  maxConcurrentStreams: integer("Most HTTP/2 streams on a connection."),
  http2KeepAlive: object("HTTP/2 pings.", {
    interval: duration("Time between pings."),
    timeout: duration("How long the answer may take."),
  }),
});

const connectionPool = object("Limits on connections and requests.", { tcp: tcpPool, http: httpPool });

const outlierDetection = object("When an endpoint that fails is set aside.", {
  consecutiveErrors: integer("Superseded by `consecutive5xxErrors`."),
  splitExternalLocalOriginErrors: boolean("Counts failures to connect apart from answers."),
  consecutiveLocalOriginFailures: unsigned("Failures to connect in a row, when split; 5 when absent."),
  consecutiveGatewayErrors: unsigned("502, 503 and 504 in a row; off when absent or 0."),
  consecutive5xxErrors: unsigned("5xx in a row; 5 when absent, 0 is off."),
  interval: duration("Time between sweeps; 10s when absent."),
  baseEjectionTime: duration("Time set aside, times the number of ejections; 30s when absent."),
  maxEjectionPercent: integer("Most endpoints set aside, per cent; 10 when absent."),
  minHealthPercent: integer("Below this per cent healthy, all are used; 0 when absent."),
  outlierDetectionHttpErrorCodes: list(
    "Statuses that count as 5xx; 500 to 599 when absent.",
    integer("A status.", { minimum: 100, maximum: 599 }),
  ),
});

const tls = object("How connections are secured; absent: mutual TLS where the endpoint has a sidecar.", {
  mode: enumeration(
    "DISABLE is plaintext, SIMPLE is TLS, MUTUAL uses these files, ISTIO_MUTUAL the mesh's identity.",
    ["DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"],
  ),
  clientCertificate: string("Path of the client's certificate, for MUTUAL."),
  privateKey: string("Path of the client's key, for MUTUAL."),
  caCertificates: string("Path of the authorities' certificates; the system's when absent."),
  credentialName: string("Secret with certificate, key and authorities, in place of paths."),
  subjectAltNames: strings("Names of which the server's certificate must have one."),
  sni: string("Server name to ask for."),
  insecureSkipVerify: boolean("Takes any certificate."),
  caCrl: string("Path of the authorities' revocation list."),
});

const perPort = { loadBalancer, connectionPool, outlierDetection, tls };

const portTrafficPolicy = object("Settings of one port, in place of those of the whole destination.", {
  port: object("The service's port.", { number: unsigned("Its number.") }),
  ...perPort,
});

export const trafficPolicy = (description: string, options: { readonly maxPorts: number }) =>
  object(description, {
    ...perPort,
    portLevelSettings: list("Settings by port.", portTrafficPolicy, { maxItems: options.maxPorts }),
    tunnel: object("Reaches the destination through an HTTP proxy.", {
      protocol: string("CONNECT, which is the default, or POST."),
      targetHost: required(string("Host to ask the proxy for.")),
      targetPort: required(unsigned("Port to ask the proxy for.")),
    }),
    proxyProtocol: object("Sends the PROXY protocol's header first.", {
      version: enumeration("Its version.", ["V1", "V2"]),
    }),
    retryBudget: object("Limits retries to a share of the requests; takes the place of `maxRetries`.", {
      percent: number("Retries under way, per cent of the requests under way; 20 when absent.", {
        minimum: 0,
        maximum: 100,
      }),
      minRetryConcurrency: unsigned("Retries that are always allowed; 3 when absent."),
      budgetInterval: duration("The window in which requests count as under way.", { atLeast: undefined }),
    }),
  });

/** Ports in a subset are bounded lower than a destination's: the API server counts CEL rules for the product of both. */
export const subset = object("Some of the host's endpoints, by label.", {
  name: required(string("Name by which routes speak of it.")),
  labels: labels("Labels that its endpoints have, all of them."),
  trafficPolicy: trafficPolicy("Settings that differ from the destination's, field by field.", {
    maxPorts: 256,
  }),
});

export { connectionPool, outlierDetection, portTrafficPolicy, tls };
