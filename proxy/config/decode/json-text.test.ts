import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findMistake, parseJsonText } from "./json-text.ts";

describe("JSON that people write", () => {
  it.each([
    ["", "line 1, column 1: expected a value, found the end of the file"],
    ["{", "line 1, column 2: expected a member's name in quotes, found the end of the file"],
    ['{"a": [1,2,],\n "b": 3}', 'line 1, column 12: expected a value after the comma, found "]"'],
    ['{\n  "a": 1,\n}', `line 3, column 1: expected a member's name in quotes after the comma, found "}"`],
    ['{\n  "a": 1\n  "b": 2\n}', `line 3, column 3: expected "," or "}", found "\\""`],
    ['{"a" 1}', 'line 1, column 6: expected ":", found "1"'],
    ["{a: 1}", `line 1, column 2: expected a member's name in quotes, found "a"`],
    ['{\n"a": tru}', 'line 2, column 6: expected a value, found "tru"'],
    ["[01]", 'line 1, column 2: expected a value, found "01"'],
    ["[1] x", 'line 1, column 5: expected nothing after the value, found "x"'],
    ['{"a": "b\n"}', "line 1, column 9: expected the string's closing quote, found the end of the line"],
    ['["\\x"]', 'line 1, column 3: expected an escape such as \\n or \\u00e9, found "\\\\"'],
    ["// comment", 'line 1, column 1: expected a value, found "/"'],
    ["[".repeat(1_000), 'line 1, column 202: expected at most 200 levels, found "["'],
  ])("is refused with its place: %j", (text, message) => {
    expect(() => parseJsonText(text)).toThrow(message);
  });

  it("is what JSON.parse takes, and nothing else", () => {
    const near = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom("", ",", "]", "}", '"', ":", "1", "\\", "\n", "e"))
      .map(([text, at, put]) => {
        const place = at % (text.length + 1);
        return text.slice(0, place) + put + text.slice(place + (at % 2));
      });
    fc.assert(
      fc.property(fc.oneof(fc.json(), near, fc.string()), (text) => {
        let parses = true;
        try {
          JSON.parse(text);
        } catch {
          parses = false;
        }
        expect(findMistake(text) === undefined).toBe(parses);
      }),
      { numRuns: 500 },
    );
  });
});
