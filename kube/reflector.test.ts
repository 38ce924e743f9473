import { describe, expect, it } from "vitest";
import { createFakeClient } from "./client.fake.ts";
import type { WatchOptions } from "./client.ts";
import { createFakeClock } from "./clock.fake.ts";
import { ApiError, ConnectionError } from "./errors.ts";
import { createInformer } from "./informer.ts";
import { silentLog } from "./log.ts";
import { configMaps } from "./resources.ts";
import type { KubeObject, WatchEvent } from "./types.ts";

type Event = WatchEvent<KubeObject>;
const object = (name: string, version: number): KubeObject => ({
  metadata: {
    name,
    namespace: "ns",
    uid: `uid-${name}`,
    resourceVersion: String(version),
    managedFields: [{}],
  },
});
const added = (name: string, version: number): Event => ({ type: "ADDED", object: object(name, version) });
const modified = (name: string, version: number): Event => ({
  type: "MODIFIED",
  object: object(name, version),
});
const deleted = (name: string, version: number): Event => ({
  type: "DELETED",
  object: object(name, version),
});
const bookmark = (version: number, end = false): Event => ({
  type: "BOOKMARK",
  object: {
    metadata: {
      name: "",
      resourceVersion: String(version),
      ...(end ? { annotations: { "k8s.io/initial-events-end": "true" } } : {}),
    },
  },
});
const gone = () => new ApiError("WATCH", 410, { reason: "Expired", message: "too old resource version" });
const broken = () => new ConnectionError("WATCH", Object.assign(new Error("reset"), { code: "ECONNRESET" }));

/** What one watch yields: events, an error to throw, or "hang" until it is aborted; after the last it ends. */
type Script = readonly (Event | Error | "hang")[];

function stand(scripts: readonly Script[]) {
  const clock = createFakeClock();
  const client = createFakeClient();
  const watches: (WatchOptions & { at: number; aborted?: boolean })[] = [];
  const left = [...scripts];
  client.onWatch = async function* (_resource, options, signal) {
    const watch: (typeof watches)[number] = { ...options, at: clock.monotonic() };
    watches.push(watch);
    for (const step of left.shift() ?? ["hang" as const]) {
      if (step instanceof Error) throw step;
      if (step !== "hang") yield structuredClone(step) as never;
      else {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        watch.aborted = true;
        return;
      }
    }
  };
  const informer = createInformer<KubeObject>({
    client,
    resource: configMaps,
    clock,
    random: () => 0.5,
    log: silentLog,
  });
  const changes: string[] = [];
  informer.onChange(({ type, object: { metadata } }) =>
    changes.push(`${type} ${metadata.name}@${metadata.resourceVersion}`),
  );
  const stop = new AbortController();
  void informer.start(stop.signal);
  return { clock, client, watches, informer, changes, close: () => informer.close() };
}

