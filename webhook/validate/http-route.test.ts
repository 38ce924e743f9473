import { describe, expect, test } from "vitest";
import { checkRules, type RuleCase, warningsOf } from "./fixtures.ts";
import { at, spec, to } from "./http-route.fixture.ts";

const cases: RuleCase[] = [
  {
    rule: "an action is required",
    bad: spec({ route: [] }),
    says: at(": Required value: HTTP route, redirect or directResponse is required"),
    good: spec({}),
  },
  {
    rule: "a redirect goes with nothing else",
    bad: spec({
      redirect: { uri: "/" },
      route: [to("a")],
      fault: { delay: { fixedDelay: "1s" } },
      rewrite: { uri: "/" },
      directResponse: { status: 200 },
    }),
    says: at(
      ".route: Forbidden: HTTP route cannot contain both route and redirect",
      ".fault: Forbidden: HTTP route cannot contain both fault and redirect",
      ".rewrite: Forbidden: HTTP route cannot contain both rewrite and redirect",
      ".route: Forbidden: HTTP route cannot contain both route and directResponse",
      ".fault: Forbidden: HTTP route cannot contain both fault and directResponse",
      ".rewrite: Forbidden: HTTP route cannot contain both rewrite and directResponse",
      ".directResponse: Forbidden: HTTP route cannot contain both redirect and directResponse",
    ),
    good: spec({ redirect: { uri: "/" } }),
  },
  {
    rule: "a delegating route does nothing itself",
    bad: spec({ delegate: { name: "b", namespace: "N_" }, route: [to("a")], redirect: { uri: "/" } }),
    says: at(
      ".route: Forbidden: HTTP route cannot contain both route and delegate",
      ".redirect: Forbidden: HTTP route cannot contain both redirect and delegate",
      '.delegate.namespace: Invalid value: "N_": must be the name of a namespace',
    ),
    good: spec({ delegate: { name: "b", namespace: "n" } }),
  },
  {
    rule: "delegation has one level",
    bad: { http: [{ delegate: { name: "b" } }] },
    says: at(".delegate: Forbidden: a VirtualService without hosts is itself delegated to: one level is all"),
    good: spec({ delegate: { name: "b" } }),
  },
  {
    rule: "a destination has a host",
    bad: spec({
      route: [{}, to("*"), to("a b"), to("", {}), { destination: 5 }].map((one) => ({ ...one, weight: 20 })),
    }),
    says: at(
      ".route[0].destination: Required value: a destination with a host",
      '.route[1].destination.host: Invalid value: "*": must be one host: "*" names none',
      '.route[2].destination.host: Invalid value: "a b": must be a domain name',
      ".route[3].destination.host: Required value: the name of the service to send traffic to",
      ".route[4].destination: Invalid value: 5: must be an object",
    ),
    good: spec({
      route: [to("*.example.com"), to("b.ns.svc.cluster.local")].map((one) => ({ ...one, weight: 50 })),
    }),
  },
  {
    rule: "a subset is a label and a port a port",
    bad: spec({ route: [{ destination: { host: "a", subset: "v_1", port: { number: 0 } } }] }),
    says: at(
      `.route[0].destination.subset: Invalid value: "v_1": must be a DNS label: letters, digits and '-', at most 63, alphanumeric at both ends`,
      ".route[0].destination.port.number: Invalid value: 0: must be a whole number from 1 to 65535",
    ),
    good: spec({ route: [{ destination: { host: "a", subset: "v1", port: { number: 8080 } } }] }),
  },
  {
    rule: "a port selector has a number",
    bad: spec({ route: [{ destination: { host: "a", port: {} } }] }),
    says: at(".route[0].destination.port.number: Required value: the port's number"),
    good: spec({ route: [to("a")] }),
  },
  {
    rule: "weights are whole and not negative",
    bad: spec({ route: [to("a", { weight: -1 }), to("b", { weight: 0.5 }), to("c", { weight: "90" })] }),
    says: at(
      ".route[0].weight: Invalid value: -1: must be a whole number from 0 to 2147483647",
      ".route[1].weight: Invalid value: 0.5: must be a whole number from 0 to 2147483647",
      '.route[2].weight: Invalid value: "90": must be a whole number from 0 to 2147483647',
    ),
    good: spec({ route: [to("a", { weight: 0 }), to("b", { weight: 100 })] }),
  },
  {
    rule: "of several destinations one weighs something",
    bad: spec({ route: [to("a"), to("b", { weight: 0 })] }),
    says: at(
      ".route: Invalid value: 0: total destination weight = 0: at least one of several destinations needs a weight above 0",
    ),
    good: spec({ route: [to("a"), to("b", { weight: 1 })] }),
  },
  {
    rule: "header operations",
    bad: spec({
      headers: {
        request: {
          set: { ":path": "/", "a b": "x" },
          add: { a: "line\nbreak" },
          remove: ["host", ":method"],
        },
        response: { set: { Host: "x" }, add: { a: "100%" }, remove: [":authority"] },
      },
    }),
    says: at(
      ".headers.request.set[:path]: Forbidden: pseudo headers other than :authority cannot be changed",
      `.headers.request.set[a b]: Invalid value: "a b": the header's name must be letters, digits, '-' or '_'`,
      '.headers.request.add[a]: Invalid value: "line\\nbreak": must not contain control characters',
      ".headers.request.remove[0]: Forbidden: host cannot be changed here; use rewrite.authority",
      ".headers.request.remove[1]: Forbidden: pseudo headers other than :authority cannot be changed",
      ".headers.response.set[Host]: Forbidden: Host cannot be changed here; use rewrite.authority",
      '.headers.response.add[a]: Invalid value: "100%": must close every %VARIABLE% it opens; a literal percent sign is written %%',
      ".headers.response.remove[0]: Forbidden: :authority cannot be changed here; use rewrite.authority",
    ),
    good: spec({
      headers: {
        request: { set: { ":authority": "b", "x-a": "100%% %REQ(:path):9% %START_TIME%" }, remove: ["x-b"] },
        response: { add: { "x-c": "tab\there" } },
      },
    }),
  },
  {
    rule: "header operations of a destination",
    bad: spec({ route: [to("a", { headers: { response: { set: { ":status": "200" } } } })] }),
    says: at(
      ".route[0].headers.response.set[:status]: Forbidden: pseudo headers other than :authority cannot be changed",
    ),
    good: spec({ route: [to("a", { headers: { request: { set: { Host: "b" } } } })] }),
  },
  {
    rule: "the authority is set once",
    bad: spec({
      rewrite: { authority: "b" },
      headers: { request: { set: { host: "c" }, add: { ":authority": "d" } } },
    }),
    says: at(
      ".headers.request.set[host]: Forbidden: the authority may be set once, and spec.http[0].rewrite.authority sets it already",
      ".headers.request.add[:authority]: Forbidden: the authority may be set once, and spec.http[0].rewrite.authority sets it already",
    ),
    good: spec({ rewrite: { uri: "/" }, headers: { request: { set: { host: "c" } } } }),
  },
  {
    rule: "timeouts",
    bad: {
      hosts: ["a"],
      http: ["0s", "1", "-1s", "1.0005s", "5 s", 5].map((timeout) => ({
        ...spec({ timeout }).http[0],
        match: [{ name: String(timeout), port: 1 + String(timeout).length }],
      })),
    },
    says: [
      'spec.http[0].timeout: Invalid value: "0s": must be at least 1ms',
      'spec.http[1].timeout: Invalid value: "1": must be a duration, such as 250ms, 1.5s or 1h30m',
      'spec.http[2].timeout: Invalid value: "-1s": must be at least 1ms',
      'spec.http[3].timeout: Invalid value: "1.0005s": must be a whole number of milliseconds',
      'spec.http[4].timeout: Invalid value: "5 s": must be a duration, such as 250ms, 1.5s or 1h30m',
      "spec.http[5].timeout: Invalid value: 5: must be a string",
    ],
    good: spec({ timeout: "1h2m3.004s" }),
  },
  {
    rule: "retries",
    bad: spec({
      retries: {
        attempts: -1,
        perTryTimeout: "1",
        backoff: "0s",
        retryOn: "5xx, reset,sometimes,599",
        retryRemoteLocalities: 1,
      },
    }),
    says: at(
      ".retries.attempts: Invalid value: -1: must be a whole number from 0 to 2147483647",
      '.retries.perTryTimeout: Invalid value: "1": must be a duration, such as 250ms, 1.5s or 1h30m',
      '.retries.backoff: Invalid value: "0s": must be at least 1ms',
      ".retries.retryRemoteLocalities: Invalid value: 1: must be true or false",
      '.retries.retryOn: Invalid value: "5xx, reset,sometimes,599": " reset": conditions are separated by commas without spaces',
      '.retries.retryOn: Invalid value: "5xx, reset,sometimes,599": "sometimes" is neither a status code nor one of 5xx, gateway-error, reset, reset-before-request, connect-failure, retriable-4xx, refused-stream, retriable-status-codes, retriable-headers, envoy-ratelimited, http3-post-connect-failure, cancelled, deadline-exceeded, internal, resource-exhausted, unavailable',
      '.retries.retryOn: Invalid value: "5xx, reset,sometimes,599": "599" is neither a status code nor one of 5xx, gateway-error, reset, reset-before-request, connect-failure, retriable-4xx, refused-stream, retriable-status-codes, retriable-headers, envoy-ratelimited, http3-post-connect-failure, cancelled, deadline-exceeded, internal, resource-exhausted, unavailable',
    ),
    good: spec({
      retries: {
        attempts: 3,
        perTryTimeout: "3s",
        retryOn: "5xx,reset,connect-failure,retriable-4xx,503",
        backoff: "25ms",
      },
    }),
  },
  {
    rule: "no attempts, no conditions",
    bad: spec({ retries: { attempts: 0, perTryTimeout: "1s", retryOn: "5xx", retryRemoteLocalities: true } }),
    says: at(
      ...["perTryTimeout", "retryOn", "retryRemoteLocalities"].map(
        (name) => `.retries.${name}: Forbidden: has no use without attempts above 0`,
      ),
    ),
    good: spec({ retries: { attempts: 0, backoff: "1s" } }),
  },
];

