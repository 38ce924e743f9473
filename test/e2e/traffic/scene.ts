/** What the traffic tests share: two services in two versions each, a gateway and a client, all with sidecars. */
import {
  type Answer,
  apply,
  ask,
  call,
  deployment,
  eventually,
  kubectl,
  namespace,
  rollout,
  service,
} from "../../support/e2e.ts";
import { applyOverview } from "../../support/overview.ts";
import { credentialObjects, type Files, makeFiles, mounted, secret } from "./certificates.ts";

export const ns = "e2e-traffic";
export const client = "deploy/order-service";
export const host = "payment-service";
export const url = `http://${host}:8080`;

/** The other protocols of payment-service's pods. */
export const wire = "payment-wire";
export const entries = [9100, 9101, 9102, 9103, 9104];
export const tlsEntry = 9110;
const otherPorts = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: wire, namespace: ns },
  spec: {
    selector: { app: host },
    ports: [
      { name: "tcp-echo", port: 9080 },
      { name: "tcp-greeter", port: 9081 },
      { name: "grpc", port: 9082 },
      { name: "tls", port: 9083 },
      { name: "http-other", port: 8085, targetPort: 8080 },
      // Where nobody listens: only routes make anything of connections to these.
      ...entries.map((port) => ({ name: `tcp-${port}`, port, targetPort: 9 })),
      { name: "tls-entry", port: tlsEntry, targetPort: 9 },
    ],
  },
};

/** payment-service's pods on several ports of the same kind. */
export const levels = "payment-levels";
const samePorts = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: levels, namespace: ns },
  spec: {
    selector: { app: host },
    ports: [8080, 8081, 8082].map((port) => ({ name: `http-${port}`, port, targetPort: 8080 })),
  },
};

/** Where the client and the pods of my-service say they are, v1 next to the client. */
const here = { "topology.istio.io/locality": "north.one" };
const there = { "istio-locality": "south.two" };
const mine = { app: "my-service", namespace: ns };

/**
 * A server outside the mesh: as `vault` it speaks HTTPS alone, on port 8080 to everybody, on 8081 to clients with
 * certificates; as `outside` all of its protocols in plaintext.
 */
export const outside = "outside";
export const outsidePorts = { http1: 8080, http2: 8082, echo: 9080, entry: 9092 };
function vault({ server, authority }: Files): object[] {
  const env = { TLS_CERTIFICATE: server.certificate, TLS_KEY: server.key, TLS_CLIENT_CA: authority };
  const of = (name: string, ports: readonly object[]) => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: ns },
    spec: { selector: { app: "vault" }, ports },
  });
  const { http1, http2, echo, entry } = outsidePorts;
  return [
    of("vault", [
      { name: "http", port: 8080, targetPort: 9083 },
      { name: "http-mutual", port: 8081, targetPort: 9084 },
    ]),
    of(outside, [
      { name: "http-one", port: http1 },
      // Of HTTP/2 alone, which its name does not say.
      { name: "http-two", port: http2, targetPort: 9082 },
      { name: "tcp-echo", port: echo },
      // Where nobody listens.
      { name: "tcp-entry", port: entry, targetPort: 9 },
    ]),
    ...deployment({ name: "vault", namespace: ns, labels: { "sidecar.istio.io/inject": "false" }, env }),
  ];
}

export async function startScene(): Promise<AsyncDisposable> {
  const mesh = await namespace(ns, { injected: true });
  // On /flaky, which only tests of what happens then ask for.
  const failing = { FLAKY_STATUS: "503" };
  const files = await makeFiles();
  const https = { TLS_CERTIFICATE: files.server.certificate, TLS_KEY: files.server.key };
  await apply(
    service(ns, host),
    service(ns, "order-service"),
    service(ns, "my-service", { name: "recommendation-service" }),
    service(ns, "api-gateway"),
    otherPorts,
    samePorts,
    ...deployment({ name: "payment-v1", app: host, version: "v1", namespace: ns, env: https }),
    ...deployment({
      name: "payment-v2",
      app: host,
      version: "v2",
      namespace: ns,
      env: { ...https, ...failing },
    }),
    ...deployment({ ...mine, name: "mine-v1", version: "v1", labels: here, env: failing }),
    ...deployment({ ...mine, name: "mine-v2", version: "v2", labels: there }),
    ...deployment({ name: "api-gateway", namespace: ns }),
    secret(ns, files),
    ...credentialObjects(ns, "order-service", files),
    ...deployment({ name: "order-service", namespace: ns, labels: here, annotations: mounted }),
    ...vault(files),
  );
  await applyOverview(ns, "Service", "my-service");
  await rollout(
    ns,
    ...["payment-v1", "payment-v2", "mine-v1", "mine-v2", "api-gateway", "order-service", "vault"],
  );
  return mesh;
}

/** Takes away what the mesh was told, so that a test begins from nothing. */
export async function clearMesh(): Promise<void> {
  await kubectl(["delete", "virtualservices,destinationrules", "--all", "-n", ns, "--wait=false"]);
}

/** Waits until each of many requests comes to the version, which says that the rules are in force. */
export async function inForce(
  to: string,
  version: string,
  headers: Record<string, string> = {},
): Promise<void> {
  await eventually(`all requests at ${version}`, async () => {
    const { byVersion } = await call(ns, client, to, { count: 50, headers });
    return byVersion[version] === 50;
  });
}

/** An object of Istio's networking API. */
export const istio = (kind: string, name: string, spec: object, namespace = ns) => ({
  apiVersion: "networking.istio.io/v1",
  kind,
  metadata: { name, namespace },
  spec,
});

/** A balancer that takes turns: the default avoids whichever pod happens to be slow, and calls less what fails. */
export const inTurns = { simple: "ROUND_ROBIN" };

/** What the test application says of a request that it answered. */
export interface Said {
  readonly service: string;
  readonly version: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly protocol: string;
  readonly peer: string;
  readonly serverName?: string;
  readonly pings?: number;
}
export const said = ({ body }: Pick<Answer, "body">) => JSON.parse(body) as Said;

/** A path of a service that has a policy of its own, and what its route says besides. */
export interface Way {
  readonly policy: object;
  readonly route?: object;
  readonly port?: number;
}

let applied = 0;

/**
 * Brings a policy in force for each path of a service, so that many are shown at once: `/NAME/…` goes to the subset NAME, which is
 * all of the service's endpoints, as `/…`. `trafficPolicy` is the service's own, `address` where it
 * is called if not by its name.
 */
export async function applyWays(
  service: string,
  ways: Readonly<Record<string, Way>>,
  {
    address = service,
    ...more
  }: { trafficPolicy?: object; workloadSelector?: object; address?: string } = {},
): Promise<void> {
  const subsets = Object.entries(ways).map(([name, { policy }]) => ({ name, trafficPolicy: policy }));
  const http = Object.entries(ways).map(([name, { route, port }]) => ({
    match: [{ uri: { prefix: `/${name}/` } }],
    rewrite: { uri: "/" },
    route: [
      { destination: { host: service, subset: name, ...(port !== undefined && { port: { number: port } }) } },
    ],
    ...route,
  }));
  const path = `/in-force/${++applied}`;
  const inForce = { match: [{ uri: { exact: path } }], directResponse: { status: 204 } };
  await apply(
    istio("DestinationRule", service, { host: service, ...more, subsets }),
    istio("VirtualService", service, { hosts: [service], http: [...http, inForce] }),
  );
  await eventually(`the ways of ${service}`, async () => {
    const { status } = await ask(ns, client, `http://${address}:8080${path}`);
    return status === 204;
  });
}
