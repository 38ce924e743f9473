import { checkRules, type RuleCase } from "./fixtures.ts";
import { at, spec } from "./http-route.fixture.ts";

const cases: RuleCase[] = [
  {
    rule: "a fault does something",
    bad: spec({ fault: {} }),
    says: at(".fault: Required value: delay, abort or both"),
    good: spec({
      fault: {
        delay: { percentage: { value: 10 }, fixedDelay: "5s" },
        abort: { percentage: { value: 0.0001 }, httpStatus: 503 },
      },
    }),
  },
  {
    rule: "a fault's percentages",
    bad: spec({
      fault: {
        delay: { percentage: { value: 101 }, fixedDelay: "1s" },
        abort: { percentage: { value: 0.00001 }, httpStatus: 500 },
      },
    }),
    says: at(
      ".fault.delay.percentage.value: Invalid value: 101: must be a number from 0 to 100",
      ".fault.abort.percentage.value: Invalid value: 0.00001: must be 0 or at least 0.0001",
    ),
    good: spec({ fault: { abort: { percentage: { value: 0 }, grpcStatus: "NOT_FOUND" } } }),
  },
  {
    rule: "a fault's sorts",
    bad: spec({
      fault: {
        delay: { exponentialDelay: "1s", fixedDelay: "0s", percent: 200 },
        abort: { httpStatus: 199, grpcStatus: "NOPE", http2Error: "x", percentage: { value: 1 } },
      },
    }),
    says: at(
      '.fault.delay.fixedDelay: Invalid value: "0s": must be at least 1ms',
      ".fault.delay.exponentialDelay: Forbidden: exponentialDelay is not supported; use fixedDelay",
      ".fault.delay.percent: Invalid value: 200: must be a whole number from 0 to 100",
      ".fault.abort.grpcStatus: Forbidden: may not be used together with httpStatus",
      ".fault.abort.http2Error: Forbidden: may not be used together with httpStatus",
      ".fault.abort.httpStatus: Invalid value: 199: must be a whole number from 200 to 600",
      '.fault.abort.grpcStatus: Unsupported value: "NOPE": supported values: "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"',
      ".fault.abort.http2Error: Forbidden: http2Error is not supported",
    ),
    good: spec({ fault: { abort: { httpStatus: 600, percentage: { value: 1 } } } }),
  },
  {
    rule: "mirrors",
    bad: spec({
      mirror: { host: "*" },
      mirrorPercentage: { value: -1 },
      mirrorPercent: 101,
      mirrors: [{ percentage: { value: 200 } }],
    }),
    says: at(
      ".mirrors: Forbidden: may not be used together with mirror",
      '.mirror.host: Invalid value: "*": must be one host: "*" names none',
      ".mirrorPercentage.value: Invalid value: -1: must be a number from 0 to 100",
      ".mirrorPercent: Invalid value: 101: must be a whole number from 0 to 100",
      ".mirrors[0].destination: Required value: a destination with a host",
      ".mirrors[0].percentage.value: Invalid value: 200: must be a number from 0 to 100",
    ),
    good: spec({ mirrors: [{ destination: { host: "b" }, percentage: { value: 1 } }] }),
  },
  {
    rule: "a rewrite rewrites",
    bad: spec({ rewrite: {} }),
    says: at(".rewrite: Required value: at least one of uri, uriRegexRewrite, authority"),
    good: spec({ rewrite: { authority: "b" } }),
  },
  {
    rule: "a rewrite is by path or by expression",
    bad: spec({ rewrite: { uri: "/", uriRegexRewrite: { match: "(" } } }),
    says: at(
      ".rewrite.uriRegexRewrite: Forbidden: may not be used together with uri",
      '.rewrite.uriRegexRewrite.match: Invalid value: "(": must be an RE2 regular expression: error parsing regexp: missing closing ): `(`',
      ".rewrite.uriRegexRewrite.rewrite: Required value: what to put in its place",
    ),
    good: spec({ rewrite: { uriRegexRewrite: { match: "/(.*)", rewrite: "/\\1" } } }),
  },
  {
    rule: "a redirect tells where",
    bad: spec({ redirect: { redirectCode: 301 } }),
    says: at(
      ".redirect: Required value: at least one of uri, prefixRewrite, authority, scheme, port, derivePort",
    ),
    good: spec({ redirect: { scheme: "https" } }),
  },
  {
    rule: "a redirect's members",
    bad: spec({
      redirect: {
        uri: "/",
        prefixRewrite: "/b",
        port: 0,
        derivePort: "GUESS",
        scheme: "ftp",
        redirectCode: 200,
      },
    }),
    says: at(
      ".redirect.prefixRewrite: Forbidden: may not be used together with uri",
      ".redirect.derivePort: Forbidden: may not be used together with port",
      ".redirect.redirectCode: Invalid value: 200: must be a whole number from 300 to 399",
      '.redirect.scheme: Unsupported value: "ftp": supported values: "http", "https"',
      ".redirect.port: Invalid value: 0: must be a whole number from 1 to 65535",
      '.redirect.derivePort: Unsupported value: "GUESS": supported values: "FROM_PROTOCOL_DEFAULT", "FROM_REQUEST_PORT"',
    ),
    good: spec({ redirect: { authority: "b", derivePort: "FROM_REQUEST_PORT", redirectCode: 308 } }),
  },
  {
    rule: "prefixRewrite needs prefixes",
    bad: spec({
      match: [{ uri: { exact: "/a" } }, { uri: { prefix: "/b" } }],
      redirect: { prefixRewrite: "/c" },
    }),
    says: at(
      ".redirect.prefixRewrite: Forbidden: needs prefix matches alone, and spec.http[0].match[0].uri is none",
    ),
    good: spec({ match: [{ uri: { prefix: "/a" } }, { port: 80 }], redirect: { prefixRewrite: "/c" } }),
  },
  {
    rule: "a direct response",
    bad: { hosts: ["a"], http: [{ directResponse: { body: { string: "x", bytes: "!" } } }] },
    says: at(
      ".directResponse.status: Required value: the response's status, 200 to 600",
      ".directResponse.body.bytes: Forbidden: may not be used together with string",
      '.directResponse.body.bytes: Invalid value: "!": must be base64',
    ),
    good: spec({ directResponse: { status: 200, body: { string: "x" } } }),
  },
  {
    rule: "a direct response's size",
    bad: spec({ directResponse: { status: 700, body: { string: "x".repeat(1_048_577) } } }),
    says: at(
      ".directResponse.status: Invalid value: 700: must be a whole number from 200 to 600",
      ".directResponse.body: Forbidden: 1048577 bytes; a body may have at most 1048576",
    ),
    good: spec({ directResponse: { status: 503, body: { bytes: "eA==" } } }),
  },
  {
    rule: "CORS",
    bad: spec({
      corsPolicy: {
        allowOrigins: [{ exact: "" }, { regex: "(" }, {}],
        allowMethods: ["GET", "FETCH"],
        allowHeaders: ["a b"],
        exposeHeaders: ["x(y)"],
        maxAge: "1.5s",
        allowCredentials: "yes",
        unmatchedPreflights: "DROP",
      },
    }),
    says: at(
      '.corsPolicy.allowOrigins[0].exact: Invalid value: "": must not be empty',
      '.corsPolicy.allowOrigins[1].regex: Invalid value: "(": must be an RE2 regular expression: error parsing regexp: missing closing ): `(`',
      ".corsPolicy.allowOrigins[2]: Required value: one of exact, prefix, regex",
      '.corsPolicy.allowMethods[1]: Unsupported value: "FETCH": supported values: "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*"',
      '.corsPolicy.allowHeaders[0]: Invalid value: "a b": must be the name of a header, or "*"',
      '.corsPolicy.exposeHeaders[0]: Invalid value: "x(y)": must be the name of a header, or "*"',
      '.corsPolicy.maxAge: Invalid value: "1.5s": must be a whole number of seconds',
      '.corsPolicy.allowCredentials: Invalid value: "yes": must be true or false',
      '.corsPolicy.unmatchedPreflights: Unsupported value: "DROP": supported values: "UNSPECIFIED", "FORWARD", "IGNORE"',
    ),
    good: spec({
      corsPolicy: {
        allowOrigins: [{ exact: "https://a" }, { prefix: "https://" }],
        allowMethods: ["*"],
        allowHeaders: ["*"],
        maxAge: "24h",
      },
    }),
  },
];

checkRules("VirtualService", cases);
