/** Every other feature of VirtualService and DestinationRule, each on a path of one service. */
import { beforeAll, describe, expect, it } from "vitest";
import { type Answer, apply, ask, call, eventually } from "../../support/e2e.ts";
import { subsets } from "../../support/mesh.ts";
import { metric } from "./metric.ts";
import { clearMesh, client, host, inForce, ns, url } from "./scene.ts";

const origin = "https://shop.example";

const v1 = [{ destination: { host, subset: "v1" } }];
const v2 = [{ destination: { host, subset: "v2" } }];
const at = (prefix: string, ...conditions: object[]) =>
  (conditions.length > 0 ? conditions : [{}]).map((each) => ({ uri: { prefix }, ...each }));

/** Matches that lead to v2; what does not match goes to v1 by the last rule. */
const matches: readonly [name: string, match: object, request: Parameters<typeof ask>[3], path: string][] = [
  ["a path by expression", { uri: { regex: "/m/v[0-9]+" } }, {}, "/m/v12?q"],
  ["a path in any case", { uri: { exact: "/M/Case" }, ignoreUriCase: true }, {}, "/m/cAsE"],
  ["a method", { uri: { prefix: "/m/method" }, method: { exact: "PUT" } }, { method: "PUT" }, "/m/method"],
  ["a query parameter", { queryParams: { model: { exact: "new" } } }, {}, "/m/query?a=1&model=new"],
  ["a header", { headers: { "x-model": { prefix: "ne" } } }, { headers: { "X-Model": "new" } }, "/m/header"],
  [
    "the lack of a header",
    { uri: { prefix: "/m/without" }, withoutHeaders: { "x-old": {} } },
    {},
    "/m/without",
  ],
  ["an authority", { authority: { prefix: "payment-service.e2e" } }, {}, ""],
  [
    "the client's labels",
    { uri: { prefix: "/m/labels" }, sourceLabels: { app: "order-service" } },
    {},
    "/m/labels",
  ],
  ["the client's namespace", { uri: { prefix: "/m/namespace" }, sourceNamespace: ns }, {}, "/m/namespace"],
  ["the port", { uri: { prefix: "/m/port" }, port: 8080 }, {}, "/m/port"],
];
/** And some that do not, though they nearly do. */
const misses: readonly [name: string, match: object, path: string][] = [
  ["other labels", { uri: { prefix: "/n/labels" }, sourceLabels: { app: "other" } }, "/n/labels"],
  ["another port", { uri: { prefix: "/n/port" }, port: 80 }, "/n/port"],
  ["a gateway's", { uri: { prefix: "/n/gateway" }, gateways: ["ingress"] }, "/n/gateway"],
];

const virtualService = {
  apiVersion: "networking.istio.io/v1",
  kind: "VirtualService",
  metadata: { name: host, namespace: ns },
  spec: {
    hosts: [host],
    http: [
      ...matches.map(([, match]) => ({ match: [match], route: v2 })),
      ...misses.map(([, match]) => ({ match: [match], route: v2 })),
      {
        match: at("/headers"),
        route: [{ ...v1[0], headers: { request: { set: { "x-destination": "v1" } } } }],
        headers: {
          request: { set: { "x-method": "%REQ(:method)%" }, remove: ["x-secret"] },
          response: { set: { "x-code": "%RESPONSE_CODE%" } },
        },
      },
      { match: at("/old/"), rewrite: { uri: "/new/", authority: "rewritten.example" }, route: v1 },
      {
        match: at("/regex"),
        rewrite: { uriRegexRewrite: { match: "/v(\\d)", rewrite: "/version-\\1" } },
        route: v1,
      },
      { match: at("/moved"), redirect: { uri: "/here", authority: "elsewhere.example", redirectCode: 308 } },
      {
        match: at("/closed"),
        directResponse: { status: 451, body: { string: "closed" } },
        headers: { response: { set: { "content-type": "text/x-closed" } } },
      },
      { match: at("/mirrored"), route: v1, mirror: v2[0]?.destination, mirrorPercentage: { value: 100 } },
      {
        match: at("/shared"),
        route: v1,
        corsPolicy: {
          allowOrigins: [{ exact: origin }],
          allowMethods: ["PUT"],
          exposeHeaders: ["x-b"],
          maxAge: "1m",
        },
      },
      { match: at("/delay/5000"), route: v1, timeout: "300ms" },
      { route: v1 },
    ],
  },
};

