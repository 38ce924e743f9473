import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type FakeEndpoint, fakeEndpoint, fakeEndpoints, seeded } from "./candidate.fake.ts";
import { hashString } from "./hash.ts";
import { Hashed } from "./hashed.ts";

const keys = Array.from({ length: 4_000 }, (_, i) => hashString(`user-${i}`));

function owners(
  algorithm: "RING_HASH" | "MAGLEV",
  all: readonly FakeEndpoint[],
  former?: Hashed<FakeEndpoint>,
) {
  const policy = { algorithm, size: algorithm === "MAGLEV" ? 65_537 : 1024 };
  const hashed = new Hashed<FakeEndpoint>(policy, seeded(1), former);
  const pick = hashed.algorithm(all, all);
  return { hashed, of: keys.map((key) => pick(0, undefined, key)?.name ?? "none") };
}

describe.each(["RING_HASH", "MAGLEV"] as const)("%s", (algorithm) => {
  const pickerOf = (all: readonly FakeEndpoint[], usable = all, size = 1024) =>
    new Hashed<FakeEndpoint>({ algorithm, size }, seeded(1)).algorithm(all, usable);

  it("keeps a key on its endpoint, in whatever order the endpoints come", () => {
    const all = fakeEndpoints(20);
    expect(owners(algorithm, all.toReversed()).of).toEqual(owners(algorithm, all).of);
  });

  it("sends requests without a key anywhere", () => {
    const pick = pickerOf(fakeEndpoints(4));
    const names = new Set(Array.from({ length: 200 }, () => pick(0)?.name));
    expect(names.size).toBe(4);
  });

  it("has nothing to pick from no endpoints", () => {
    expect(pickerOf([])(0, undefined, 1)).toBeUndefined();
  });

  it("moves about one key in N when an endpoint comes or goes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 4, max: 40 }), fc.nat(1000), (size, seed) => {
        const all = Array.from({ length: size }, (_, i) => fakeEndpoint(`10.${seed % 250}.0.${i}`));
        const before = owners(algorithm, all).of;
        const after = owners(algorithm, [...all, fakeEndpoint(`10.9.9.${seed % 250}`)]).of;
        const moved = before.filter((owner, i) => owner !== after[i]).length / keys.length;
        expect(moved).toBeGreaterThan(0);
        expect(moved).toBeLessThan(2.5 / (size + 1));
      }),
      { numRuns: 15 },
    );
  });

  it("gives endpoints about their weights' share of the keys", () => {
    const all = [1, 2, 4, 1].map((weight, i) => fakeEndpoint(`10.0.0.${i}`, { weight }));
    const { of } = owners(algorithm, all);
    for (const { name, weight } of all) {
      const share = of.filter((owner) => owner === name).length / keys.length;
      expect(share).toBeGreaterThan((weight / 8) * 0.75);
      expect(share).toBeLessThan((weight / 8) * 1.25);
    }
  });

  it("walks past who is set aside or was tried, always to the same next one, and moves no other key", () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 30 }), fc.nat(29), (size, which) => {
        const all = fakeEndpoints(size);
        const out = all[which % size] as FakeEndpoint;
        const healthy = pickerOf(all);
        const before = keys.slice(0, 500).map((key) => healthy(0, undefined, key));
        const tried = keys.slice(0, 500).map((key) => healthy(0, [out], key));
        out.ejected = true;
        const pick = pickerOf(
          all,
          all.filter((each) => each !== out),
        );
        for (const [i, key] of keys.slice(0, 500).entries()) {
          const now = pick(0, undefined, key);
          expect(now).not.toBe(out);
          expect(now).toBe(before[i] === out ? tried[i] : before[i]);
        }
      }),
      { numRuns: 20 },
    );
  });

  it("uses ejected endpoints when it is given all, as in a panic", () => {
    const all = fakeEndpoints(3, { ejected: true });
    expect(pickerOf(all)(0, undefined, keys[0])).toBeDefined();
  });

  it("picks one that was tried when there is no other", () => {
    const all = fakeEndpoints(2);
    expect(all).toContain(pickerOf(all)(0, all, keys[0]));
  });

  it("serves everybody from a table that the policy makes too small", () => {
    const all = fakeEndpoints(50);
    const pick = pickerOf(all, all, 1);
    const names = new Set(keys.map((key) => pick(0, undefined, key)?.name));
    expect(names.size).toBe(50);
  });
});

describe("a ring", () => {
  it("moves keys only to an endpoint that comes, and only from one that goes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 200 }), fc.nat(199), (size, which) => {
        const all = fakeEndpoints(size);
        const before = owners("RING_HASH", all).of;
        const more = owners("RING_HASH", [...all, fakeEndpoint("new")]).of;
        for (const [i, owner] of more.entries()) if (owner !== before[i]) expect(owner).toBe("new");
        const gone = all[which % size];
        const fewer = owners(
          "RING_HASH",
          all.filter((each) => each !== gone),
        ).of;
        for (const [i, owner] of fewer.entries()) if (owner !== before[i]) expect(before[i]).toBe(gone?.name);
      }),
      { numRuns: 15 },
    );
  });

  it("is the same whether it is made anew or from the one before", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.uniqueArray(fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 3 })), {
            minLength: 1,
            maxLength: 40,
            selector: ([id]) => id,
          }),
          { minLength: 2, maxLength: 6 },
        ),
        (generations) => {
          let former: Hashed<FakeEndpoint> | undefined;
          for (const generation of generations) {
            const all = generation.map(([id, weight]) => fakeEndpoint(`10.0.0.${id}`, { weight }));
            const changed = owners("RING_HASH", all, former);
            expect(changed.of).toEqual(owners("RING_HASH", all).of);
            former = changed.hashed;
          }
        },
      ),
      { numRuns: 20 },
    );
  });
});

describe("Maglev", () => {
  it("fills shares that differ by a few per cent at most", () => {
    const all = fakeEndpoints(100);
    const pick = new Hashed<FakeEndpoint>({ algorithm: "MAGLEV", size: 65_537 }, seeded(1)).algorithm(
      all,
      all,
    );
    const counts = new Map<string, number>();
    for (let slot = 0; slot < 65_537; slot++) {
      const name = pick(0, undefined, slot)?.name ?? "";
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    expect(counts.size).toBe(100);
    // The paper's table of a hundred times the endpoints promises 1.01; this one has six times as many.
    const shares = [...counts.values()];
    expect(Math.max(...shares) / Math.min(...shares)).toBeLessThan(1.02);
  });
});

describe("the hash", () => {
  it("uses all 32 bits of similar keys evenly", () => {
    const buckets = new Uint32Array(64);
    for (let i = 0; i < 64_000; i++) {
      const at = hashString(`session-${i}`) >>> 26;
      buckets[at] = (buckets[at] ?? 0) + 1;
    }
    expect(Math.max(...buckets)).toBeLessThan(1_250);
    expect(Math.min(...buckets)).toBeGreaterThan(750);
  });

  it("tells texts apart", () => {
    const texts = ["", "a", "b", "ab", "ba", "a\0", "\0a", "aa", "aaa", "aaaa", "ü", "user=1", "user=2"];
    expect(new Set(texts.map((text) => hashString(text))).size).toBe(texts.length);
    expect(hashString("a", 1)).not.toBe(hashString("a"));
  });
});
