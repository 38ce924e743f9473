/** How a client calls a destination: balancing, pools, ejection and TLS, as compiled from DestinationRules. */
import {
  boolean,
  enumeration,
  integer,
  labels,
  list,
  map,
  number,
  object,
  required,
  string,
  strings,
} from "../schema.ts";
import { portNumber, whole } from "./common.ts";

const consistentHash = object("Picks the endpoint by a hash of one property of the request.", {
  header: string("Hash this header's value; lower case."),
  cookie: object(
    "Hash this cookie's value, made up and set when `ttlMs` is given and the request has none.",
    {
      name: required(string("The cookie's name.")),
      path: string("The path attribute of a cookie that is made up."),
      ttlMs: whole("Life of a cookie that is made up; 0 is a session cookie; absent: never made up."),
      attributes: list(
        "More attributes of a cookie that is made up.",
        object("One attribute.", {
          name: required(string("Its name.")),
          value: string("Its value; absent: it has none."),
        }),
      ),
    },
  ),
  sourceIp: boolean("Hash the client's address."),
  queryParameter: string("Hash this query parameter's value."),
  algorithm: required(enumeration("The consistent hash.", ["RING_HASH", "MAGLEV"])),
  size: required(whole("Least size of the ring, or size of the Maglev table.")),
});

const localityPolicy = object("Which localities a client prefers.", {
  enabled: required(boolean("Whether locality plays a part.")),
  distribute: required(
    list(
      "Shares by the client's locality; the first that fits counts.",
      object("The shares of clients in one locality.", {
        from: required(string("The client's `region/zone/subzone`, `*` as the last part for any.")),
        to: required(map("Locality to its share; the shares add up to 100.", whole("Per cent."))),
      }),
    ),
  ),
  failover: required(
    list(
      "Where traffic goes when a region has no healthy endpoint.",
      object("One region's substitute.", {
        from: required(string("The region that fails.")),
        to: required(string("The region that takes over.")),
      }),
    ),
  ),
  failoverPriority: required(
    strings("Labels, most important first; endpoints sharing more of them come first."),
  ),
  zoneAware: object(
    "Regions come one after the other, and in one each zone's clients keep to it as far as its share goes.",
    {
      minClusterSize: required(whole("Endpoints from which zones are told apart.")),
    },
  ),
});

const backendUtilization = object("In turns, by the load that endpoints report in their responses (ORCA).", {
  metricNames: required(
    strings("Reported metrics of which the largest is the utilization, before the standard ones."),
  ),
  errorUtilizationPenalty: required(number("How often the share of errors is added to the utilization.")),
  expirationMs: required(whole("A weight without a report for this long no longer counts.")),
  stabilizationMs: required(whole("Reports must have come for this long before they count.")),
  updateMs: required(whole("Time between computations of the weights.")),
});

export const loadBalancer = object("How an endpoint is chosen.", {
  simple: required(
    enumeration("The algorithm, unless `consistentHash` or `backendUtilization` is set.", [
      "ROUND_ROBIN",
      "LEAST_REQUEST",
      "RANDOM",
      "PASSTHROUGH",
    ]),
  ),
  consistentHash,
  backendUtilization,
  warmup: object("New endpoints get their share little by little.", {
    durationMs: required(whole("How long an endpoint counts as new.")),
    minimumPercent: required(number("The share it starts with, per cent.")),
    aggression: required(number("How its share grows: 1 is linear, more is faster at first.")),
  }),
  locality: localityPolicy,
});

