import { describe, expect, it } from "vitest";
import { createFakeClient } from "./client.fake.ts";
import { createFakeClock } from "./clock.fake.ts";
import { createRecorder } from "./recorder.ts";
import { events } from "./resources.ts";

const regarding = {
  apiVersion: "mesh.weft.dev/v1alpha1",
  kind: "MeshInstallation",
  metadata: { name: "mesh", uid: "u1" },
};
const input = {
  regarding,
  type: "Warning",
  reason: "Failed",
  message: "It failed",
  action: "Reconcile",
} as const;

function stand() {
  const client = createFakeClient();
  const clock = createFakeClock();
  const recorder = createRecorder({ client, clock, component: "weft.dev/test", instance: "pod-1" });
  const found = async () => {
    await recorder.flush();
    return (await client.list(events)).items;
  };
  return { client, clock, recorder, found };
}

describe("the recorder", () => {
  it("writes what happened to what, when and who says so; a cluster-scoped object's events go to default", async () => {
    const { recorder, found } = stand();
    recorder.event(input);
    expect(await found()).toMatchObject([
      {
        metadata: { namespace: "default" },
        eventTime: "2026-01-01T00:00:00.000000Z",
        reportingController: "weft.dev/test",
        reportingInstance: "pod-1",
        type: "Warning",
        reason: "Failed",
        action: "Reconcile",
        note: "It failed",
        regarding: { kind: "MeshInstallation", name: "mesh", uid: "u1" },
      },
    ]);
  });

  it("counts repetitions in a series, written at once and then every 30 s at most", async () => {
    const { client, clock, recorder, found } = stand();
    for (let n = 0; n < 120; n++) {
      recorder.event(input);
      await clock.advance(1000);
    }
    const all = await found();
    expect(all).toHaveLength(1);
    expect(all[0]).toMatchObject({ series: { count: 92 } });
    expect(client.requests.filter((line) => line.startsWith("patch"))).toHaveLength(4);
  });

  it("begins a new event when the last one is long ago", async () => {
    const { clock, recorder, found } = stand();
    recorder.event(input);
    await clock.advance(6 * 60_000 + 1);
    recorder.event(input);
    expect(await found()).toHaveLength(2);
  });

  it("cuts a flood of different events, and lets later ones through again", async () => {
    const { clock, recorder, found } = stand();
    for (let n = 0; n < 1000; n++) recorder.event({ ...input, message: `failure ${n}` });
    expect(await found()).toHaveLength(25);
    await clock.advance(1000);
    recorder.event({ ...input, message: "later" });
    expect(await found()).toHaveLength(26);
  });

  it("shortens a long message, and shrugs when the API server refuses", async () => {
    const { client, recorder, found } = stand();
    recorder.event({ ...input, message: "x".repeat(5000) });
    expect(String((await found())[0]?.note)).toHaveLength(1024);
    client.failNext(/create/, new Error("refused"));
    recorder.event({ ...input, message: "lost" });
    expect(await found()).toHaveLength(1);
  });
});
