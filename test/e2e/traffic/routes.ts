/** What a VirtualService's HTTP routes do to requests besides leading them somewhere, each on a path of one service. */
import { beforeAll, describe, expect, it } from "vitest";
import { apply, ask, call, eventually } from "../../support/e2e.ts";
import { subsets } from "../../support/mesh.ts";
import { metric } from "./metric.ts";
import {
  clearMesh,
  client,
  host,
  inForce,
  istio,
  ns,
  outside,
  outsidePorts,
  said,
  url,
  wire,
} from "./scene.ts";

const origin = "https://shop.example";
const v1 = [{ destination: { host, subset: "v1" } }];
const v2 = { host, subset: "v2" };
const at = (prefix: string) => [{ uri: { prefix } }];

/** Of `headers` at a route or a destination: each operation under a name that says where it stands. */
const operations = (where: string) => ({
  request: {
    set: { [`x-set-${where}`]: where, "x-method": "%REQ(:method)%" },
    add: { "x-added": where },
    remove: [`x-remove-${where}`],
  },
  response: {
    set: { [`x-set-${where}`]: where, "x-code": "%RESPONSE_CODE%" },
    add: { "x-added": where },
    remove: [where === "route" ? "date" : "content-type"],
  },
});

/** Copies to v2 of two requests in five. */
const mirrored = {
  mirrorPercentage: { mirror: { ...v2, port: { number: 8080 } }, mirrorPercentage: { value: 40 } },
  mirrorPercent: { mirror: v2, mirrorPercent: 40 },
  mirror_percent: { mirror: v2, mirror_percent: 40 },
  // By a port that this service has not, of the same pods.
  mirrors: {
    mirrors: [
      { destination: { host: wire, subset: "v2", port: { number: 8085 } }, percentage: { value: 40 } },
      { destination: { host: outside, port: { number: outsidePorts.http1 } } },
    ],
  },
};

const sharing = {
  allowOrigins: [{ exact: origin }, { prefix: "https://a." }, { regex: "https://b[0-9]\\.example" }],
  allowMethods: ["PUT"],
  allowHeaders: ["x-a"],
  exposeHeaders: ["x-b"],
  allowCredentials: true,
  maxAge: "1m",
};
const unmatched = ["UNSPECIFIED", "FORWARD", "IGNORE"] as const;

const redirects: readonly [name: string, path: string, redirect: object, location: string][] = [
  [
    "to another path of another host",
    "/moved",
    { uri: "/here", authority: "elsewhere.example", redirectCode: 308 },
    "308 http://elsewhere.example/here?q=1",
  ],
  [
    "to another port and scheme",
    "/to-port",
    { port: 8443, scheme: "https" },
    `301 https://${host}:8443/to-port?q=1`,
  ],
  ["to another beginning", "/to-prefix", { prefixRewrite: "/p" }, `301 http://${host}:8080/p?q=1`],
  [
    "to the scheme's own port",
    "/to-scheme",
    { scheme: "https", derivePort: "FROM_PROTOCOL_DEFAULT" },
    `301 https://${host}/to-scheme?q=1`,
  ],
  [
    "to the port that was called",
    "/to-called",
    { authority: "elsewhere.example", derivePort: "FROM_REQUEST_PORT" },
    "301 http://elsewhere.example:8080/to-called?q=1",
  ],
];