checkRules("VirtualService", cases);

describe("an HTTP route", () => {
  test.each([
    {
      what: "weights that do not add up to 100",
      own: { route: [to("a", { weight: 90 }), to("b", { weight: 20 })] },
      says: ["spec.http[0].route: the weights add up to 110, not 100; each is taken as its share of 110"],
    },
    {
      what: "the weight of a single destination",
      own: { route: [to("a", { weight: 50 })] },
      says: ["spec.http[0].route[0].weight: a single destination gets all traffic, whatever its weight (50)"],
    },
    {
      what: "nothing in the usual cases",
      own: { route: [to("a", { weight: 100 }), to("b", { weight: 0 })] },
      says: [],
    },
    {
      what: "a fault without a percentage or a sort",
      own: { fault: { delay: { fixedDelay: "1s" }, abort: { percentage: { value: 1 } } } },
      says: [
        "spec.http[0].fault.delay: has no effect: without a percentage no request is chosen",
        "spec.http[0].fault.abort: has no effect without httpStatus or grpcStatus",
      ],
    },
    {
      what: "old spellings",
      own: {
        mirror: { host: "b" },
        mirrorPercent: 1,
        fault: { delay: { fixedDelay: "1s", percent: 1 } },
        corsPolicy: { allowOrigin: ["https://a"] },
      },
      says: [
        "spec.http[0].fault.delay.percent: is deprecated; use percentage.value",
        "spec.http[0].mirrorPercent: is deprecated; use mirrorPercentage.value",
        "spec.http[0].corsPolicy.allowOrigin: is deprecated; use allowOrigins",
      ],
    },
    {
      what: "operations on headers that frame messages",
      own: { headers: { request: { set: { "Content-Length": "1" }, remove: ["connection"] } } },
      says: [
        "spec.http[0].headers.request.set[Content-Length]: has no effect: messages are framed by whoever sends them",
        "spec.http[0].headers.request.remove[0]: has no effect: messages are framed by whoever sends them",
      ],
    },
    {
      what: "a large direct response",
      own: { directResponse: { status: 200, body: { string: "x".repeat(102_401) } } },
      says: [
        "spec.http[0].directResponse.body: 102401 bytes are held by every proxy concerned; keep it under 102400",
      ],
    },
  ])("warns of $what", ({ own, says }) => {
    expect(warningsOf("VirtualService", spec(own))).toEqual(says);
  });
});
