/** Whom rules are for (`exportTo`), and hosts that are no Service (`ServiceEntry`). */
import { afterAll, beforeAll, expect, it } from "vitest";
import { apply, ask, call, eventually, kubectl, namespace, podsIn } from "../../support/e2e.ts";
import { subsets } from "../../support/mesh.ts";
import { clearMesh, client, host, istio, ns, url } from "./scene.ts";

const elsewhere = "e2e-elsewhere";
const root = "istio-system";
const fqdn = `${host}.${ns}.svc.cluster.local`;

/** Of another namespace, about this one's service. */
const foreign = (exportTo: string[]) =>
  istio(
    "VirtualService",
    "foreign",
    { hosts: [fqdn], exportTo, http: [{ directResponse: { status: 418 } }] },
    elsewhere,
  );
const status = async (to = url) => (await ask(ns, client, to)).status;

const FAR = "240.240.0.1";
const far = (resolution: "STATIC" | "DNS", address: string) =>
  istio("ServiceEntry", "far", {
    hosts: ["far.example"],
    addresses: [FAR],
    ports: [{ number: 80, name: "http", protocol: "HTTP" }],
    location: "MESH_EXTERNAL",
    resolution,
    endpoints: [{ address, ports: { http: 8080 } }],
  });
const versions = async () => (await call(ns, client, `http://${FAR}/`, { count: 20 })).byVersion;

export function reachTests(): void {
  let other: AsyncDisposable | undefined;
  beforeAll(async () => {
    await clearMesh();
    other = await namespace(elsewhere, { injected: false });
  });
  afterAll(async () => {
    await kubectl(["delete", "serviceentries", "--all", "-n", ns, "--wait=false"]);
    await kubectl(["delete", "destinationrule", "foreign", "-n", root, "--ignore-not-found"]);
    await other?.[Symbol.asyncDispose]();
  });

  it("a VirtualService holds for the namespaces that it is exported to alone", async () => {
    await apply(foreign([ns]));
    await eventually("the rule in force", async () => (await status()) === 418);
    await apply(foreign(["."]));
    await eventually("no rule", async () => (await status()) === 200);
    await apply(foreign(["*"]));
    await eventually("the rule in force again", async () => (await status()) === 418);
    await kubectl(["delete", "virtualservice", "foreign", "-n", elsewhere]);
    await eventually("no rule at all", async () => (await status()) === 200);
  });

  it("a DestinationRule holds for the namespaces that it is exported to alone", async () => {
    const loadBalancer = { consistentHash: { useSourceIp: true } };
    // In the root namespace, whose rules are for all that they are exported to.
    const rule = (exportTo: string[]) =>
      istio("DestinationRule", "foreign", { host: fqdn, exportTo, trafficPolicy: { loadBalancer } }, root);
    const endpoints = async () => Object.keys((await call(ns, client, url, { count: 40 })).byVersion).length;
    await apply(rule([ns]));
    await eventually("the rule in force", async () => (await endpoints()) === 1);
    await apply(rule(["."]));
    await eventually("no rule", async () => (await endpoints()) === 2);
  });

  it("a DestinationRule with a workloadSelector holds for the clients that it selects alone", async () => {
    const swapped = istio("DestinationRule", "for-orders", {
      host,
      workloadSelector: { matchLabels: { app: "order-service" } },
      subsets: [{ name: "v1", labels: { version: "v2" } }],
    });
    const route = [{ destination: { host, subset: "v1" } }];
    await apply(subsets(ns), swapped, istio("VirtualService", host, { hosts: [host], http: [{ route }] }));
    const versions = async (from: string) =>
      Object.keys((await call(ns, from, `${url}/`, { count: 20 })).byVersion).join();
    await eventually("v2 for order-service", async () => (await versions(client)) === "v2");
    await eventually("v1 for others", async () => (await versions("deploy/payment-v2")) === "v1");
    await clearMesh();
  });

  it("a host outside the mesh is reached at its endpoints, and routed like any", async () => {
    const [pod] = await podsIn<{ status: { podIP: string } }>(ns, `app=${host},version=v2`);
    await apply(
      far("STATIC", pod?.status.podIP ?? ""),
      istio("VirtualService", "far", {
        hosts: ["far.example"],
        http: [
          { match: [{ uri: { prefix: "/closed" } }], directResponse: { status: 451 } },
          { route: [{ destination: { host: "far.example" } }] },
        ],
      }),
    );
    await eventually("v2 at the address", async () => (await versions()).v2 === 20);
    expect(await status(`http://${FAR}/closed`)).toBe(451);
  });

  it("a host outside the mesh is resolved by the proxy", async () => {
    await apply(far("DNS", `recommendation-service.${ns}.svc.cluster.local`));
    await eventually("the service that the name means", async () => {
      const { body } = await ask(ns, client, `http://${FAR}/`);
      return (JSON.parse(body) as { service: string }).service === "my-service";
    });
  });
}