const virtualService = istio("VirtualService", host, {
  hosts: [host],
  gateways: ["mesh"],
  http: [
    {
      match: at("/headers"),
      route: [{ ...v1[0], headers: operations("destination") }],
      headers: operations("route"),
    },
    { match: at("/old/"), rewrite: { uri: "/new/", authority: "rewritten.example" }, route: v1 },
    {
      match: at("/regex"),
      rewrite: { uriRegexRewrite: { match: "/v(\\d)", rewrite: "/version-\\1" } },
      route: v1,
    },
    ...redirects.map(([, path, redirect]) => ({ match: at(path), redirect })),
    {
      match: at("/closed"),
      directResponse: { status: 451, body: { string: "closed" } },
      headers: { response: { set: { "content-type": "text/x-closed" } } },
    },
    { match: at("/bytes"), directResponse: { status: 200, body: { bytes: "AP9v" } } },
    ...Object.entries(mirrored).map(([path, mirror]) => ({ match: at(`/${path}`), route: v1, ...mirror })),
    { match: at("/mirrored"), route: v1, mirror: v2 },
    { match: at("/shared"), route: v1, corsPolicy: sharing },
    { match: at("/formerly"), route: v1, corsPolicy: { allowOrigin: [origin] } },
    ...unmatched.map((unmatchedPreflights) => ({
      match: at(`/preflight/${unmatchedPreflights}`),
      route: v1,
      corsPolicy: { allowOrigins: [{ exact: origin }], unmatchedPreflights },
    })),
    { match: [{ uri: { prefix: "/counted" }, statPrefix: "counted" }], route: v1 },
    { match: at("/delay/5000"), route: v1, timeout: "300ms" },
    { match: at("/late"), route: v1, fault: { delay: { fixedDelay: "400ms", percent: 100 } } },
    {
      match: at("/outside"),
      route: [{ destination: { host: outside, port: { number: outsidePorts.http1 } } }],
    },
    { route: v1 },
  ],
});

