/** Balancing by where client and endpoints are: v1 of my-service next to the client, v2 in another region. */
import { beforeAll, expect, it } from "vitest";
import { apply, call, eventually } from "../../support/e2e.ts";
import { clearMesh, client, inForce, ns } from "./scene.ts";

const url = "http://my-service:8080";
const rule = (trafficPolicy: object) => ({
  apiVersion: "networking.istio.io/v1",
  kind: "DestinationRule",
  metadata: { name: "my-service", namespace: ns },
  spec: { host: "my-service", trafficPolicy },
});

export function placementTests(): void {
  beforeAll(clearMesh);

  it("shares traffic out between regions as `distribute` says", async () => {
    const distribute = [{ from: "north/one", to: { "north/one": 20, "south/two": 80 } }];
    await apply(rule({ loadBalancer: { localityLbSetting: { distribute } } }));
    const { byVersion } = await eventually("a fifth here, the rest there", async () => {
      const summary = await call(ns, client, url, { count: 500, concurrency: 4 });
      return (summary.byVersion.v1 ?? 0) < 160 && summary;
    });
    // Binomial(500, 0.2): mean 100, standard deviation 9.
    expect(byVersion.v1 ?? 0).toBeGreaterThan(100 - 45);
  });

  it("stays in the client's region, and leaves it when the endpoints there are set aside", async () => {
    await apply(
      rule({
        outlierDetection: { consecutive5xxErrors: 3, baseEjectionTime: "60s", maxEjectionPercent: 100 },
        loadBalancer: { localityLbSetting: { enabled: true } },
      }),
    );
    await inForce(url, "v1");
    await call(ns, client, `${url}/flaky`, { count: 10 });
    await inForce(url, "v2");
  });
}
