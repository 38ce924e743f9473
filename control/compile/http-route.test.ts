import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { HttpRoute } from "../../crds/service-config.ts";
import type { RouteContext } from "./destinations.ts";
import { httpRoutes } from "./http-route.ts";
import type { HttpRouteSpec } from "./istio.ts";

const services = new Map([
  ["reviews.prod.svc.cluster.local", { key: "reviewskey", ports: [9080] }],
  ["many.prod.svc.cluster.local", { key: "manykey", ports: [80, 81] }],
]);
const context: RouteContext = {
  clusterDomain: "cluster.local",
  namespace: "prod",
  lookup: (host) => services.get(host),
};

function translate(yaml: string): HttpRoute[] {
  const specs = parse(yaml) as HttpRouteSpec[];
  return httpRoutes(
    specs.map((spec) => ({ spec, namespace: "prod" })),
    context,
  );
}

const defaultRetries = {
  attempts: 2,
  retryOn: ["connect-failure", "refused-stream", "unavailable", "cancelled", "retriable-status-codes"],
  retriableStatusCodes: [],
  backoffMs: 25,
  retryRemoteLocalities: false,
  ignorePreviousHosts: true,
};
const toReviews = {
  host: "reviews.prod.svc.cluster.local",
  key: "reviewskey",
  port: 9080,
  subset: "",
  weight: 100,
};

