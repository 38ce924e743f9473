import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { FakeClock, settle } from "../clock.fake.ts";
import { FakeApi } from "./api.fake.ts";
import { ApiError } from "./api.ts";
import { startWatch, type Watch } from "./watch.ts";

interface Seen {
  readonly metadata: { readonly name: string; readonly labels: { readonly key: string } };
  readonly value: number;
}

const open: Watch[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((watch) => watch.close()));
});

function setup(keys: string[], api = new FakeApi()) {
  const clock = new FakeClock();
  /** What the handler has been told is there. */
  const state = new Map<string, number>();
  const log: string[] = [];
  let told = new Set<string>();
  let syncs = 0;
  const watch = startWatch({
    api,
    clock,
    path: "/things",
    selector: (some) => ({ keys: [...some].sort().join(",") }),
    keyOf: (object) => (object as Seen).metadata.labels.key,
    keys,
    random: () => 0.5,
    parse: (line) => JSON.parse(Buffer.from(line).toString()),
    handler: {
      begin: () => {
        told = new Set();
      },
      put(object) {
        const { metadata, value } = object as Seen;
        told.add(metadata.name);
        log.push(`${metadata.name}=${value}`);
        state.set(metadata.name, value);
      },
      deleted(object) {
        const { name } = (object as Seen).metadata;
        log.push(`-${name}`);
        state.delete(name);
      },
      synced() {
        syncs++;
        for (const name of state.keys()) if (!told.has(name)) state.delete(name);
      },
      flush: () => {},
      failed: (error) => log.push(`! ${error instanceof Error ? error.message : error}`),
    },
  });
  open.push(watch);
  return { api, clock, state, log, watch, syncs: () => syncs, sees: () => Object.fromEntries(state) };
}

describe("a watch", () => {
  it("tells the state, then each change", async () => {
    const { api, sees, syncs } = setup(["a"]);
    api.write("a", "one", 1);
    api.write("b", "two", 1);
    await settle();
    expect([sees(), syncs()]).toEqual([{ one: 1 }, 1]);
    api.write("a", "one", 2);
    api.write("a", "three", 1);
    await settle();
    api.delete("one");
    await settle();
    expect(sees()).toEqual({ three: 1 });
  });

  it("resumes after a break from what it was told last, bookmarks included", async () => {
    const { api, clock, sees, log } = setup(["a"]);
    api.write("a", "one", 1);
    await settle();
    api.write("b", "other", 1);
    api.bookmark();
    await settle();
    api.breakStreams();
    await settle();
    api.write("a", "one", 2);
    await clock.advance(100);
    expect(sees()).toEqual({ one: 2 });
    expect(log).toEqual(["one=1", "! connection reset", "one=2"]);
    expect(api.requests.at(-1)?.query).toMatchObject({ resourceVersion: "2" });
    expect(api.requests.at(-1)?.query).not.toHaveProperty("sendInitialEvents");
  });

  it("reconnects at once when the server ends a stream in its own time", async () => {
    const { api, log } = setup(["a"]);
    api.write("a", "one", 1);
    await settle();
    api.endStreams();
    await settle();
    expect([api.openStreams, log]).toEqual([1, ["one=1"]]);
  });

  it("begins anew on 410 and forgets what is gone", async () => {
    const { api, clock, sees, syncs } = setup(["a"]);
    api.write("a", "one", 1);
    api.write("a", "two", 1);
    await settle();
    api.breakStreams();
    api.delete("one");
    api.write("a", "two", 2);
    api.compact();
    await clock.advance(1_000);
    expect([sees(), syncs()]).toEqual([{ two: 2 }, 2]);
  });

  it("waits longer after each failure, and not at all after a success", async () => {
    const api = new FakeApi();
    api.failures = Array.from({ length: 4 }, () => new ApiError(503, "starting"));
    const { clock, log, sees } = setup(["a"], api);
    api.write("a", "one", 1);
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) waits.push(await clock.advanceToNext());
    expect(waits).toEqual([37.5, 75, 150, 300]);
    expect([log.filter((line) => line.startsWith("!")).length, sees()]).toEqual([4, { one: 1 }]);
  });

  it("takes a server without streaming lists", async () => {
    const api = new FakeApi();
    api.withoutWatchList = true;
    api.write("a", "one", 1);
    const { sees, syncs } = setup(["a"], api);
    await settle();
    api.write("a", "one", 2);
    await settle();
    expect([sees(), syncs()]).toEqual([{ one: 2 }, 1]);
    expect(api.requests.map(({ verb }) => verb)).toEqual(["watch", "list", "watch"]);
  });

  it("ends a stream that is silent for too long", async () => {
    const { api, clock, sees } = setup(["a"]);
    await settle();
    await clock.advance(99_000);
    api.bookmark();
    await clock.advance(99_000);
    expect(api.requests).toHaveLength(1);
    await clock.advance(2_000);
    expect(api.requests).toHaveLength(2);
    api.write("a", "one", 1);
    await settle();
    expect(sees()).toEqual({ one: 1 });
  });

  it("gives up on a request without an answer", async () => {
    const api = new FakeApi();
    api.gate = new Promise(() => {});
    const { clock } = setup(["a"], api);
    await clock.advance(15_000);
    // The fake never answers, abort or not; what counts is that the request was told to end.
    expect(api.requests).toHaveLength(1);
    open.length = 0;
  });

  it("leaves no stream or timer behind", async () => {
    const { api, clock, watch } = setup(["a"]);
    await settle();
    await watch.close();
    await settle();
    expect([api.openStreams, clock.pending]).toEqual([0, 0]);
  });
});