export function routeTests(): void {
  beforeAll(async () => {
    await clearMesh();
    await apply(subsets(ns), subsets(ns, wire), virtualService);
    await inForce(`${url}/`, "v1");
  });

  it("changes headers on the way there and back, for one destination and for all", async () => {
    const headers = { "x-remove-route": "1", "x-remove-destination": "1", "x-added": "client" };
    const answer = await ask(ns, client, `${url}/headers`, { headers });
    const { headers: arrived } = said(answer);
    expect(arrived).toMatchObject({
      "x-set-route": "route",
      "x-set-destination": "destination",
      "x-method": "GET",
    });
    expect((arrived["x-added"] ?? "").split(/, ?/).sort()).toEqual(["client", "destination", "route"]);
    expect(arrived).not.toHaveProperty("x-remove-route");
    expect(arrived).not.toHaveProperty("x-remove-destination");
    expect(answer.headers).toMatchObject({
      "x-set-route": "route",
      "x-set-destination": "destination",
      "x-code": "200",
    });
    expect((answer.headers["x-added"] ?? "").split(/, ?/).sort()).toEqual(["destination", "route"]);
    expect(answer.headers).not.toHaveProperty("date");
    expect(answer.headers).not.toHaveProperty("content-type");
  });

  it("rewrites path and authority", async () => {
    const { path, headers } = said(await ask(ns, client, `${url}/old/a?b=c`));
    expect([path, headers.host]).toEqual(["/new/a?b=c", "rewritten.example"]);
    expect(said(await ask(ns, client, `${url}/regex/v1/x`)).path).toBe("/regex/version-1/x");
  });

  it("goes to another service, on the port that it names", async () => {
    expect(said(await ask(ns, client, `${url}/outside`)).service).toBe("vault");
  });

  it.each(redirects)("redirects %s", async (_, path, __, location) => {
    const { status, headers } = await ask(ns, client, `${url}${path}?q=1`);
    expect(`${status} ${headers.location}`).toBe(location);
  });

  it("answers by itself, with text or bytes", async () => {
    const { status, body, headers } = await ask(ns, client, `${url}/closed`);
    expect([status, body, headers["content-type"]]).toEqual([451, "closed", "text/x-closed"]);
    const bytes = await ask(ns, client, `${url}/bytes`);
    // The middle one is no text, which the test application shows as U+FFFD.
    expect([bytes.headers["content-length"], bytes.body]).toEqual(["3", "\0\ufffdo"]);
  });

  it("counts its requests under the statPrefix of a match", async () => {
    const counted = () =>
      metric("order-service", "envoy_vhost_route_upstream_rq", { envoy_route: "counted" });
    const before = await counted();
    await call(ns, client, `${url}/counted`, { count: 7 });
    expect((await counted()) - before).toBe(7);
  });

  it("gives up at its timeout", async () => {
    const { byStatus, latency_ms } = await call(ns, client, `${url}/delay/5000`);
    expect(byStatus).toEqual({ "504": 1 });
    expect(latency_ms.max).toBeLessThan(4_000);
  });

  it("delays requests", async () => {
    const { ok, latency_ms } = await call(ns, client, `${url}/late`, { count: 4 });
    expect(ok).toBe(4);
    expect(latency_ms.p50).toBeGreaterThan(399);
  });

  describe("sharing across origins", () => {
    const preflight = (path: string, from: string) =>
      ask(ns, client, `${url}${path}`, {
        method: "OPTIONS",
        headers: { origin: from, "access-control-request-method": "PUT" },
      });

    it("answers preflights of the origins that it allows", async () => {
      const { status, headers } = await preflight("/shared", origin);
      expect(status).toBe(200);
      expect(headers).toMatchObject({
        "access-control-allow-origin": origin,
        "access-control-allow-methods": "PUT",
        "access-control-allow-headers": "x-a",
        "access-control-allow-credentials": "true",
        "access-control-max-age": "60",
      });
    });

    it.each([
      [origin, "/shared"],
      ["https://a.example", "/shared"],
      ["https://b2.example", "/shared"],
      [origin, "/formerly"],
    ])("lets %s read what comes from %s", async (from, path) => {
      const { headers } = await ask(ns, client, `${url}${path}`, { headers: { origin: from } });
      expect(headers["access-control-allow-origin"]).toBe(from);
      if (path === "/shared") expect(headers["access-control-expose-headers"]).toBe("x-b");
    });

    it.each(["/shared", "/formerly"])("lets no other origin read what comes from %s", async (path) => {
      const { headers } = await ask(ns, client, `${url}${path}`, {
        headers: { origin: "https://evil.example" },
      });
      expect(headers).not.toHaveProperty("access-control-allow-origin");
    });

    it.each(unmatched)("preflights of other origins are for the application, or not: %s", async (each) => {
      const { status, body, headers } = await preflight(`/preflight/${each}`, "https://evil.example");
      expect(status).toBe(200);
      expect(headers).not.toHaveProperty("access-control-allow-origin");
      expect(body === "").toBe(each === "IGNORE");
    });
  });

  describe("copies", () => {
    const served = () => metric("payment-v2", "istio_requests_total", { reporter: "destination" });
    /** What of so many requests came to v2, when it has come. */
    const copied = async (path: string, count: number) => {
      const before = await served();
      const { ok, byVersion } = await call(ns, client, `${url}/${path}`, { count });
      expect([ok, byVersion.v1]).toEqual([count, count]);
      let [last, alike] = [Number.NaN, 0];
      return await eventually("no more copies", async () => {
        const now = await served();
        alike = now === last ? alike + 1 : 0;
        last = now;
        return alike >= 4 && { copies: now - before };
      });
    };

    it("go to a mirror, which nobody waits for", async () => {
      expect(await copied("mirrored", 50)).toEqual({ copies: 50 });
    });

    it.each(Object.keys(mirrored))("go to a mirror by the share that %s says", async (path) => {
      const { copies } = await copied(path, 100);
      // Binomial(100, 0.4): standard deviation 4.9.
      expect(copies).toBeGreaterThan(40 - 25);
      expect(copies).toBeLessThan(40 + 25);
    });
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

  it("is for sidecars only where the VirtualService's gateways say so", async () => {
    const { spec } = virtualService as { spec: object };
    const status = async () => (await ask(ns, client, `${url}/closed`)).status;
    await apply({ ...virtualService, spec: { ...spec, gateways: ["ingress"] } });
    await eventually("no rule", async () => (await status()) === 200);
    await apply({ ...virtualService, spec: { ...spec, gateways: ["ingress", "mesh"] } });
    await eventually("the rule again", async () => (await status()) === 451);
  });
}
