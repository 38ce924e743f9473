/** Balancing by where endpoints are, and since when: v1 of my-service next to the client, v2 in another region. */
import { afterAll, beforeEach, expect, it } from "vitest";
import { apply, call, deployment, eventually, kubectl, podsIn, rollout } from "../../support/e2e.ts";
import { podOf } from "./network.ts";
import { applyWays, clearMesh, client, host, inForce, inTurns, istio, ns, type Way } from "./scene.ts";

const url = "http://my-service:8080";
const rule = (trafficPolicy: object, name = "my-service") =>
  istio("DestinationRule", name, { host: name, trafficPolicy });

const byZones = (zoneAwareLbSetting: object): Way => ({
  policy: { loadBalancer: { ...inTurns, zoneAwareLbSetting } },
});

/** Hosts whose endpoints are pods, and their places what is said here. */
const spread = "240.240.0.5";
const near = "240.240.0.6";
const zones = "240.240.0.7";
const placed = (name: string, address: string, endpoints: readonly object[]) =>
  istio("ServiceEntry", name, {
    hosts: [`${name}.example`],
    addresses: [address],
    ports: [{ number: 8080, name: "http", protocol: "HTTP" }],
    resolution: "STATIC",
    endpoints,
  });

export function placementTests(): void {
  beforeEach(clearMesh);
  afterAll(() => kubectl(["delete", "serviceentries", "--all", "-n", ns, "--wait=false"]));

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

  it("gives an endpoint that has just come a share that grows, as `warmup` says", async () => {
    const warming = (more: object, loadBalancer: object = {}): Way => ({
      policy: {
        loadBalancer: { simple: "ROUND_ROBIN", warmup: { duration: "900s", ...more }, ...loadBalancer },
      },
    });
    // The share of those that are new in a full one's: soon after, 0.05, 0.1, 0.4 and, as the eighth root grows, about a half.
    const ways = {
      small: warming({ minimumPercent: 5, aggression: 1 }),
      formerly: warming({}, { warmup: undefined, warmupDurationSecs: "900s" }),
      large: warming({ minimumPercent: 40 }),
      eager: warming({ minimumPercent: 5, aggression: 8 }),
    };
    await applyWays("my-service", ways);
    const shares = async (count: number) => {
      const summaries = await Promise.all(
        Object.keys(ways).map((way) => call(ns, client, `${url}/${way}/`, { count, concurrency: 2 })),
      );
      return summaries.map(({ byVersion: { v1 = 0, v2 = 0 } }) => v2 / (v1 + v2));
    };
    await eventually("both in turn", async () => (await shares(40)).every((share) => share === 0.5));
    await kubectl(["rollout", "restart", "deployment/mine-v2", "-n", ns]);
    await rollout(ns, "mine-v2");
    // While the one that goes is called, the share is half or more.
    await eventually("the new one alone", async () =>
      (await shares(300)).every((share) => share > 0 && share < 0.5),
    );
    const [small, formerly, large, eager] = (await shares(300)) as [number, number, number, number];
    // Half a minute later each is larger by a thirtieth.
    expect(small).toBeLessThan(0.09);
    expect(formerly).toBeGreaterThan(0.08);
    expect(formerly).toBeLessThan(0.13);
    expect(large).toBeGreaterThan(0.25);
    expect(large).toBeLessThan(0.33);
    expect(eager).toBeGreaterThan(0.25);
    expect(eager).toBeLessThan(0.45);
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
  it("leaves the client's region, where nobody is, for the one that `failover` says", async () => {
    const [one, two] = await Promise.all(
      ["v1", "v2"].map((version) => podOf(`app=${host},version=${version}`)),
    );
    await apply(
      placed("spread", spread, [
        { address: one?.address, locality: "east/one", labels: { tier: "gold" } },
        { address: two?.address, locality: "south/two" },
      ]),
    );
    const to = (region: string): Way => ({
      policy: {
        outlierDetection: {},
        loadBalancer: { localityLbSetting: { failover: [{ from: "north", to: region }] } },
      },
    });
    // Regions come in order where zones are balanced, too, and labels before them.
    const failover = [{ from: "north", to: "south" }];
    const ways = {
      east: to("east"),
      south: to("south"),
      zones: byZones({ failover }),
      labels: byZones({ failover, failoverPriority: ["tier=gold"] }),
    };
    await applyWays("spread.example", ways, { address: spread });
    const served = async (way: string) =>
      (await call(ns, client, `http://${spread}:8080/${way}/`, { count: 40 })).byVersion;
    expect(await Promise.all(Object.keys(ways).map(served))).toEqual([
      { v1: 40 },
      { v2: 40 },
      { v2: 40 },
      { v1: 40 },
    ]);
  });

  it("keeps to the client's zone while its endpoints' share is that of its clients, with `zoneAwareLbSetting`", async () => {
    const locality = "topology.istio.io/locality";
    await apply(
      ...deployment({ name: "zoned", namespace: ns, replicas: 2, labels: { [locality]: "north.one" } }),
    );
    const [here, there, away] = await Promise.all([
      podOf(`app=${host},version=v1`),
      podOf("app=my-service,version=v1"),
      podOf(`app=${host},version=v2`),
    ]);
    await apply(
      placed("zones", zones, [
        { address: here.address, locality: "north/one" },
        { address: there.address, locality: "north/one" },
        { address: away.address, locality: "north/two" },
      ]),
    );
    await applyWays(
      "zones.example",
      {
        kept: byZones({ enabled: true, minClusterSize: 3 }),
        // Six are wanted.
        few: byZones({ enabled: true }),
        without: byZones({ enabled: false, minClusterSize: 3 }),
      },
      { address: zones },
    );
    await rollout(ns, "zoned");
    const pods = await podsIn<{ metadata: { name: string } }>(ns, "app=zoned");
    const [near, far] = pods.map(({ metadata }) => metadata.name);
    await kubectl(["label", "pod", far ?? "", "-n", ns, "--overwrite", `${locality}=north.two`]);
    const left = async (way: string) =>
      (await call(ns, `pod/${near}`, `http://${zones}:8080/${way}/`, { count: 60 })).byVersion.v2 ?? 0;
    await eventually("all kept", async () => (await left("kept")) === 0);
    // A third of 60, in turn.
    expect(await left("few")).toBe(20);
    expect(await left("without")).toBe(20);
    await kubectl(["delete", "deployment", "zoned", "-n", ns, "--wait=false"]);
  });

  it("tries again in another region first with retryRemoteLocalities, at one endpoint again without retryIgnorePreviousHosts", async () => {
    const [flaky, flakyToo, good] = await Promise.all([
      podOf(`app=${host},version=v2`),
      podOf("app=my-service,version=v1"),
      podOf(`app=${host},version=v1`),
    ]);
    await apply(
      placed("near", near, [
        { address: flaky.address, locality: "north/one" },
        { address: flakyToo.address, locality: "north/one" },
        { address: good.address, locality: "south/two" },
      ]),
    );
    const outlierDetection = { consecutive5xxErrors: 0 };
    const retrying = (more: object, attempts: number): Way => ({
      policy: { outlierDetection },
      route: { retries: { attempts, retryOn: "5xx", ...more } },
    });
    await applyWays(
      "near.example",
      {
        local: retrying({}, 1),
        remote: retrying({ retryRemoteLocalities: true }, 1),
        others: retrying({}, 2),
        same: retrying({ retryIgnorePreviousHosts: false }, 2),
      },
      { address: near },
    );
    const failed = async (way: string) =>
      (await call(ns, client, `http://${near}:8080/${way}/flaky`, { count: 10 })).byStatus;
    expect(await Promise.all(["local", "remote", "others", "same"].map(failed))).toEqual([
      { "503": 10 },
      { "200": 10 },
      { "200": 10 },
      { "503": 10 },
    ]);
  });
}
