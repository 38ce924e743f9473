/** What the traffic tests share: two services in two versions each, and a client, all with sidecars. */
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

export const ns = "e2e-traffic";
export const client = "deploy/order-service";
export const host = "payment-service";
export const url = `http://${host}:8080`;

export async function startScene(): Promise<AsyncDisposable> {
  const mesh = await namespace(ns, { injected: true });
  // On /flaky, which nobody asks for but the test of outlier detection.
  const failing = { FLAKY_STATUS: "503" };
  await apply(
    service(ns, host),
    service(ns, "order-service"),
    service(ns, "my-service", { name: "recommendation-service" }),
    ...deployment({ name: "payment-v1", app: host, version: "v1", namespace: ns }),
    ...deployment({ name: "payment-v2", app: host, version: "v2", namespace: ns, env: failing }),
    ...deployment({ name: "mine-v1", app: "my-service", version: "v1", namespace: ns }),
    ...deployment({ name: "mine-v2", app: "my-service", version: "v2", namespace: ns }),
    ...deployment({ name: "order-service", namespace: ns }),
  );
  await applyOverview(ns, "Service", "my-service");
  await rollout(ns, "payment-v1", "payment-v2", "mine-v1", "mine-v2", "order-service");
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
