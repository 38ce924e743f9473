import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findMember, parseKeeping, RawList, skipValue } from "./raw-json.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = (list: RawList) => new TextDecoder().decode(list.bytes);
const path = ["object", "status", "index", "services"];

function elements(list: RawList): unknown[] {
  const found: unknown[] = [];
  list.each((start, end) =>
    found.push(JSON.parse(new TextDecoder().decode(list.bytes.subarray(start, end)))),
  );
  return found;
}

describe("parsing an object and keeping a list raw", () => {
  it.each([
    [
      "as it stands",
      '{"type":"ADDED","object":{"status":{"index":{"namespace":"a","services":[{"name":"x"},{"name":"y"}]},"hash":"h"}}}',
      '[{"name":"x"},{"name":"y"}]',
    ],
    ["with spaces", '{ "object" : {"status":{"index":{ "services" : [ 1 , 2 ] } } } }', "[ 1 , 2 ]"],
    [
      "behind a string with quotes and brackets",
      String.raw`{"object":{"a":"]}\"\\","status":{"index":{"services":["]","\\"]}}}}`,
      String.raw`["]","\\"]`,
    ],
    ["when it is empty", '{"object":{"status":{"index":{"services":[]}}}}', "[]"],
  ])("keeps it %s", (_, text, expected) => {
    const value = parseKeeping(bytes(text), path) as { object: { status: { index: { services: unknown } } } };
    const { services } = value.object.status.index;
    expect(services instanceof RawList && textOf(services)).toBe(expected);
    if (services instanceof RawList) expect(elements(services)).toEqual(JSON.parse(expected));
  });

  it.each([
    '{"object":{"status":{"service":{}}}}',
    '{"object":{}}',
    '{"object":{"status":{"index":{"services":{}}}}}',
    "[]",
    "1",
    '{"object":[]}',
  ])("parses everything where there is no such list: %s", (text) => {
    expect(parseKeeping(bytes(text), path)).toEqual(JSON.parse(text));
  });

  it.each(["", "{", '{"object":{"status":{"index":{"services":[1,2', '{"object"'])(
    "throws SyntaxError for %j",
    (text) => {
      expect(() => parseKeeping(bytes(text), path)).toThrow(SyntaxError);
    },
  );
});

describe("finding things in JSON", () => {
  it("agrees with the parser, whatever the value and however it is printed", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: fc.constantFrom("a", "b", "c") }), fc.jsonValue()),
        fc.constantFrom(0, 1, 3),
        (object, spaces) => {
          const text = bytes(JSON.stringify(object, undefined, spaces));
          expect(skipValue(text, 0)).toBe(text.length);
          for (const [name, value] of Object.entries(object)) {
            const at = findMember(text, 0, name);
            expect(JSON.parse(new TextDecoder().decode(text.subarray(at, skipValue(text, at))))).toEqual(
              JSON.parse(JSON.stringify(value)),
            );
          }
          expect(findMember(text, 0, "absent")).toBe(-1);
        },
      ),
    );
  });

  it("takes a list apart", () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), (items) => {
        expect(elements(RawList.of(items))).toEqual(JSON.parse(JSON.stringify(items)));
      }),
    );
  });

  it("never runs away on bytes that are no JSON", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(60), (noise, at) => {
        expect(skipValue(noise, at)).toBeGreaterThanOrEqual(0);
        expect(findMember(noise, at, "a")).toBeLessThanOrEqual(noise.length + 1);
        new RawList(noise).each(() => {});
      }),
    );
  });
});