describe("an HTTP route", () => {
  it("has Istio's retries, no timeout and no faults when it says nothing", () => {
    expect(translate("[{route: [{destination: {host: reviews}}]}]")).toEqual([
      {
        matches: [],
        action: { kind: "forward", destinations: [toReviews] },
        retries: defaultRetries,
        mirrors: [],
      },
    ]);
  });

  it("is as many as it has matches where these have names, up to the first that takes everything", () => {
    const route = "route: [{destination: {host: reviews}}]";
    const translated = translate(`
- name: pay
  match: [{name: old, uri: {prefix: /v1}}, {uri: {prefix: /v2}}, {name: gone, gateways: [other]}, {name: all}, {name: never}]
  ${route}
- {match: [{name: bare, uri: {exact: /}}], ${route}}
`);
    expect(translated.map(({ name, matches }) => [name, matches.length])).toEqual([
      ["pay.old", 1],
      ["pay", 1],
      ["pay.all", 0],
    ]);
    expect(translate(`[{match: [{name: bare, method: {exact: GET}}], ${route}}]`)[0]?.name).toBe("bare");
  });

  it("is as many as it has matches where these have prefixes for statistics; what is answered here has none", () => {
    const match = "[{statPrefix: old, uri: {prefix: /v1}}, {uri: {prefix: /v2}}]";
    const translated = translate(`
- {name: pay, match: ${match}, route: [{destination: {host: reviews}}]}
- {match: [{statPrefix: moved, uri: {exact: /}}], redirect: {uri: /v2}}
`);
    expect(translated.map(({ name, statPrefix }) => [name, statPrefix])).toEqual([
      ["pay", "old"],
      ["pay", undefined],
      [undefined, undefined],
    ]);
  });

  const parts: { rule: string; yaml: string; expected: Partial<HttpRoute> }[] = [
    { rule: "timeout in milliseconds", yaml: "timeout: 10s", expected: { timeoutMs: 10_000 } },
    {
      rule: "retries of the overview",
      yaml: "retries: {attempts: 3, perTryTimeout: 3s, retryOn: '5xx,reset,connect-failure,retriable-4xx'}",
      expected: {
        retries: {
          ...defaultRetries,
          attempts: 3,
          perTryTimeoutMs: 3000,
          retryOn: ["5xx", "reset", "connect-failure", "retriable-4xx"],
        },
      },
    },
    {
      rule: "numbers in retryOn are statuses and imply retriable-status-codes; blanks do not matter",
      yaml: "retries: {attempts: 1, retryOn: '503, reset,429'}",
      expected: {
        retries: {
          ...defaultRetries,
          attempts: 1,
          retryOn: ["reset", "retriable-status-codes"],
          retriableStatusCodes: [429, 503],
        },
      },
    },
    {
      rule: "attempts left out turn retries off",
      yaml: "retries: {retryOn: 5xx}",
      expected: { retries: { ...defaultRetries, attempts: 0, retryOn: ["5xx"] } },
    },
    {
      rule: "back-off, remote localities, previous hosts",
      yaml: "retries: {attempts: 1, backoff: 1s, retryRemoteLocalities: true, retryIgnorePreviousHosts: false}",
      expected: {
        retries: {
          ...defaultRetries,
          attempts: 1,
          backoffMs: 1000,
          retryRemoteLocalities: true,
          ignorePreviousHosts: false,
        },
      },
    },
    {
      rule: "faults of the overview",
      yaml: "fault: {delay: {percentage: {value: 10}, fixedDelay: 5s}, abort: {percentage: {value: 5}, httpStatus: 503}}",
      expected: { fault: { delay: { fixedMs: 5000, percent: 10 }, abort: { httpStatus: 503, percent: 5 } } },
    },
    {
      rule: "a gRPC abort",
      yaml: "fault: {abort: {percentage: {value: 1}, grpcStatus: UNAVAILABLE}}",
      expected: { fault: { abort: { grpcStatus: "UNAVAILABLE", percent: 1 } } },
    },
    {
      rule: "a delay by the deprecated percent",
      yaml: "fault: {delay: {percent: 20, fixedDelay: 1s}}",
      expected: { fault: { delay: { fixedMs: 1000, percent: 20 } } },
    },
    {
      rule: "one mirror, of 100 per cent unless it says less",
      yaml: "mirror: {host: reviews, subset: v2}",
      expected: {
        mirrors: [
          {
            host: "reviews.prod.svc.cluster.local",
            key: "reviewskey",
            port: 9080,
            subset: "v2",
            percent: 100,
          },
        ],
      },
    },
    {
      rule: "mirrorPercentage before the deprecated spellings",
      yaml: "mirror: {host: x.com}\n  mirrorPercentage: {value: 0.5}\n  mirrorPercent: 7",
      expected: { mirrors: [{ host: "x.com", key: "", subset: "", percent: 0.5 }] },
    },
    {
      rule: "mirrors, those of 0 per cent left out",
      yaml: "mirrors: [{destination: {host: a.com}, percentage: {value: 3}}, {destination: {host: b.com}, percentage: {value: 0}}]",
      expected: { mirrors: [{ host: "a.com", key: "", subset: "", percent: 3 }] },
    },
    {
      rule: "header operations, names in lower case",
      yaml: "headers: {request: {set: {X-A: '1'}, add: {X-B: '2'}, remove: [X-C]}, response: {remove: [X-D]}}",
      expected: {
        headers: {
          request: { set: { "x-a": "1" }, add: { "x-b": "2" }, remove: ["x-c"] },
          response: { set: {}, add: {}, remove: ["x-d"] },
        },
      },
    },
    {
      rule: "rewrite of path and authority",
      yaml: "rewrite: {uri: /v2, authority: x.com}",
      expected: { rewrite: { uri: "/v2", authority: "x.com" } },
    },
    {
      rule: "rewrite by expression",
      yaml: "rewrite: {uriRegexRewrite: {match: '/a/(.*)', rewrite: '/b/\\1'}}",
      expected: { rewrite: { regex: { match: "/a/(.*)", rewrite: "/b/\\1" } } },
    },
    {
      rule: "CORS; unmatched preflights are forwarded by default",
      yaml: "corsPolicy: {allowOrigins: [{exact: 'https://a.com'}, {prefix: 'https://b'}], allowMethods: [GET], allowHeaders: [x-a], exposeHeaders: [x-b], maxAge: 24h, allowCredentials: true}",
      expected: {
        cors: {
          allowOrigins: [
            { kind: "exact", value: "https://a.com" },
            { kind: "prefix", value: "https://b" },
          ],
          allowMethods: ["GET"],
          allowHeaders: ["x-a"],
          exposeHeaders: ["x-b"],
          maxAgeMs: 86_400_000,
          allowCredentials: true,
          unmatchedPreflights: "FORWARD",
        },
      },
    },
    { rule: "its name", yaml: "name: primary", expected: { name: "primary" } },
  ];
  it.each(parts)("translates $rule", ({ yaml, expected }) => {
    expect(translate(`- route: [{destination: {host: reviews}}]\n  ${yaml}`)[0]).toMatchObject(expected);
  });

  it("injects no fault whose percentage is unset: unset is 0, not 100", () => {
    const [route] = translate(
      "[{route: [{destination: {host: reviews}}], fault: {abort: {httpStatus: 500}}}]",
    );
    expect(route).not.toHaveProperty("fault");
  });

  const actions: { rule: string; yaml: string; action: unknown }[] = [
    {
      rule: "redirects with 301",
      yaml: "redirect: {uri: /new, authority: x.com}",
      action: { kind: "redirect", code: 301, uri: "/new", authority: "x.com" },
    },
    {
      rule: "redirects to scheme, port and prefix",
      yaml: "redirect: {scheme: https, port: 8443, redirectCode: 308, prefixRewrite: /b}",
      action: { kind: "redirect", code: 308, scheme: "https", port: 8443, prefixRewrite: "/b" },
    },
    {
      rule: "derives a redirect's port",
      yaml: "redirect: {scheme: https, derivePort: FROM_REQUEST_PORT}",
      action: { kind: "redirect", code: 301, scheme: "https", derivePort: "FROM_REQUEST_PORT" },
    },
    {
      rule: "answers directly with text",
      yaml: "directResponse: {status: 503, body: {string: sorry}}",
      action: { kind: "directResponse", status: 503, body: "sorry" },
    },
    {
      rule: "answers directly with bytes",
      yaml: "directResponse: {status: 200, body: {bytes: AAE=}}",
      action: { kind: "directResponse", status: 200, bodyBase64: "AAE=" },
    },
  ];
  it.each(actions)("$rule, and retries nothing", ({ yaml, action }) => {
    const [route] = translate(`- ${yaml}`);
    expect(route?.action).toEqual(action);
    expect(route).not.toHaveProperty("retries");
  });
});

