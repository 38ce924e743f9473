/** Random clusters, small enough that their objects meet: three namespaces, two services each, every kind of rule. */
import fc from "fast-check";
import { type Manifest, pod, service, slice } from "./cluster.fake.ts";

const namespaces = ["a", "b", "istio-system"] as const;
const names = ["x", "y"] as const;

const namespace = fc.constantFrom(...namespaces);
const name = fc.constantFrom(...names);
const day = fc.integer({ min: 1, max: 3 }).map((n) => `2026-01-0${n}T00:00:00Z`);
const generation = fc.integer({ min: 1, max: 3 });
const host = fc.constantFrom(
  "x",
  "y",
  "x.a.svc.cluster.local",
  "y.b.svc.cluster.local",
  "*.a.svc.cluster.local",
  "*.local",
  "api.example.com",
  "web.example.com",
  "*.example.com",
  "*.com",
);
const exportTo = fc.constantFrom(undefined, ["."], ["*"], ["a"], ["b", "."]);
const labels = fc.constantFrom(
  {},
  { app: "x" },
  { app: "y" },
  { version: "v1" },
  { app: "x", version: "v1" },
);
const mode = fc.constantFrom("UNSET", "DISABLE", "PERMISSIVE", "STRICT");

const metadata = fc.record({ name, namespace, creationTimestamp: day, generation });

/** Without members that are undefined, as JSON from an API server is. */
function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

const destination = fc.record({
  host,
  subset: fc.constantFrom(undefined, "v1"),
  port: fc.constantFrom(undefined, undefined, { number: 81 }, { number: 70_000 }),
});
const httpRoute = fc.oneof(
  fc.record({
    match: fc.constantFrom(
      undefined,
      [{ uri: { prefix: "/a" } }],
      [{ port: 80, sourceNamespace: "a" }],
      [{ port: 99_999 }],
    ),
    route: fc.array(fc.record({ destination, weight: fc.integer({ min: 0, max: 3 }) }), {
      minLength: 1,
      maxLength: 2,
    }),
    mirror: fc.option(destination, { nil: undefined }),
  }),
  fc.record({ delegate: fc.record({ name, namespace }) }),
);

const virtualService = fc.record({
  metadata,
  spec: fc.record({
    hosts: fc.uniqueArray(host, { maxLength: 2 }),
    exportTo,
    gateways: fc.constantFrom(undefined, undefined, ["mesh"], ["ingress"]),
    http: fc.array(httpRoute, { minLength: 1, maxLength: 2 }),
    tcp: fc.constantFrom(undefined, [{ route: [{ destination: { host: "y" } }] }]),
  }),
});

const trafficPolicy = fc.constantFrom(
  undefined,
  { tls: { mode: "DISABLE" } },
  { connectionPool: { tcp: { maxConnections: 3 } } },
  {
    outlierDetection: { maxEjectionPercent: -1, minHealthPercent: -1 },
    loadBalancer: { localityLbSetting: { failoverPriority: ["rack=1"] } },
  },
  { loadBalancer: { zoneAwareLbSetting: { failoverPriority: ["tier"] } } },
  { loadBalancer: { backendUtilization: { weightUpdatePeriod: "soon", errorUtilizationPenaltyPercent: 7 } } },
  {
    portLevelSettings: [
      { port: { number: 70_000 } },
      { port: { number: 80 }, connectionPool: { tcp: { maxConnections: 4 } } },
    ],
  },
);
const destinationRule = fc.record({
  metadata,
  spec: fc.record({
    host,
    exportTo,
    trafficPolicy,
    subsets: fc.constantFrom(
      undefined,
      [{ name: "v1", labels: { version: "v1" } }],
      [{ name: "v1", labels: { tier: "t" } }],
    ),
    workloadSelector: fc.constantFrom(undefined, undefined, { matchLabels: { app: "x" } }),
  }),
});

const serviceEntry = fc.record({
  metadata,
  spec: fc.record({
    hosts: fc.uniqueArray(
      fc.constantFrom("api.example.com", "*.example.com", "web.example.com", "x.a.svc.cluster.local", "*"),
      { minLength: 1, maxLength: 2 },
    ),
    exportTo: fc.oneof(exportTo, fc.constant(["~"])),
    addresses: fc.constantFrom(undefined, ["198.18.0.1"]),
    location: fc.constantFrom(undefined, "MESH_INTERNAL"),
    resolution: fc.constantFrom(undefined, "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"),
    ports: fc.constantFrom(
      undefined,
      [{ number: 80, name: "http", protocol: "HTTP", targetPort: 8080 }],
      [
        { number: 80, name: "web" },
        { number: 70_000, name: "odd" },
      ],
    ),
    endpoints: fc.constantFrom(undefined, [
      { address: "192.0.2.1", labels: { version: "v1" }, weight: 0 },
      { address: "db.example.com", ports: { http: 81 } },
      { address: "unix:///run/x" },
      { network: "n" },
    ]),
    workloadSelector: fc.constantFrom(undefined, { labels: { app: "x" } }, {}),
    subjectAltNames: fc.constantFrom(undefined, ["api.example.com"]),
  }),
});

