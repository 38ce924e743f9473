import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { entry } from "../testdata.ts";
import { PackedList } from "./packed-list.ts";
import { RawList } from "./raw-json.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** As the API server prints an object. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, each]) => [name, sorted(each)]),
  );
}

const services = Array.from({ length: 200 }, (_, i) =>
  entry("shop", `service-${i}`, {
    addresses: i % 3 === 0 ? [] : [`198.18.0.${i}`],
    ports: [
      { port: 80, protocol: i % 2 === 0 ? "http" : "grpc", ...(i % 5 === 0 ? {} : { name: "http-web" }) },
      ...(i % 7 === 0 ? [{ port: 5432, protocol: "tcp" as const, name: "db" }] : []),
    ],
    ...(i % 11 === 0 ? { headless: true, exportTo: ["*"] } : {}),
    ...(i % 13 === 0 ? { hosts: [`http-${i}.example.com`] } : {}),
  }),
);

describe("a packed list", () => {
  it("gives back every element and the whole, whatever they are", () => {
    const pieces = ["http", '","name":"', '"}]}', "]", "\\", '"', "é", "\u0001", "\n", "x"];
    const text = fc.array(fc.constantFrom(...pieces)).map((parts) => parts.join(""));
    const item = fc.oneof(fc.jsonValue(), fc.dictionary(text, fc.oneof(text, fc.array(text))));
    fc.assert(
      fc.property(fc.array(item), fc.constantFrom(0, 2), (items, spaces) => {
        const list = PackedList.of(new RawList(bytes(JSON.stringify(items, undefined, spaces))));
        const expected: unknown = JSON.parse(JSON.stringify(items));
        const elements: unknown[] = [];
        list.each((at, each) => {
          const element = list.element(at);
          elements.push(JSON.parse(element));
          expect(each.subarray(0, bytes(element).length)).toEqual(bytes(element));
        });
        expect(elements).toEqual(expected);
        expect(JSON.parse(list.toString())).toEqual(expected);
      }),
    );
  });

  it.each([
    ["as crds/ has them", services],
    ["as the API server prints them", sorted(services) as object[]],
  ])("takes under half of the text of services %s, to the byte the same when spelled out", (_, items) => {
    const list = PackedList.of(RawList.of(items));
    expect(list.toString()).toBe(JSON.stringify(items));
    expect(list.byteLength / JSON.stringify(items).length).toBeLessThan(0.5);
  });

  it("does not hold on to the line that it came in", () => {
    const line = bytes('{"services":[{"name":"a"}]}');
    const list = PackedList.of(new RawList(line.subarray(12, -1)));
    line.fill(0);
    expect(list.toString()).toBe('[{"name":"a"}]');
  });

  it("never runs away on bytes that are no JSON", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
        const list = PackedList.of(new RawList(noise));
        list.each((at) => list.element(at));
        list.toString();
      }),
    );
  });
});