describe("a route's destinations", () => {
  const destinationsOf = (yaml: string) => {
    const action = translate(`- route: ${yaml}`)[0]?.action;
    return action?.kind === "forward" ? action.destinations : undefined;
  };
  const cases: { rule: string; yaml: string; expected: Record<string, unknown>[] }[] = [
    {
      rule: "a single one takes all, whatever its weight",
      yaml: "[{destination: {host: reviews}, weight: 0}]",
      expected: [{ weight: 100 }],
    },
    {
      rule: "of several, those without weight are dropped",
      yaml: "[{destination: {host: reviews, subset: v1}, weight: 90}, {destination: {host: reviews, subset: v2}, weight: 10}, {destination: {host: reviews, subset: v3}}]",
      expected: [
        { subset: "v1", weight: 90 },
        { subset: "v2", weight: 10 },
      ],
    },
    {
      rule: "weights need not add up to 100",
      yaml: "[{destination: {host: reviews}, weight: 1}, {destination: {host: many}, weight: 2}]",
      expected: [{ weight: 1 }, { weight: 2 }],
    },
    {
      rule: "a service with one port is called on that",
      yaml: "[{destination: {host: reviews}}]",
      expected: [{ port: 9080 }],
    },
    {
      rule: "its own port goes first",
      yaml: "[{destination: {host: reviews, port: {number: 81}}}]",
      expected: [{ port: 81 }],
    },
    {
      rule: "headers of the destination",
      yaml: "[{destination: {host: reviews}, headers: {request: {set: {X-A: '1'}}}}]",
      expected: [{ headers: { request: { set: { "x-a": "1" }, add: {}, remove: [] } } }],
    },
  ];
  it.each(cases)("$rule", ({ yaml, expected }) => {
    const found = destinationsOf(yaml);
    expect(found).toHaveLength(expected.length);
    expect(found).toMatchObject(expected);
  });

  it("leave the port to the client's when a service has several, or is unknown", () => {
    expect(destinationsOf("[{destination: {host: many}}]")?.[0]).not.toHaveProperty("port");
    expect(destinationsOf("[{destination: {host: gone}}]")).toEqual([
      { host: "gone.prod.svc.cluster.local", key: "", subset: "", weight: 100 },
    ]);
  });
});

