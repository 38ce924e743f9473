/** Balancing by where endpoints are, and since when: v1 of my-service next to the client, v2 in another region. */
import { beforeAll, expect, it } from "vitest";
import { apply, call, eventually, kubectl, rollout } from "../../support/e2e.ts";
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

  it("gives an endpoint that has just come a small share at first", async () => {
    await apply(
      rule({
        loadBalancer: {
          simple: "ROUND_ROBIN",
          warmup: { duration: "900s", minimumPercent: 5, aggression: 1 },
        },
      }),
    );
    await eventually("both in turn", async () => {
      const { byVersion } = await call(ns, client, url, { count: 100 });
      return (byVersion.v1 ?? 0) > 20 && (byVersion.v2 ?? 0) > 20;
    });
    await kubectl(["rollout", "restart", "deployment/mine-v2", "-n", ns]);
    await rollout(ns, "mine-v2");
    await eventually("a small share", async () => {
      const { ok, byVersion } = await call(ns, client, url, { count: 300, concurrency: 4 });
      const { v2 = 0 } = byVersion;
      // 5 per cent of a full share, and a twentieth more after 45 seconds.
      return ok === 300 && v2 > 0 && v2 < 75;
    });
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