export const connectionPool = object("Limits on connections and requests to the destination.", {
  maxConnections: whole("Most TCP connections."),
  connectTimeoutMs: required(whole("How long a TCP connect may take.")),
  tcpIdleTimeoutMs: whole("An opaque TCP connection that is silent for this long is closed; 0 is never."),
  maxConnectionDurationMs: whole("A connection is closed when it is this old."),
  tcpKeepalive: object("TCP keep-alive.", {
    probes: whole("Unanswered probes before the connection counts as dead."),
    timeMs: whole("Silence before the first probe."),
    intervalMs: whole("Time between probes."),
  }),
  http1MaxPendingRequests: whole("Most requests waiting for a connection."),
  http2MaxRequests: whole("Most requests under way."),
  maxRequestsPerConnection: whole(
    "Requests before a connection is closed; 0 is no limit, 1 is no keep-alive.",
  ),
  maxRetries: whole("Most retries under way."),
  idleTimeoutMs: whole("A pooled connection that is idle for this long is closed."),
  h2UpgradePolicy: enumeration("Whether HTTP/1.1 is sent as HTTP/2.", [
    "DEFAULT",
    "DO_NOT_UPGRADE",
    "UPGRADE",
  ]),
  useClientProtocol: boolean("Speak to the destination what the client spoke."),
  maxConcurrentStreams: whole("Most HTTP/2 streams on a connection."),
  http2KeepAlive: object("HTTP/2 pings.", {
    intervalMs: required(whole("A connection that is silent for this long is asked whether it is alive.")),
    timeoutMs: required(whole("Without an answer for this long it is closed.")),
  }),
  retryBudget: object("Limits retries to a share of the requests; takes the place of `maxRetries`.", {
    percent: required(number("Retries under way, per cent of the requests under way.")),
    minRetryConcurrency: required(whole("Retries always allowed.")),
    budgetIntervalMs: whole("The window that counts as under way."),
  }),
});

const outlierDetection = object("When an endpoint is set aside.", {
  consecutive5xxErrors: required(whole("5xx answers in a row; 0 is off.")),
  consecutiveGatewayErrors: required(whole("502, 503 and 504 in a row; 0 is off.")),
  splitExternalLocalOriginErrors: required(boolean("Count failures to connect apart from answers.")),
  consecutiveLocalOriginFailures: required(whole("Failures to connect in a row, when split; 0 is off.")),
  intervalMs: required(whole("Time between sweeps that readmit.")),
  baseEjectionTimeMs: required(whole("Time set aside, times the number of ejections.")),
  maxEjectionPercent: required(whole("Most endpoints set aside, per cent.")),
  minHealthPercent: required(whole("With fewer endpoints healthy than this per cent, all are used.")),
  httpErrorCodes: required(list("Statuses that count as 5xx; empty: 500 to 599.", integer("A status."))),
});

const clientTls = object("How the connection is secured; `AUTO` follows what each endpoint can do.", {
  mode: required(enumeration("The mode.", ["AUTO", "DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"])),
  sni: string("Server name to send."),
  subjectAltNames: required(
    strings("Names of which the server's certificate must have one; empty: not checked beyond identity."),
  ),
  caCertificates: string("Path of the authorities' certificates; absent: the system's."),
  caCrl: string("Path of the authorities' revocation lists."),
  clientCertificate: string("Path of the client's certificate."),
  privateKey: string("Path of the client's key."),
  credentialName: string("Secret or ConfigMap of the client's namespace, in place of paths."),
  insecureSkipVerify: boolean("Take any certificate."),
});

export const clusterPolicy = object("Everything about calling one subset of the service.", {
  subset: required(string("The subset; empty is the whole service.")),
  labels: required(labels("Labels that an endpoint of the subset has.")),
  port: portNumber("The service port it is for; absent: every port without an entry of its own."),
  loadBalancer: required(loadBalancer),
  connectionPool: required(connectionPool),
  outlierDetection,
  tls: required(clientTls),
  proxyProtocol: enumeration("Version of the PROXY protocol's header sent first.", ["V1", "V2"]),
  tunnel: object("The endpoint is an HTTP proxy, which opaque connections go through.", {
    method: required(enumeration("How it is asked.", ["CONNECT", "POST"])),
    authority: required(string("What it is asked for, as `host:port`.")),
  }),
});
