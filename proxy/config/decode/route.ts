/** Decoders of where requests go: crds/compiled/route.ts as it arrives. */
import type {
  HttpMatch,
  HttpRoute,
  RouteAction,
  TcpRoute,
  TlsRoute,
  WeightedDestination,
} from "../../../crds/service-config.ts";
import {
  type Decoder,
  flag,
  list,
  map,
  number,
  object,
  oneOf,
  optional,
  port,
  ShapeError,
  text,
} from "./shape.ts";

const whole = number();
const percent = number(0, 100);
const status = number(100, 999);

const matchKind = oneOf("exact", "prefix", "regex", "present");
const stringMatch = object({ kind: matchKind, value: text });
const namedMatch = object({ name: text, kind: matchKind, value: text });

const headerOps = object({ set: map(text), add: map(text), remove: list(text) });
const headerOperations = object({ request: optional(headerOps), response: optional(headerOps) });

const destination: Decoder<WeightedDestination> = object({
  host: text,
  key: text,
  port: optional(port),
  subset: text,
  weight: whole,
  headers: optional(headerOperations),
});

const httpMatch: Decoder<HttpMatch> = object({
  uri: optional(stringMatch),
  ignoreUriCase: optional(flag),
  scheme: optional(stringMatch),
  method: optional(stringMatch),
  authority: optional(stringMatch),
  headers: list(namedMatch),
  withoutHeaders: list(namedMatch),
  queryParams: list(namedMatch),
  port: optional(port),
  sourceLabels: optional(map(text)),
  sourceNamespace: optional(text),
});

const forward = object({ kind: oneOf("forward"), destinations: list(destination) });
const redirect = object({
  kind: oneOf("redirect"),
  uri: optional(text),
  authority: optional(text),
  scheme: optional(text),
  port: optional(port),
  derivePort: optional(oneOf("FROM_PROTOCOL_DEFAULT", "FROM_REQUEST_PORT")),
  prefixRewrite: optional(text),
  code: number(300, 399),
});
const directResponse = object({
  kind: oneOf("directResponse"),
  status,
  body: optional(text),
  bodyBase64: optional(text),
});

const action: Decoder<RouteAction> = (value) => {
  const kind = (value as { kind?: unknown } | null | undefined)?.kind;
  switch (kind) {
    case "forward":
      return forward(value);
    case "redirect":
      return redirect(value);
    case "directResponse":
      return directResponse(value);
    default:
      throw new ShapeError(
        `expected a kind out of forward, redirect, directResponse, found ${JSON.stringify(kind) ?? "nothing"}`,
      );
  }
};

export const httpRoute: Decoder<HttpRoute> = object({
  name: optional(text),
  statPrefix: optional(text),
  matches: list(httpMatch),
  action,
  timeoutMs: optional(whole),
  retries: optional(
    object({
      attempts: whole,
      perTryTimeoutMs: optional(whole),
      retryOn: list(text),
      retriableStatusCodes: list(status),
      backoffMs: whole,
      retryRemoteLocalities: flag,
      ignorePreviousHosts: flag,
    }),
  ),
  fault: optional(
    object({
      delay: optional(object({ fixedMs: whole, percent })),
      abort: optional(object({ httpStatus: optional(status), grpcStatus: optional(text), percent })),
    }),
  ),
  mirrors: list(object({ host: text, key: text, port: optional(port), subset: text, percent })),
  headers: optional(headerOperations),
  rewrite: optional(
    object({
      uri: optional(text),
      authority: optional(text),
      regex: optional(object({ match: text, rewrite: text })),
    }),
  ),
  cors: optional(
    object({
      allowOrigins: list(stringMatch),
      allowMethods: list(text),
      allowHeaders: list(text),
      exposeHeaders: list(text),
      maxAgeMs: optional(whole),
      allowCredentials: flag,
      unmatchedPreflights: oneOf("FORWARD", "IGNORE"),
    }),
  ),
});

const l4Match = {
  destinationSubnets: list(text),
  port: optional(port),
  sourceLabels: optional(map(text)),
  sourceNamespace: optional(text),
};

export const tcpRoute: Decoder<TcpRoute> = object({
  matches: list(object({ ...l4Match, sniHosts: optional(list(text)) })),
  destinations: list(destination),
});

export const tlsRoute: Decoder<TlsRoute> = object({
  matches: list(object({ ...l4Match, sniHosts: list(text) })),
  destinations: list(destination),
});
