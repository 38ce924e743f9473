import { describe, expect, it } from "vitest";
import { createFakeClient } from "../kube/client.fake.ts";
import { createFakeClock } from "../kube/clock.fake.ts";
import { ApiError, silentLog } from "../kube/index.ts";
import { discoverGroup, followGroup } from "./served.ts";

const group = "networking.istio.io";
const list = (...plurals: string[]) => ({
  resources: plurals.flatMap((name) => [
    { name, kind: name.toUpperCase(), namespaced: true },
    { name: `${name}/status`, kind: name.toUpperCase(), namespaced: true },
  ]),
});

function stand(bodies: Record<string, unknown>) {
  const client = createFakeClient();
  client.request = async (_method, path) => {
    const body = bodies[path];
    if (body instanceof Error) throw body;
    if (body === undefined) throw new ApiError(path, 404, { reason: "NotFound" });
    return { status: 200, body };
  };
  const clock = createFakeClock();
  const stop = new AbortController();
  const served: string[] = [];
  const follow = () =>
    followGroup({
      client,
      group,
      plurals: ["virtualservices", "destinationrules"],
      clock,
      log: silentLog,
      signal: stop.signal,
      onServed: ({ plural, version }) => served.push(`${plural}@${version}`),
    });
  return { client, clock, stop, served, follow, bodies };
}
const root = `/apis/${group}`;

describe("discovery", () => {
  it("takes each kind at the server's preferred version among those that have it", async () => {
    const { client } = stand({
      [root]: { versions: [{ version: "v1" }, { version: "v1beta1" }, { version: "v1alpha3" }] },
      [`${root}/v1`]: list("virtualservices"),
      [`${root}/v1beta1`]: list("virtualservices", "destinationrules"),
      [`${root}/v1alpha3`]: list("virtualservices", "destinationrules", "envoyfilters"),
    });
    const found = await discoverGroup(client, group);
    expect([...found.values()].map(({ plural, version }) => `${plural}@${version}`)).toEqual([
      "virtualservices@v1",
      "destinationrules@v1beta1",
      "envoyfilters@v1alpha3",
    ]);
  });

  it("goes on at once without kinds that are not there, and hands them over within a second of their coming", async () => {
    const { clock, served, follow, bodies, stop } = stand({});
    const first = follow();
    await clock.advance(0);
    await first;
    expect(served).toEqual([]);
    bodies[root] = { versions: [{ version: "v1beta1" }] };
    bodies[`${root}/v1beta1`] = list("virtualservices");
    await clock.advance(1000);
    expect(served).toEqual(["virtualservices@v1beta1"]);
    bodies[`${root}/v1beta1`] = list("virtualservices", "destinationrules");
    await clock.advance(5000);
    expect(served).toEqual(["virtualservices@v1beta1", "destinationrules@v1beta1"]);
    expect(clock.pending).toBe(0);
    stop.abort();
  });

  it("does not take a server that gives no answer for one that serves nothing", async () => {
    const { clock, follow, bodies, stop } = stand({ [root]: new ApiError(root, 503, {}) });
    let answered = false;
    void follow().then(() => {
      answered = true;
    });
    await clock.advance(5000);
    expect(answered).toBe(false);
    bodies[root] = { versions: [] };
    await clock.advance(1000);
    expect(answered).toBe(true);
    stop.abort();
    await clock.advance(1000);
    expect(clock.pending).toBe(0);
  });
});
