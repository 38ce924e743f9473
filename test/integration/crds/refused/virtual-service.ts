import { duration, type Refusal, refusalOf } from "./refusal.ts";

const refused = refusalOf("virtualservices");
const route = [{ destination: { host: "b" } }];
const http = (part: object) => ({ hosts: ["b"], http: [{ route, ...part }] });

export const virtualServiceRefusals: readonly Refusal[] = [
  refused(
    "a timeout of 0s",
    http({ timeout: "0s" }),
    `spec.http[0].timeout: Invalid value: "0s": ${duration}`,
  ),
  refused(
    "a negative timeout",
    http({ timeout: "-1s" }),
    `spec.http[0].timeout: Invalid value: "-1s": ${duration}`,
  ),
  refused("a timeout without a unit", http({ timeout: "10" }), `evaluating rule: ${duration}`),
  refused(
    "a try's timeout below a millisecond",
    http({ retries: { perTryTimeout: "999us" } }),
    `spec.http[0].retries.perTryTimeout: Invalid value: "999us": ${duration}`,
  ),
  refused("a back-off of 0s", http({ retries: { backoff: "0s" } }), "spec.http[0].retries.backoff"),
  refused(
    "a delay of 0s",
    http({ fault: { delay: { fixedDelay: "0s" } } }),
    "spec.http[0].fault.delay.fixedDelay",
  ),
  refused("a CORS age of 0s", http({ corsPolicy: { maxAge: "0s" } }), "spec.http[0].corsPolicy.maxAge"),
  refused(
    "a match that is exact and a prefix",
    http({ match: [{ uri: { exact: "/a", prefix: "/" } }] }),
    "spec.http[0].match[0].uri: Invalid value: set at most one of exact, prefix and regex",
  ),
  refused(
    "a header's match that is a prefix and a regex",
    http({ match: [{ headers: { "x-a": { prefix: "a", regex: "a" } } }] }),
    "spec.http[0].match[0].headers[x-a]: Invalid value: set at most one of exact, prefix and regex",
  ),
  refused(
    "a redirect with port and derivePort",
    { http: [{ redirect: { port: 80, derivePort: "FROM_REQUEST_PORT" } }] },
    "spec.http[0].redirect: Invalid value: set at most one of port and derivePort",
  ),
  refused(
    "a body that is text and bytes",
    { http: [{ directResponse: { status: 200, body: { string: "a", bytes: "YQ==" } } }] },
    "spec.http[0].directResponse.body: Invalid value: set at most one of string and bytes",
  ),
  refused(
    "a direct response without a status",
    { http: [{ directResponse: {} }] },
    "spec.http[0].directResponse.status: Required value",
  ),
  refused(
    "two delays",
    http({ fault: { delay: { fixedDelay: "1s", exponentialDelay: "1s" } } }),
    "spec.http[0].fault.delay: Invalid value: set at most one of fixedDelay and exponentialDelay",
  ),
  refused(
    "two aborts",
    http({ fault: { abort: { httpStatus: 500, grpcStatus: "INTERNAL" } } }),
    "spec.http[0].fault.abort: Invalid value: set at most one of httpStatus, grpcStatus and http2Error",
  ),
  refused(
    "a route without a host",
    { http: [{ route: [{ destination: {} }] }] },
    "destination.host: Required value",
  ),
  refused(
    "a TLS match without sniHosts",
    { tls: [{ match: [{ port: 443 }], route }] },
    "spec.tls[0].match[0].sniHosts: Required value",
  ),
  refused("a port below 0", http({ match: [{ port: -1 }] }), "should be greater than or equal to 0"),
  refused("an unknown field", http({ timeOut: "1s" }), `unknown field "spec.http[0].timeOut"`),
];
