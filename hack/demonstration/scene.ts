import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { apply, deployment, kubectl, namespace, rollout, root, service } from "../../test/support/e2e.ts";

/** The demo's namespaces: `production`, so that the manifests of `examples/overview.yaml` apply as written. */
export const inside = "production";
export const outside = "outside";

/** storefront → order-service → payment-service v1 and v2 in the mesh; the same pair without a mesh, and an outsider. */
export async function setTheScene(): Promise<void> {
  await namespace(inside, { injected: true });
  await namespace(outside, { injected: false });
  await apply(
    ...["storefront", "order-service", "refund-service"].flatMap((name) => [
      service(inside, name),
      ...deployment({ name, namespace: inside }),
    ]),
    service(inside, "payment-service"),
    ...deployment({ name: "payment-v1", app: "payment-service", version: "v1", namespace: inside }),
    ...deployment({ name: "payment-v2", app: "payment-service", version: "v2", namespace: inside }),
    service(outside, "payment-service"),
    ...deployment({ name: "payment-service", namespace: outside }),
    ...deployment({ name: "outsider", namespace: outside }),
  );
  await Promise.all([
    rollout(inside, "storefront", "order-service", "refund-service", "payment-v1", "payment-v2"),
    rollout(outside, "payment-service", "outsider"),
  ]);
  await clear();
}

/** Removes what an earlier run of the demo applied, so that each run begins alike. */
export async function clear(): Promise<void> {
  await kubectl([
    "delete",
    "virtualservices,destinationrules,peerauthentications,authorizationpolicies",
    "--all",
    "-n",
    inside,
  ]);
}

/** A document of `examples/overview.yaml`, verbatim. */
export function example(kind: string, name: string): object {
  const text = readFileSync(join(root, "examples/overview.yaml"), "utf8");
  for (const document of parseAllDocuments(text)) {
    const object = document.toJS() as { kind: string; metadata: { name: string } };
    if (object.kind === kind && object.metadata.name === name) return object;
  }
  throw new Error(`examples/overview.yaml: found no ${kind} "${name}"`);
}
