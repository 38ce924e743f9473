import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDurationMs } from "./duration.ts";
import { canonicalJson, shortHash, stamp } from "./hash.ts";
import { byAge } from "./order.ts";

describe("a duration", () => {
  const cases: { text: string | undefined; ms: number | undefined }[] = [
    { text: "1s", ms: 1000 },
    { text: "1.5s", ms: 1500 },
    { text: "100ms", ms: 100 },
    { text: "1h30m", ms: 5_400_000 },
    { text: "0.1s", ms: 100 },
    { text: ".5s", ms: 500 },
    { text: "0s", ms: 0 },
    { text: "0", ms: 0 },
    { text: "1500us", ms: 2 },
    { text: "1µs", ms: 1 },
    { text: undefined, ms: undefined },
    { text: "", ms: undefined },
    { text: "10", ms: undefined },
    { text: "1s ", ms: undefined },
    { text: "-1s", ms: undefined },
    { text: "1d", ms: undefined },
  ];
  it.each(cases)("$text is $ms milliseconds", ({ text, ms }) => {
    expect(parseDurationMs(text)).toBe(ms);
  });
});

describe("the canonical form", () => {
  it("does not depend on the order in which members were put in", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (members) => {
        const reversed = Object.fromEntries(Object.entries(members).reverse());
        expect(canonicalJson(reversed)).toBe(canonicalJson(members));
      }),
    );
  });

  it("reads back as the same value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it("leaves absent members out, and keeps the order of lists", () => {
    expect(canonicalJson({ b: [2, 1], a: undefined })).toBe('{"b":[2,1]}');
  });

  it("hashes to 16 hex digits of the SHA-256", () => {
    expect(shortHash("default/payment")).toMatch(/^[0-9a-f]{16}$/);
    expect(shortHash("")).toBe("e3b0c44298fc1c14");
  });

  it("stamps a status by revision, generations and content", () => {
    const one = stamp("default", ["VirtualService/default/a@1"], { index: { namespace: "x" } });
    const two = stamp("default", ["VirtualService/default/a@2"], { index: { namespace: "x" } });
    const three = stamp("canary", ["VirtualService/default/a@1"], { index: { namespace: "x" } });
    expect(new Set([one.hash, two.hash, three.hash]).size).toBe(3);
    expect(stamp("default", ["VirtualService/default/a@1"], { index: { namespace: "x" } })).toEqual(one);
  });
});

describe("the order between resources", () => {
  const of = (name: string, namespace: string, creationTimestamp?: string) => ({
    metadata: { name, namespace, ...(creationTimestamp && { creationTimestamp }) },
  });
  it("is by age, then name, then namespace", () => {
    const [a, b, c, d] = [
      of("z", "z", "2026-01-01T00:00:00Z"),
      of("a", "z", "2026-01-02T00:00:00Z"),
      of("b", "a", "2026-01-02T00:00:00Z"),
      of("b", "b", "2026-01-02T00:00:00Z"),
    ];
    expect([d, c, b, a].sort(byAge)).toEqual([a, b, c, d]);
  });
});