const peerAuthentication = fc.record({
  metadata,
  spec: fc.record({
    selector: fc.option(fc.record({ matchLabels: labels }), { nil: undefined }),
    mtls: fc.record({ mode }),
    portLevelMtls: fc.constantFrom(
      undefined,
      { 8080: { mode: "DISABLE" } },
      { 9999: { mode: "STRICT" } },
      { 70000: { mode: "STRICT" } },
    ),
  }),
});

const authorizationPolicy = fc.record({
  metadata,
  spec: fc.record({
    selector: fc.option(fc.record({ matchLabels: labels }), { nil: undefined }),
    action: fc.constantFrom("ALLOW", "DENY", "CUSTOM"),
    rules: fc.constantFrom(undefined, [{}]),
    targetRef: fc.constantFrom(undefined, undefined, { kind: "Gateway", name: "g" }),
  }),
});

const issuer = fc.constantFrom("https://a.example", "https://b.example");
const requestAuthentication = fc.record({
  metadata,
  spec: fc.record({
    selector: fc.option(fc.record({ matchLabels: labels }), { nil: undefined }),
    jwtRules: fc.array(fc.record({ issuer, jwks: fc.constantFrom(undefined, '{"keys":[]}') }), {
      maxLength: 2,
    }),
  }),
});

const keySet = fc.record({
  metadata: fc.record({ name: issuer.map((one) => `discover:${one}`) }),
  jwks: fc.constantFrom(undefined, '{"keys":[{"kty":"oct","k":"YQ"}]}'),
});

const rateLimit = fc.record({
  metadata,
  spec: fc.record({
    selector: fc.option(fc.record({ matchLabels: labels }), { nil: undefined }),
    rules: fc.constant([{ limit: { requests: 5 } }]),
  }),
});

const envoyFilter = fc.record({
  metadata,
  spec: fc.record({
    workloadSelector: fc.option(fc.record({ labels }), { nil: undefined }),
    configPatches: fc.constantFrom(
      [],
      [
        {
          applyTo: "HTTP_FILTER",
          patch: {
            operation: "ADD",
            value: {
              name: "envoy.filters.http.local_ratelimit",
              typed_config: { token_bucket: { max_tokens: 1, fill_interval: "1s" } },
            },
          },
        },
      ],
    ),
  }),
});

const aService = fc
  .record({
    name,
    namespace,
    created: day,
    selector: labels,
    type: fc.constantFrom("ClusterIP", "ExternalName"),
    ports: fc.constantFrom(1, 2),
  })
  .map(({ name, namespace, created, selector, type, ports }) =>
    service(name, {
      namespace,
      created,
      selector,
      spec: {
        type,
        ports: [
          { name: "http", port: 80, targetPort: "web" },
          { name: "admin", port: 81, targetPort: 8081 },
        ].slice(0, ports),
      },
    }),
  );

const podName = fc.constantFrom("p1", "p2", "p3");
const aPod = fc
  .record({
    name: podName,
    namespace,
    labels,
    created: day,
    workload: fc.constantFrom(undefined, "Deployment/d", "Deployment/e"),
    web: fc.constantFrom(8080, 9999),
    node: fc.constantFrom(undefined, "n1"),
    ready: fc.boolean(),
  })
  .map(({ name, namespace, labels, created, workload, web, node, ready }) =>
    pod(name, {
      namespace,
      labels: { ...labels, tier: "t", rack: "1" },
      created,
      ports: { web },
      ip: `10.0.0.${name.slice(1)}`,
      ready,
      ...(workload && { workload }),
      ...(node && { node }),
    }),
  );

const aSlice = fc
  .record({
    name: fc.constantFrom("s1", "s2"),
    namespace,
    of: name,
    pods: fc.uniqueArray(podName),
    ready: fc.boolean(),
  })
  .map(({ name, namespace, of, pods, ready }) =>
    slice(
      of,
      pods.map((one) => ({ address: `10.0.0.${one.slice(1)}`, pod: one, node: "n1", conditions: { ready } })),
      { name, namespace, ports: { http: 8080, admin: 8081 } },
    ),
  );

const aNode = fc.constantFrom("eu", "us").map((region) => ({
  kind: "Node",
  metadata: { name: "n1", labels: { "topology.kubernetes.io/region": region } },
}));

const of = <T extends object>(kind: string, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<Manifest> =>
  arbitrary.map((object) => plain({ kind, ...object }) as unknown as Manifest);

/** One object of any kind that the compiler reads. */
export const anyManifest: fc.Arbitrary<Manifest> = fc.oneof(
  { weight: 3, arbitrary: of("Service", aService) },
  { weight: 3, arbitrary: of("Pod", aPod) },
  { weight: 2, arbitrary: of("EndpointSlice", aSlice) },
  { weight: 1, arbitrary: of("Node", aNode) },
  { weight: 4, arbitrary: of("VirtualService", virtualService) },
  { weight: 3, arbitrary: of("DestinationRule", destinationRule) },
  { weight: 3, arbitrary: of("ServiceEntry", serviceEntry) },
  { weight: 2, arbitrary: of("PeerAuthentication", peerAuthentication) },
  { weight: 2, arbitrary: of("AuthorizationPolicy", authorizationPolicy) },
  { weight: 2, arbitrary: of("RequestAuthentication", requestAuthentication) },
  { weight: 1, arbitrary: of("KeySet", keySet) },
  { weight: 1, arbitrary: of("RateLimit", rateLimit) },
  { weight: 1, arbitrary: of("EnvoyFilter", envoyFilter) },
);
