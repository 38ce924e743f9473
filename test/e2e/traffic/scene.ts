/** What the traffic tests share: two services in two versions each, a gateway and a client, all with sidecars. */
import {
  apply,
  call,
  deployment,
  eventually,
  kubectl,
  namespace,
  rollout,
  service,
} from "../../support/e2e.ts";
import { applyOverview } from "../../support/overview.ts";
import { type Files, makeFiles, mounted, secret } from "./certificates.ts";

export const ns = "e2e-traffic";
export const client = "deploy/order-service";
export const host = "payment-service";
export const url = `http://${host}:8080`;

/** The other protocols of payment-service's pods. */
export const wire = "payment-wire";
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
    ],
  },
};

/** Where the client and the pods of my-service say they are, v1 next to the client. */
const here = { "topology.istio.io/locality": "north.one" };
const there = { "istio-locality": "south.two" };
const mine = { app: "my-service", namespace: ns };

/** A server outside the mesh that speaks HTTPS alone on its Service's ports: 80 for everybody, 81 for clients with certificates. */
function vault({ server, authority }: Files): object[] {
  const env = { TLS_CERTIFICATE: server.certificate, TLS_KEY: server.key, TLS_CLIENT_CA: authority };
  const ports = [
    { name: "http", port: 80, targetPort: 9083 },
    { name: "http-mutual", port: 81, targetPort: 9084 },
  ];
  return [
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "vault", namespace: ns },
      spec: { selector: { app: "vault" }, ports },
    },
    ...deployment({ name: "vault", namespace: ns, labels: { "sidecar.istio.io/inject": "false" }, env }),
  ];
}

export async function startScene(): Promise<AsyncDisposable> {
  const mesh = await namespace(ns, { injected: true });
  // On /flaky, which nobody asks for but the test of outlier detection.
  const failing = { FLAKY_STATUS: "503" };
  const files = await makeFiles();
  const https = { TLS_CERTIFICATE: files.server.certificate, TLS_KEY: files.server.key };
  await apply(
    service(ns, host),
    service(ns, "order-service"),
    service(ns, "my-service", { name: "recommendation-service" }),
    service(ns, "api-gateway"),
    otherPorts,
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
