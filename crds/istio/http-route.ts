/** One HTTP rule of a VirtualService. */
import { atMostOneOf } from "../cel.ts";
import {
  boolean,
  duration,
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
  unsigned,
} from "../schema.ts";
import { stringMatch } from "./common.ts";
import { destination, headers, httpRouteDestination } from "./destination.ts";

const percent = (description: string) =>
  object(description, { value: number("Per cent, 0 to 100; fractions down to 0.0001 count.") });

const match = object("Conditions that all hold.", {
  name: string("Appended to the route's name in access logs."),
  uri: stringMatch("On the path."),
  scheme: stringMatch("On the scheme."),
  method: stringMatch("On the method."),
  authority: stringMatch("On Host or :authority."),
  headers: map(
    "Headers by their lower-case names; `{}` only asks that the header is there.",
    stringMatch("On the header's value."),
  ),
  port: unsigned("On the port that the client addressed."),
  sourceLabels: labels("Labels that the client's workload has; ignored at gateways."),
  gateways: strings("Where this match holds; takes the place of the object's `gateways`."),
  queryParams: map(
    "Query parameters by name; `{}` only asks that the parameter is there.",
    stringMatch("On the parameter's value."),
  ),
  ignoreUriCase: boolean("Compares exact and prefix paths without regard to case."),
  withoutHeaders: map(
    "Headers that must not match, by their lower-case names.",
    stringMatch("On the header's value."),
  ),
  sourceNamespace: string("Namespace that the client is in."),
  statPrefix: string("Prefix of this route's own statistics."),
});

const redirect = object(
  "Answers with a redirect instead of going anywhere.",
  {
    uri: string("Replaces the path."),
    authority: string("Replaces the host."),
    port: unsigned("Replaces the port."),
    derivePort: enumeration("Takes the port from the new scheme or from the request.", [
      "FROM_PROTOCOL_DEFAULT",
      "FROM_REQUEST_PORT",
    ]),
    scheme: string("Replaces the scheme."),
    redirectCode: unsigned("The status; 301 when absent."),
    prefixRewrite: string("Replaces the part of the path that the prefix match took."),
  },
  { rules: [atMostOneOf("port", "derivePort")] },
);

const directResponse = object("Answers by itself instead of going anywhere.", {
  status: required(unsigned("The status.")),
  body: object(
    "The body.",
    {
      string: string("As text."),
      bytes: string("As bytes, in base64."),
    },
    { rules: [atMostOneOf("string", "bytes")] },
  ),
});

const delegate = object("Another VirtualService continues this route.", {
  name: string("Its name."),
  namespace: string("Its namespace; this object's when absent."),
});

const rewrite = object("Changes the request line before it goes on.", {
  uri: string("Replaces the path, or the part that the prefix match took."),
  authority: string("Replaces Host or :authority."),
  uriRegexRewrite: object("Replaces in the path by regular expression.", {
    match: string("An RE2 expression."),
    rewrite: string("The replacement; \\1 to \\9 are the expression's groups."),
  }),
});

const retries = object("When and how a failed request is tried again.", {
  attempts: integer("Most retries; 0 turns them off."),
  perTryTimeout: duration("Limit for each try; the route's timeout when absent."),
  retryOn: string("Conditions and statuses, with commas: `5xx,reset,connect-failure,retriable-4xx,503`."),
  retryRemoteLocalities: boolean("Retries may leave the locality of the first try."),
  retryIgnorePreviousHosts: boolean("Retries avoid endpoints already tried; true when absent."),
  backoff: duration("Base of the exponential time between tries; 25ms when absent."),
});

const fault = object("Faults put in on purpose, to see what happens.", {
  delay: object(
    "Delays requests.",
    {
      percent: integer("Per cent of the requests; superseded by `percentage`."),
      fixedDelay: duration("For how long."),
      exponentialDelay: duration("Kept for compatibility; has no effect."),
      percentage: percent("Share of the requests."),
    },
    { rules: [atMostOneOf("fixedDelay", "exponentialDelay")] },
  ),
  abort: object(
    "Answers with an error instead of the destination.",
    {
      httpStatus: integer("The HTTP status."),
      grpcStatus: string("The gRPC status by name, such as UNAVAILABLE."),
      http2Error: string("Kept for compatibility; has no effect."),
      percentage: percent("Share of the requests."),
    },
    { rules: [atMostOneOf("httpStatus", "grpcStatus", "http2Error")] },
  ),
});

const mirror = object("A copy of the request goes here; its answer is dropped.", {
  destination: required(destination("Where the copy goes.")),
  percentage: percent("Share of the requests that are copied; all when absent."),
});

const corsPolicy = object("Cross-origin rules.", {
  allowOrigin: strings("Origins allowed, as they are; superseded by `allowOrigins`."),
  allowOrigins: list("Origins allowed.", stringMatch("On the Origin header.")),
  allowMethods: strings("Methods allowed."),
  allowHeaders: strings("Request headers allowed."),
  exposeHeaders: strings("Response headers that scripts may read."),
  maxAge: duration("How long a preflight's answer may be kept."),
  allowCredentials: boolean("Whether credentials may be sent."),
  unmatchedPreflights: enumeration("What happens to a preflight of an origin that is not allowed.", [
    "UNSPECIFIED",
    "FORWARD",
    "IGNORE",
  ]),
});

const mirrorShare = "Share of the requests that `mirror` copies, per cent; superseded by `mirrorPercentage`.";

export const httpRoute = object("One rule; the first that matches a request decides.", {
  name: string("Name of the route, in access logs and metrics."),
  match: list("Any of these; absent: every request.", match),
  route: list("Where it goes, by weight.", httpRouteDestination),
  redirect,
  directResponse,
  delegate,
  rewrite,
  timeout: duration("Limit for a request with all its retries; none when absent."),
  retries,
  fault,
  mirror: destination("A copy of each request goes here; its answer is dropped."),
  mirrors: list("Copies to several destinations; not together with `mirror`.", mirror),
  mirrorPercent: unsigned(mirrorShare),
  mirror_percent: unsigned(mirrorShare),
  mirrorPercentage: percent("Share of the requests that `mirror` copies; all when absent."),
  corsPolicy,
  headers,
});

export {
  corsPolicy,
  delegate,
  directResponse,
  fault,
  match as httpMatch,
  mirror as httpMirror,
  percent,
  redirect,
  retries,
  rewrite,
};
