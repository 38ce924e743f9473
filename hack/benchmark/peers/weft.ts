/** Weft's proxy, from a folder, with every feature of the mesh on that an application in a mesh would have. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { HttpRoute } from "../../../crds/service-config.ts";
import type { InboundPort } from "../../../crds/workload-config.ts";
import {
  type CompiledJson,
  destination,
  endpoint,
  endpointsObject,
  entry,
  forward,
  indexObject,
  serviceObject,
  subset,
  view,
  workloadObject,
} from "../../../proxy/config/testdata.ts";
import { LIMITED } from "../../../test/support/bun.ts";
import type { Command } from "../processes.ts";
import { type Address, endpointAddresses, type Peer, routePath, type Shape, type Site } from "../shape.ts";

const SERVICE_ADDRESS = "198.18.0.1";
const SERVICE_PORT = 80;
/** A slice holds at most 100 endpoints. */
const SLICE = 100;

const PROTOCOLS = { http1: "http", http2: "http2", grpc: "grpc", tcp: "tcp" } as const satisfies Record<
  Shape["protocol"],
  InboundPort["protocol"]
>;

export const weft: Peer = {
  name: "weft",
  compilesAtRunTime: true,
  commands(shape, site) {
    const server = () =>
      proxy(site, "server", site.mutual, serverObjects(shape, site), {
        mutual: text(site.mutual),
        admin: "127.0.0.1:0",
      });
    if (shape.layout === "inbound") return [server()];
    const client = proxy(site, "client", site.front, clientObjects(shape, site), {
      outbound: [{ listen: text(site.front), destination: `${SERVICE_ADDRESS}:${SERVICE_PORT}` }],
      admin: text(site.admin),
    });
    return shape.layout === "pair" ? [client, server()] : [client];
  },
  /** By Istio's own metric: what was carried as opaque bytes was no request, and is not comparable. */
  async confirm(shape, site, count) {
    if (shape.layout === "inbound") return;
    const response = await fetch(`http://${text(site.admin)}/stats/prometheus`);
    let requests = 0;
    for (const line of (await response.text()).split("\n")) {
      if (/^istio_requests_total{.*response_code="200"/.test(line))
        requests += Number(line.slice(line.lastIndexOf(" ")));
    }
    if (requests < count)
      throw new Error(`its metrics tell of ${requests} requests with 200; expected ${count}`);
  },
};

function proxy(
  site: Site,
  role: "client" | "server",
  listens: Address,
  objects: readonly CompiledJson[],
  file: object,
): Command {
  const folder = join(site.folder, `weft-${role}`);
  mkdirSync(join(folder, "proxy"), { recursive: true });
  const { certificate, key, trust } = site.identities[role];
  writeFileSync(join(folder, "objects.json"), JSON.stringify(objects));
  writeFileSync(
    join(folder, "proxy", "proxy.json"),
    JSON.stringify({
      ...file,
      identity: {
        certificate: relative(join(folder, "proxy"), certificate),
        key: relative(join(folder, "proxy"), key),
        trust: relative(join(folder, "proxy"), trust),
      },
    }),
  );
  return { argv: [...site.weft, "--config", folder], listens, env: LIMITED };
}

const text = ({ host, port }: Address) => `${host}:${port}`;

/** What the client's proxy knows: a canary's routes, two subsets, limits, ejection, retries. */
function clientObjects(shape: Shape, site: Site): CompiledJson[] {
  const protocol = PROTOCOLS[shape.protocol];
  const endpoints = endpointAddresses(shape, site).flatMap((address, i) => {
    const versions = shape.endpoints === 1 ? ["v1", "v2"] : [i % 10 === 0 ? "v2" : "v1"];
    return versions.map((version) =>
      endpoint(address, {
        ports: [{ port: SERVICE_PORT, target: site.backendPort }],
        labels: { app: "web", version },
        workload: "web",
        mtls: shape.layout === "pair",
        ...(shape.layout === "pair" ? { identity: site.identities.server.id } : {}),
      }),
    );
  });
  const slices = Math.ceil(endpoints.length / SLICE);
  return [
    indexObject("demo", [
      entry("demo", "web", { addresses: [SERVICE_ADDRESS], ports: [{ port: SERVICE_PORT, protocol }] }),
    ]),
    serviceObject("demo", "web", {
      endpointSlices: slices,
      common: view({
        http: shape.protocol === "tcp" ? [] : routes(shape),
        tcp: shape.protocol === "tcp" ? [{ matches: [], destinations: split() }] : [],
        clusters: ["", "v1", "v2"].map((name) => subset(name, policy)),
      }),
    }),
    ...Array.from({ length: slices }, (_, i) =>
      endpointsObject("demo", "web", endpoints.slice(i * SLICE, (i + 1) * SLICE), i, slices),
    ),
    workloadObject("demo", "client"),
  ];
}

/** Limits that a load of a few thousand connections does not reach, as the peers have none. */
const policy = {
  loadBalancer: { simple: "LEAST_REQUEST" as const },
  connectionPool: {
    connectTimeoutMs: 5_000,
    maxConnections: 8_192,
    http1MaxPendingRequests: 8_192,
    http2MaxRequests: 8_192,
    retryBudget: { percent: 20, minRetryConcurrency: 3, budgetIntervalMs: 10_000 },
  },
  outlierDetection: {
    consecutive5xxErrors: 5,
    consecutiveGatewayErrors: 0,
    splitExternalLocalOriginErrors: false,
    consecutiveLocalOriginFailures: 0,
    intervalMs: 10_000,
    baseEjectionTimeMs: 30_000,
    maxEjectionPercent: 10,
    minHealthPercent: 0,
    httpErrorCodes: [],
  },
};

const split = () => [
  destination("demo", "web", { subset: "v1", weight: 90 }),
  destination("demo", "web", { subset: "v2", weight: 10 }),
];

function routes(shape: Shape): HttpRoute[] {
  const retried = (route: HttpRoute): HttpRoute => ({
    ...route,
    retries: {
      attempts: 2,
      retryOn: ["connect-failure", "refused-stream", "unavailable", "cancelled", "retriable-status-codes"],
      retriableStatusCodes: [503],
      backoffMs: 25,
      retryRemoteLocalities: false,
      ignorePreviousHosts: true,
    },
  });
  const canary = retried({
    ...forward(destination("demo", "web", { subset: "v2" })),
    matches: [
      { headers: [{ name: "x-canary", kind: "exact", value: "true" }], withoutHeaders: [], queryParams: [] },
    ],
  });
  if (shape.routes === 1) return [canary, retried(forward(...split()))];
  const byPath = (i: number) =>
    retried({
      ...forward(...split()),
      matches: [
        { uri: { kind: "prefix", value: routePath(i) }, headers: [], withoutHeaders: [], queryParams: [] },
      ],
    });
  return [canary, ...Array.from({ length: shape.routes }, (_, i) => byPath(i))];
}

/** What the server's proxy knows: strict mutual TLS, and who may do what. */
function serverObjects(shape: Shape, site: Site): CompiledJson[] {
  const principals = [site.identities.client.id.slice("spiffe://".length)];
  const operations = shape.protocol === "tcp" ? [] : [{ methods: ["GET", "POST"], paths: ["/*"] }];
  const service = "web.demo.svc.cluster.local";
  return [
    workloadObject("demo", "web", {
      mtls: "STRICT",
      ports: [{ port: site.backendPort, protocol: PROTOCOLS[shape.protocol], mtls: "STRICT", service }],
      authorization: [
        {
          name: "no-outlaws",
          namespace: "demo",
          action: "DENY",
          rules: [{ from: [{ principals: ["cluster.local/ns/demo/sa/outlaw"] }], to: [], when: [] }],
        },
        {
          name: "clients",
          namespace: "demo",
          action: "ALLOW",
          rules: [{ from: [{ principals }], to: operations, when: [] }],
        },
      ],
    }),
  ];
}