describe("a route's matches", () => {
  const matchesOf = (yaml: string) =>
    translate(`- match: ${yaml}\n  route: [{destination: {host: reviews}}]`)[0]?.matches;
  const none = { headers: [], withoutHeaders: [], queryParams: [] };
  const cases: { rule: string; yaml: string; expected: unknown }[] = [
    {
      rule: "uri, and whether its case counts",
      yaml: "[{uri: {prefix: /a}, ignoreUriCase: true}]",
      expected: [{ ...none, uri: { kind: "prefix", value: "/a" }, ignoreUriCase: true }],
    },
    {
      rule: "scheme, method, authority, port",
      yaml: "[{scheme: {exact: http}, method: {regex: 'GET|PUT'}, authority: {prefix: a.}, port: 81}]",
      expected: [
        {
          ...none,
          scheme: { kind: "exact", value: "http" },
          method: { kind: "regex", value: "GET|PUT" },
          authority: { kind: "prefix", value: "a." },
          port: 81,
        },
      ],
    },
    {
      rule: "header names in lower case, values as written",
      yaml: "[{headers: {X-Canary: {exact: 'True'}}}]",
      expected: [{ ...none, headers: [{ name: "x-canary", kind: "exact", value: "True" }] }],
    },
    {
      rule: "{} and the regex * as presence",
      yaml: "[{headers: {a: {}, b: {regex: '*'}}, withoutHeaders: {c: {}}, queryParams: {D: {}}}]",
      expected: [
        {
          headers: [
            { name: "a", kind: "present", value: "" },
            { name: "b", kind: "present", value: "" },
          ],
          withoutHeaders: [{ name: "c", kind: "present", value: "" }],
          queryParams: [{ name: "D", kind: "present", value: "" }],
        },
      ],
    },
    {
      rule: "the client's labels and namespace, for the proxy to compare",
      yaml: "[{sourceLabels: {app: a}, sourceNamespace: b}]",
      expected: [{ ...none, sourceLabels: { app: "a" }, sourceNamespace: "b" }],
    },
    {
      rule: "alternatives in order",
      yaml: "[{uri: {exact: /a}}, {uri: {exact: /b}}]",
      expected: [
        { ...none, uri: { kind: "exact", value: "/a" } },
        { ...none, uri: { kind: "exact", value: "/b" } },
      ],
    },
    {
      rule: "only alternatives for sidecars",
      yaml: "[{uri: {exact: /a}, gateways: [ingress]}, {uri: {exact: /b}, gateways: [mesh]}]",
      expected: [{ ...none, uri: { kind: "exact", value: "/b" } }],
    },
    { rule: "an empty match as everything", yaml: "[{}]", expected: [] },
    {
      rule: "alternatives up to the first that takes everything",
      yaml: "[{uri: {exact: /a}}, {uri: {prefix: /}}, {uri: {exact: /b}}]",
      expected: [
        { ...none, uri: { kind: "exact", value: "/a" } },
        { ...none, uri: { kind: "prefix", value: "/" } },
      ],
    },
  ];
  it.each(cases)("translate $rule", ({ yaml, expected }) => {
    expect(matchesOf(yaml)).toEqual(expected);
  });

  const hidden: { rule: string; yaml: string }[] = [
    { rule: "gateways only", yaml: "[{gateways: [ingress]}]" },
    {
      rule: "a token's claims, which only gateways know",
      yaml: "[{headers: {'@request.auth.claims.sub': {exact: a}}}]",
    },
  ];
  it.each(hidden)("for $rule leave no route", ({ yaml }) => {
    expect(translate(`- match: ${yaml}\n  route: [{destination: {host: reviews}}]`)).toEqual([]);
  });
});

describe("routes behind one that takes everything", () => {
  const last = "- {name: last, route: [{destination: {host: many}}]}";
  const cases: { rule: string; first: string; kept: number }[] = [
    { rule: "no match", first: "", kept: 1 },
    { rule: "an empty match", first: "match: [{}]", kept: 1 },
    { rule: "prefix /", first: "match: [{uri: {prefix: /}}]", kept: 1 },
    { rule: "regex .*", first: "match: [{uri: {regex: '.*'}}]", kept: 1 },
    { rule: "one alternative of several", first: "match: [{uri: {exact: /a}}, {uri: {prefix: /}}]", kept: 1 },
    { rule: "prefix /a, which does not", first: "match: [{uri: {prefix: /a}}]", kept: 2 },
    {
      rule: "prefix / with a header, which does not",
      first: "match: [{uri: {prefix: /}, headers: {a: {}}}]",
      kept: 2,
    },
    { rule: "a port, which does not", first: "match: [{port: 80}]", kept: 2 },
    { rule: "a client's label, which does not", first: "match: [{sourceLabels: {a: b}}]", kept: 2 },
    {
      rule: "a gateway's match, which no sidecar sees",
      first: "match: [{uri: {prefix: /}, gateways: [x]}]",
      kept: 1,
    },
  ];
  it.each(cases)("are dropped: $rule", ({ first, kept }) => {
    const routes = translate(`- route: [{destination: {host: reviews}}]\n  ${first}\n${last}`);
    expect(routes).toHaveLength(kept);
  });
});