describe("a watch that grows", () => {
  it("tells the new key's objects after one list, and nothing twice", async () => {
    const { api, watch, log, sees } = setup(["a"]);
    api.write("a", "one", 1);
    api.write("b", "two", 1);
    await settle();
    watch.extend(["b"]);
    await settle();
    api.write("a", "one", 2);
    api.write("b", "two", 2);
    await settle();
    expect(sees()).toEqual({ one: 2, two: 2 });
    expect(log).toEqual(["one=1", "two=1", "one=2", "two=2"]);
    expect(api.requests.map(({ verb, query }) => `${verb} ${query.keys}`)).toEqual([
      "watch a",
      "list b",
      "watch a,b",
    ]);
    expect(api.openStreams).toBe(1);
  });

  it("asks for what is wanted together in one request, and for nothing that it has", async () => {
    const { api, watch } = setup(["a"]);
    await settle();
    watch.extend(["a"]);
    watch.extend(["b"]);
    watch.extend(["c", "d"]);
    await settle();
    expect(api.requests.map(({ verb, query }) => `${verb} ${query.keys}`)).toEqual([
      "watch a",
      "list b",
      "watch a,b",
      "list c,d",
      "watch a,b,c,d",
    ]);
  });

  it("goes on with the old stream while the new one cannot be opened", async () => {
    const { api, clock, watch, sees } = setup(["a"]);
    await settle();
    api.failures = [new Error("refused"), new Error("refused")];
    watch.extend(["b"]);
    api.write("b", "two", 1);
    await settle();
    api.write("a", "one", 1);
    await settle();
    expect(sees()).toEqual({ one: 1 });
    await clock.advance(1_000);
    expect(sees()).toEqual({ one: 1, two: 1 });
  });

  it("loses no event and tells none twice, whatever is written, breaks and fails meanwhile", async () => {
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.record({ do: fc.constant("write" as const), object: fc.nat(5) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("delete" as const), object: fc.nat(5) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("extend" as const), object: fc.nat(5) }) },
      {
        weight: 3,
        arbitrary: fc.record({
          do: fc.constantFrom(
            "settle" as const,
            "tick" as const,
            "break" as const,
            "end" as const,
            "bookmark" as const,
            "fail" as const,
            "compact" as const,
          ),
        }),
      },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 50, size: "max" }),
        fc.nat(2),
        fc.nat(2),
        async (steps, before, after) => {
          const { api, clock, watch, log, sees } = setup(["key-0"]);
          const wanted = new Set(["key-0"]);
          api.latency = { before, after };
          let value = 0;
          for (const each of steps) {
            switch (each.do) {
              case "write":
                api.write(`key-${each.object}`, `object-${each.object}`, ++value);
                break;
              case "delete":
                api.delete(`object-${each.object}`);
                break;
              case "extend":
                wanted.add(`key-${each.object}`);
                watch.extend([`key-${each.object}`]);
                break;
              case "settle":
                await settle();
                break;
              case "tick":
                // Half-way through requests.
                await new Promise((done) => setImmediate(done));
                break;
              case "break":
                api.breakStreams();
                break;
              case "end":
                api.endStreams();
                break;
              case "bookmark":
                api.bookmark();
                break;
              case "fail":
                api.failures.push(new Error("refused"));
                break;
              case "compact":
                api.compact();
                break;
            }
          }
          for (let i = 0; i < 60; i++) await clock.advance(1_000);
          const expected = [...api.objects.values()].filter(({ metadata }) =>
            wanted.has(metadata.labels.key),
          );
          expect(sees()).toEqual(
            Object.fromEntries(expected.map((object) => [object.metadata.name, object.value])),
          );
          // Values only grow; a state told anew may repeat the last one, and nothing goes back.
          for (let i = 0; i < 6; i++) {
            const values = log
              .filter((line) => line.startsWith(`object-${i}=`))
              .map((line) => Number(line.split("=")[1]));
            expect(values).toEqual(values.toSorted((x, y) => x - y));
          }
          await watch.close();
        },
      ),
      { numRuns: 300 },
    );
  });
});