describe("a reflector", () => {
  it("asks for a streamed list, is synced at its end, and follows the same stream", async () => {
    const { clock, watches, informer, changes, close } = stand([
      [added("a", 1), added("b", 2), bookmark(5, true), modified("a", 6), deleted("b", 7), "hang"],
    ]);
    await clock.advance(0);
    expect(watches).toMatchObject([{ sendInitialEvents: true, timeoutSeconds: 450 }]);
    expect(watches[0]).not.toHaveProperty("resourceVersion");
    expect(changes).toEqual(["add a@1", "add b@2", "update a@6", "delete b@7"]);
    expect(informer.hasSynced()).toBe(true);
    expect(informer.store.get("ns/a")?.metadata.managedFields).toBeUndefined();
    await close();
  });

  it("is not synced while the list still streams, and tells nothing of one that broke off", async () => {
    const { clock, watches, informer, changes, close } = stand([
      [added("a", 1), broken()],
      [added("b", 2), "hang"],
    ]);
    await clock.advance(60);
    expect(watches).toHaveLength(2);
    expect(watches[1]).toMatchObject({ sendInitialEvents: true });
    expect(changes).toEqual([]);
    expect(informer.hasSynced()).toBe(false);
    await close();
  });

  it("resumes a broken watch within 50 ms from the last version that it saw, a bookmark's included", async () => {
    const { clock, watches, changes, close } = stand([
      [added("a", 1), bookmark(3, true), bookmark(90), broken()],
      [modified("a", 95), "hang"],
    ]);
    await clock.advance(50);
    expect(watches[1]).toMatchObject({ resourceVersion: "90" });
    expect(changes).toEqual(["add a@1", "update a@95"]);
    await close();
  });

  it("reconnects at once after the server ended a watch as agreed", async () => {
    const { clock, watches, close } = stand([[bookmark(3, true)], ["hang"]]);
    await clock.advance(0);
    expect(watches.map(({ at }) => at)).toEqual([0, 0]);
    await close();
  });

  it("asks a server that is away at growing intervals of at most a second", async () => {
    const { clock, watches, close } = stand([
      [bookmark(3, true), broken()],
      ...Array<Script>(30).fill([broken()]),
    ]);
    await clock.advance(20_000);
    const gaps = watches.slice(1).map(({ at }, n) => at - (watches[n]?.at ?? 0));
    expect(gaps.slice(0, 7)).toEqual([50, 100, 200, 400, 800, 1000, 1000]);
    expect(Math.max(...gaps)).toBe(1000);
    await close();
  });

  it("asks a server that refuses with more patience, and as late as it says", async () => {
    const busy = () => new ApiError("WATCH", 429, { reason: "TooManyRequests" }, 7_000);
    const forbidden = () => new ApiError("WATCH", 403, { reason: "Forbidden" });
    const { clock, watches, close } = stand([
      [busy()],
      [forbidden()],
      ...Array<Script>(20).fill([forbidden()]),
    ]);
    await clock.advance(200_000);
    const gaps = watches.slice(1).map(({ at }, n) => at - (watches[n]?.at ?? 0));
    expect(gaps[0]).toBe(7_000);
    expect(Math.max(...gaps)).toBe(30_000);
    await close();
  });

  it.each([
    ["as the answer to the watch", [[bookmark(5, true)], [gone()]]],
    ["in the middle of a watch", [[bookmark(5, true), gone()]]],
  ] as const)("lists anew after 410 %s, and tells only what really changed", async (_where, scripts) => {
    const [first, ...rest] = scripts as readonly Script[];
    const relist: Script = [
      added("stays", 1),
      added("changed", 9),
      added("new", 8),
      bookmark(10, true),
      "hang",
    ];
    const before = [added("stays", 1), added("changed", 2), added("gone", 3), ...(first ?? [])];
    const { clock, watches, changes, close } = stand([before, ...rest, relist]);
    await clock.advance(200);
    expect(watches.at(-1)).toMatchObject({ sendInitialEvents: true });
    expect(changes.slice(3)).toEqual(["delete gone@3", "update changed@9", "add new@8"]);
    await close();
  });

  it("lists in pages where streaming lists is forbidden, and does not ask again", async () => {
    const forbidden = new ApiError("WATCH", 422, {
      reason: "Invalid",
      message: "sendInitialEvents is forbidden",
    });
    const { clock, client, watches, informer, close } = stand([[forbidden], [gone()], ["hang"]]);
    client.put(configMaps, object("a", 1));
    await clock.advance(200);
    expect(informer.store.size).toBe(1);
    expect(client.requests.filter((line) => line.startsWith("list"))).toHaveLength(2);
    expect(watches.map(({ sendInitialEvents }) => sendInitialEvents)).toEqual([true, undefined, undefined]);
    await close();
  });

  it("lists in pages where the end of a streamed list never comes, as on servers that ignore the parameter", async () => {
    const { clock, client, informer, close } = stand([[added("a", 1), "hang"], ["hang"]]);
    client.put(configMaps, object("b", 1));
    await clock.advance(10_100);
    expect(informer.hasSynced()).toBe(true);
    expect(informer.store.list().map(({ metadata }) => metadata.name)).toEqual(["b"]);
    await close();
  });

  it("takes three minutes of silence after a bookmark for a dead connection", async () => {
    const { clock, watches, close } = stand([[bookmark(3, true), bookmark(4), "hang"], ["hang"]]);
    await clock.advance(179_000);
    expect(watches).toHaveLength(1);
    await clock.advance(2_000);
    expect(watches).toMatchObject([{ aborted: true }, { resourceVersion: "4" }]);
    await close();
  });

  it("waits for the agreed end of a watch that sends no bookmarks, and not longer", async () => {
    const { clock, watches, close } = stand([[bookmark(3, true), "hang"], ["hang"]]);
    await clock.advance(459_000);
    expect(watches).toHaveLength(1);
    await clock.advance(2_000);
    expect(watches).toHaveLength(2);
    await close();
  });

  it("leaves no timer behind when it is closed", async () => {
    const { clock, close } = stand([[bookmark(3, true), "hang"]]);
    await clock.advance(0);
    await close();
    expect(clock.pending).toBe(0);
  });
});

describe("an informer", () => {
  it("tells nothing twice when a watch repeats what is known", async () => {
    const { clock, changes, close } = stand([
      [added("a", 1), bookmark(1, true), broken()],
      [added("a", 1), modified("a", 2), modified("a", 2), "hang"],
    ]);
    await clock.advance(100);
    expect(changes).toEqual(["add a@1", "update a@2"]);
    await close();
  });

  it("goes on when a handler throws", async () => {
    const { clock, informer, changes, close } = stand([
      [added("a", 1), bookmark(1, true), added("b", 2), "hang"],
    ]);
    informer.onChange(() => {
      throw new Error("a handler's own fault");
    });
    await clock.advance(0);
    expect(changes).toEqual(["add a@1", "add b@2"]);
    await close();
  });
});
