/** Where requests and connections go, as compiled from VirtualServices. */
import {
  boolean,
  enumeration,
  integer,
  labels,
  list,
  number,
  object,
  required,
  string,
  strings,
  tagged,
} from "../schema.ts";
import { namedMatches, portNumber, stringMatch, whole } from "./common.ts";

const headerOps = (description: string) =>
  object(description, {
    set: required(labels("Headers to overwrite; names in lower case.")),
    add: required(labels("Headers to append; names in lower case.")),
    remove: required(strings("Headers to take out; names in lower case.")),
  });

const headerOperations = object("Changes to headers.", {
  request: headerOps("On the way to the destination."),
  response: headerOps("On the way back."),
});

const weightedDestination = object("One destination and its share.", {
  host: required(string("FQDN, or the bare host of an entry that is no Kubernetes service.")),
  key: required(string("The service's key; empty when the mesh does not know the host.")),
  port: portNumber("The service port; absent: the one the client addressed, or the only one."),
  subset: required(string("The subset; empty is the whole service.")),
  weight: required(whole("Its share is weight / sum of weights.")),
  headers: headerOperations,
});

const destinations = required(list("Where it goes, by weight.", weightedDestination));

const mirror = object("A copy of the request goes here; its answer is dropped.", {
  host: required(string("FQDN or bare host.")),
  key: required(string("The service's key; empty when the mesh does not know the host.")),
  port: portNumber("The service port."),
  subset: required(string("The subset; empty is the whole service.")),
  percent: required(number("Per cent of the requests copied.")),
});

const httpMatch = object("Conditions that all hold.", {
  uri: stringMatch("On the path."),
  ignoreUriCase: boolean("Compare exact and prefix paths without regard to case."),
  scheme: stringMatch("On the scheme."),
  method: stringMatch("On the method."),
  authority: stringMatch("On Host or :authority."),
  headers: required(namedMatches("Headers that match.")),
  withoutHeaders: required(namedMatches("Headers that must not match.")),
  queryParams: required(namedMatches("Query parameters that match.")),
  port: portNumber("The port that the client addressed."),
  sourceLabels: labels("Labels of the client's workload."),
  sourceNamespace: string("The client's namespace."),
});

const action = tagged("What happens to a request that matches.", "kind", {
  forward: { destinations },
  redirect: {
    uri: string("Replaces the path."),
    authority: string("Replaces the host."),
    scheme: string("Replaces the scheme."),
    port: portNumber("Replaces the port."),
    derivePort: enumeration("Where the port comes from when `port` is absent.", [
      "FROM_PROTOCOL_DEFAULT",
      "FROM_REQUEST_PORT",
    ]),
    prefixRewrite: string("Replaces the part of the path that the prefix match took."),
    code: required(integer("The status: 301, 302, 303, 307 or 308.")),
  },
  directResponse: {
    status: required(integer("The status to answer.")),
    body: string("The body as text."),
    bodyBase64: string("The body as bytes."),
  },
});

const retries = object("When and how a request is tried again.", {
  attempts: required(whole("Retries after the first try.")),
  perTryTimeoutMs: whole("Limit for each try."),
  retryOn: required(strings("Conditions by their names, such as `5xx` or `connect-failure`.")),
  retriableStatusCodes: required(list("Statuses that are retried.", integer("A status."))),
  backoffMs: required(whole("Base of the exponential back-off.")),
  retryRemoteLocalities: required(boolean("Retries may leave the first try's locality.")),
  ignorePreviousHosts: required(boolean("Retries avoid endpoints already tried.")),
});

const fault = object("Faults put in on purpose.", {
  delay: object("Delays requests.", {
    fixedMs: required(whole("For how long.")),
    percent: required(number("Per cent of the requests.")),
  }),
  abort: object("Answers instead of the destination.", {
    httpStatus: integer("The HTTP status."),
    grpcStatus: string("The gRPC status by name."),
    percent: required(number("Per cent of the requests.")),
  }),
});

const cors = object("Cross-origin rules.", {
  allowOrigins: required(list("Origins allowed.", stringMatch("On the Origin header."))),
  allowMethods: required(strings("Methods allowed.")),
  allowHeaders: required(strings("Request headers allowed.")),
  exposeHeaders: required(strings("Response headers that scripts may read.")),
  maxAgeMs: whole("How long a preflight's answer may be kept."),
  allowCredentials: required(boolean("Whether credentials may be sent.")),
  unmatchedPreflights: required(
    enumeration("What happens to a preflight of another origin.", ["FORWARD", "IGNORE"]),
  ),
});

export const httpRoute = object("One rule; the first that matches decides.", {
  name: string("The route's name, in access logs."),
  statPrefix: string("What statistics of its own are called by; absent: it has none."),
  matches: required(list("Alternatives; empty matches everything.", httpMatch)),
  action: required(action),
  timeoutMs: whole("Limit for the whole request with its retries; absent: none."),
  retries,
  fault,
  mirrors: required(list("Copies.", mirror)),
  headers: headerOperations,
  rewrite: object("Changes to the request line.", {
    uri: string("Replaces the path, or the part that the prefix match took."),
    authority: string("Replaces Host or :authority."),
    regex: object("Replaces by regular expression.", {
      match: required(string("RE2 expression.")),
      rewrite: required(string("Replacement; \\1 to \\9 are groups.")),
    }),
  }),
  cors,
});

const l4Fields = {
  destinationSubnets: required(strings("Addresses or CIDRs that the client addressed; empty: any.")),
  port: portNumber("The port that the client addressed."),
  sourceLabels: labels("Labels of the client's workload."),
  sourceNamespace: string("The client's namespace."),
};

const l4Match = object("Conditions that all hold.", {
  ...l4Fields,
  sniHosts: strings("Server names, `*.` as the first label for any."),
});

export const tcpRoute = object("One rule for connections; the first that matches decides.", {
  matches: required(list("Alternatives; empty matches everything.", l4Match)),
  destinations,
});

export const tlsRoute = object(
  "One rule for TLS connections by server name; the first that matches decides.",
  {
    matches: required(
      list(
        "Alternatives.",
        object("Conditions that all hold.", {
          ...l4Fields,
          sniHosts: required(strings("Server names, `*.` as the first label for any.")),
        }),
      ),
    ),
    destinations,
  },
);

export {
  action,
  cors,
  fault,
  headerOperations,
  headerOps,
  httpMatch,
  l4Match,
  mirror,
  retries,
  weightedDestination,
};
