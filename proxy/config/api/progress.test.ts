import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Progress } from "./progress.ts";

const keys = (...names: string[]) => new Set(names);

describe("progress", () => {
  it("resumes from the oldest version that any key was told", () => {
    const progress = new Progress();
    expect(progress.resumeFrom).toBeUndefined();
    progress.restart(10);
    progress.list("new", 15);
    expect(progress.resumeFrom).toBe(10);
    // The old stream, which does not tell of the new key, goes on.
    progress.advance(keys("old"), 20);
    expect(progress.resumeFrom).toBe(15);
    expect([progress.isNews("old", 18), progress.isNews("new", 15), progress.isNews("new", 18)]).toEqual([
      false,
      false,
      true,
    ]);
    // The new stream begins at 15 and tells of both.
    progress.advance(keys("old", "new"), 18);
    expect([progress.resumeFrom, progress.isNews("new", 18), progress.isNews("old", 20)]).toEqual([
      18,
      false,
      false,
    ]);
    progress.advance(keys("old", "new"), 21);
    expect([progress.resumeFrom, progress.isNews("new", 21)]).toEqual([21, false]);
  });

  it("tells each event exactly once, whatever the order of lists, streams and breaks", () => {
    const steps = fc.array(
      fc.oneof(
        fc.constant("write"),
        fc.constant("list"),
        fc.constant("switch"),
        fc.constant("break"),
        fc.nat(3),
      ),
      { maxLength: 40, size: "max" },
    );
    fc.assert(
      fc.property(steps, fc.array(fc.nat(3), { minLength: 60, maxLength: 60 }), (script, owners) => {
        const names = ["a", "b", "c", "d"];
        const written: { key: string; version: number }[] = [];
        const told = new Map<string, number[]>(names.map((name) => [name, []]));
        const progress = new Progress();
        const subscribed = new Set(["a"]);
        let wanted = 1;
        progress.restart(0);
        let stream = { keys: new Set(subscribed), at: 0 };
        const state = new Map(names.map((name) => [name, 0]));
        const read = (count: number) => {
          for (; count > 0; count--) {
            const next = written.find(({ key, version }) => version > stream.at && stream.keys.has(key));
            if (next === undefined) return;
            stream.at = next.version;
            const news = progress.isNews(next.key, next.version);
            progress.advance(stream.keys, next.version);
            if (!news) continue;
            told.get(next.key)?.push(next.version);
            state.set(next.key, next.version);
          }
        };
        const open = () => {
          stream = { keys: new Set(subscribed), at: progress.resumeFrom ?? 0 };
        };
        for (const step of script) {
          if (step === "write")
            written.push({ key: names[owners[written.length] ?? 0] ?? "a", version: written.length + 1 });
          else if (step === "list" && wanted < names.length) {
            const key = names[wanted++] ?? "a";
            subscribed.add(key);
            progress.list(key, written.length);
            state.set(key, written.findLast((event) => event.key === key)?.version ?? 0);
          } else if (step === "switch" || step === "break") open();
          else if (typeof step === "number") read(step);
        }
        open();
        read(1_000);
        for (const key of subscribed) {
          const versions = told.get(key) ?? [];
          expect(versions).toEqual([...new Set(versions)].sort((x, y) => x - y));
          expect(state.get(key)).toBe(written.findLast((event) => event.key === key)?.version ?? 0);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