const said = ({ body }: Answer) =>
  JSON.parse(body) as { version: string; path: string; headers: Record<string, string> };

/** What the rule of payment-service says instead; its subsets stay. */
const rule = (trafficPolicy: object) => ({ ...subsets(ns), spec: { ...subsetsSpec, trafficPolicy } });
const subsetsSpec = (subsets(ns) as { spec: object }).spec;
const everyVersion = {
  ...virtualService,
  spec: { hosts: [host], http: [{ route: [{ destination: { host } }] }] },
};

export function featureTests(): void {
  beforeAll(async () => {
    await clearMesh();
    await apply(subsets(ns), virtualService);
    await inForce(`${url}/m/method`, "v1");
  });

  describe("a match", () => {
    it.each(matches)("by %s leads where its rule says", async (_, __, request, path) => {
      const to = path === "" ? `http://${host}.${ns}:8080/m/authority` : `${url}${path}`;
      expect(said(await ask(ns, client, to, request)).version).toBe("v2");
    });

    it.each(misses)("of %s is passed over", async (_, __, path) => {
      expect(said(await ask(ns, client, `${url}${path}`)).version).toBe("v1");
    });
  });

  describe("a route", () => {
    it("changes headers on the way there and back", async () => {
      const answer = await ask(ns, client, `${url}/headers`, { headers: { "x-secret": "1" } });
      expect(said(answer).headers).toMatchObject({ "x-destination": "v1", "x-method": "GET" });
      expect(said(answer).headers).not.toHaveProperty("x-secret");
      expect(answer.headers["x-code"]).toBe("200");
    });

    it("rewrites path and authority", async () => {
      const { path, headers } = said(await ask(ns, client, `${url}/old/a?b=c`));
      expect([path, headers.host]).toEqual(["/new/a?b=c", "rewritten.example"]);
      expect(said(await ask(ns, client, `${url}/regex/v1/x`)).path).toBe("/regex/version-1/x");
    });

    it("redirects", async () => {
      const { status, headers } = await ask(ns, client, `${url}/moved?q=1`);
      expect([status, headers.location]).toEqual([308, "http://elsewhere.example/here?q=1"]);
    });

    it("answers by itself", async () => {
      const { status, body, headers } = await ask(ns, client, `${url}/closed`);
      expect([status, body, headers["content-type"]]).toEqual([451, "closed", "text/x-closed"]);
    });

    it("gives up at its timeout", async () => {
      const { byStatus, latency_ms } = await call(ns, client, `${url}/delay/5000`);
      expect(byStatus).toEqual({ "504": 1 });
      expect(latency_ms.max).toBeLessThan(4_000);
    });

    it("shares with the origins that it allows", async () => {
      const asking = { origin, "access-control-request-method": "PUT" };
      const preflight = await ask(ns, client, `${url}/shared`, { method: "OPTIONS", headers: asking });
      expect(preflight.status).toBe(200);
      expect(preflight.headers).toMatchObject({
        "access-control-allow-origin": origin,
        "access-control-allow-methods": "PUT",
        "access-control-max-age": "60",
      });
      const shared = await ask(ns, client, `${url}/shared`, { headers: { origin } });
      expect(shared.headers).toMatchObject({
        "access-control-allow-origin": origin,
        "access-control-expose-headers": "x-b",
      });
      const other = await ask(ns, client, `${url}/shared`, { headers: { origin: "https://evil.example" } });
      expect(other.headers).not.toHaveProperty("access-control-allow-origin");
    });

    it("copies requests to its mirror, which nobody waits for", async () => {
      const served = () => metric("payment-v2", "istio_requests_total", { reporter: "destination" });
      const before = await served();
      const { ok, byVersion } = await call(ns, client, `${url}/mirrored`, { count: 50 });
      expect([ok, byVersion.v1]).toEqual([50, 50]);
      await eventually("50 copies at v2", async () => (await served()) - before === 50);
    });

    it("gives requests the context of a trace, and leaves the one that they have", async () => {
      expect(said(await ask(ns, client, `${url}/`)).headers.traceparent).toMatch(
        /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/,
      );
      const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
      expect(said(await ask(ns, client, `${url}/`, { headers: { traceparent } })).headers.traceparent).toBe(
        traceparent,
      );
    });
  });

  describe("a DestinationRule", () => {
    it("takes turns among the endpoints", async () => {
      await apply(rule({ loadBalancer: { simple: "ROUND_ROBIN" } }), everyVersion);
      await eventually("half of the requests at each", async () => {
        const { byVersion } = await call(ns, client, `${url}/`, { count: 100 });
        return byVersion.v1 === 50 && byVersion.v2 === 50;
      });
    });

    it("gives clients a cookie to come back with", async () => {
      const httpCookie = { name: "payment", path: "/", ttl: "60s" };
      await apply(rule({ loadBalancer: { consistentHash: { httpCookie } } }), everyVersion);
      const given = await eventually("a cookie", async () => {
        return String((await ask(ns, client, `${url}/`)).headers["set-cookie"] ?? "") || false;
      });
      expect(given).toMatch(/^payment="?[0-9a-f]+"?; .*Max-Age=60/i);
      const cookie = given.slice(0, given.indexOf(";"));
      const { byVersion } = await call(ns, client, `${url}/`, { count: 40, headers: { cookie } });
      expect(Object.values(byVersion)).toEqual([40]);
    });

    it("gives each connection as many requests as it may have", async () => {
      await apply(rule({ connectionPool: { http: { maxRequestsPerConnection: 2 } } }), everyVersion);
      const inbound = { side: "inbound" };
      const connections = async () =>
        (await metric("payment-v1", "weft_connections_total", inbound)) +
        (await metric("payment-v2", "weft_connections_total", inbound));
      // Twenty, less what connections that were there already took.
      await eventually("a connection for every other request", async () => {
        const before = await connections();
        expect((await call(ns, client, `${url}/`, { count: 40 })).ok).toBe(40);
        return (await connections()) - before > 15;
      });
    });

    it("keeps requests of one user together by a consistent hash", async () => {
      const consistentHash = { httpHeaderName: "x-user" };
      await apply(rule({ loadBalancer: { consistentHash } }), everyVersion);
      await eventually("each user at one version, and users at both", async () => {
        const users = await Promise.all(
          ["ann", "bob", "eve", "joe", "kim", "lea"].map((user) =>
            call(ns, client, `${url}/`, { count: 20, headers: { "x-user": user } }),
          ),
        );
        const versions = users.map(({ byVersion }) => Object.keys(byVersion));
        return versions.every((each) => each.length === 1) && new Set(versions.flat()).size === 2;
      });
    });

    it("refuses at once what its pool has no room for", async () => {
      const connectionPool = { http: { http2MaxRequests: 4 } };
      await apply(rule({ connectionPool }), everyVersion);
      const { byStatus } = await eventually("an overflow", async () => {
        const summary = await call(ns, client, `${url}/delay/300`, { count: 16, concurrency: 16 });
        return summary.byStatus["503"] === 12 && summary;
      });
      expect(byStatus).toEqual({ "200": 4, "503": 12 });
    });

    it("with a workloadSelector holds for the clients that it selects alone", async () => {
      const swapped = {
        ...subsets(ns),
        metadata: { name: "for-orders", namespace: ns },
        spec: {
          host,
          workloadSelector: { matchLabels: { app: "order-service" } },
          subsets: [{ name: "v1", labels: { version: "v2" } }],
        },
      };
      await apply(subsets(ns), swapped, {
        ...virtualService,
        spec: { hosts: [host], http: [{ route: v1 }] },
      });
      const versions = async (from: string) =>
        Object.keys((await call(ns, from, `${url}/`, { count: 20 })).byVersion).join();
      await eventually("v2 for order-service", async () => (await versions(client)) === "v2");
      await eventually("v1 for others", async () => (await versions("deploy/payment-v2")) === "v1");
    });
  });
}
