import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compilePattern, PatternError } from "./pattern.ts";

const matching: [pattern: string, text: string, matches: boolean][] = [
  ["", "", true],
  ["", "a", false],
  ["abc", "abc", true],
  ["abc", "xabc", false],
  ["/api/v[12]/.*", "/api/v2/charge", true],
  ["/api/v[12]/.*", "/api/v3/charge", false],
  [".*", "anything at all", true],
  [".*", "two\nlines", false],
  ["(?s).*", "two\nlines", true],
  ["^/foo$", "/foo", true],
  ["(^a|b$)c?", "a", true],
  ["a|b|", "", true],
  ["(?i)ABC", "aBc", true],
  ["(?i:a)b", "AB", false],
  ["(?i)[a-c]+", "AbC", true],
  ["a{2,3}", "aaaa", false],
  ["a{2,3}", "aaa", true],
  ["a{2,}", "aaaaa", true],
  ["a{2}", "a", false],
  ["a{,3}", "a{,3}", true],
  ["x{", "x{", true],
  ["\\d+\\.\\w*", "42.x_1", true],
  ["[^/]+", "a/b", false],
  ["[]a]+", "]a", true],
  ["[a-]+", "a-", true],
  ["[\\d-]+", "1-2", true],
  ["[[:alpha:]]+[[:^alpha:]]", "abc1", true],
  ["\\Qa.b*\\E+", "a.b**", true],
  ["\\x41\\x{42}\\103", "ABC", true],
  ["\\bfoo\\b.*", "foo bar", true],
  ["foo\\B.*", "foobar", true],
  ["foo\\b.*", "foobar", false],
  ["\\pL+", "Grüße", true],
  ["\\p{Greek}", "λ", true],
  ["\\P{Greek}", "λ", false],
  ["(?P<name>a)(?<other>b)", "ab", true],
  ["(?U)a+b", "aab", true],
  ["(a*)*", "aaaa", true],
  ["(a|aa)+", "aaaaa", true],
  ["(?m)^a$\\n^b$", "a\nb", true],
  [".*Mobile.*", "Mozilla Mobile Safari", true],
  ["(?:v1|v2)-(?:a|b)", "v2-b", true],
  ["\\C\\C", "ab", true],
];

const refused = [
  "(",
  ")",
  "a)",
  "[",
  "[a",
  "*",
  "a**",
  "a+?*",
  "a{1001}",
  "a{3,2}",
  "(?=a)",
  "(?!a)",
  "(?<=a)b",
  "(a)\\1",
  "\\y",
  "[b-a]",
  "\\p{Klingon}",
  "(?x)a",
  "[[:nope:]]",
  "((a{100}){100}){100}",
  "a".repeat(1025),
  "\\",
];

describe("a pattern", () => {
  it.each(matching)("%s on %j matches the whole text: %s", (source, text, matches) => {
    expect(compilePattern(source).matches(text)).toBe(matches);
  });

  it.each(refused)("%s is refused, as RE2 refuses it", (source) => {
    expect(() => compilePattern(source)).toThrow(PatternError);
  });

  it.each([
    ["^/foo/(.*)$", "/foo/bar", "/\\1", "/bar"],
    ["a", "banana", "o", "bonono"],
    ["a*", "baac", "-", "-b-c-"],
    ["(a)|(b)", "ab", "[\\1\\2]", "[a][b]"],
    ["/v(\\d+)/(\\w+)", "/v2/users/7", "/\\2/v\\1", "/users/v2/7"],
    ["x", "abc", "y", "abc"],
    ["(a+?)(a*)", "aaa", "\\1|\\2", "a|aa"],
    ["b", "abc", "\\\\\\0", "a\\bc"],
  ])("%s replaces in %j with %j: %j", (source, text, replacement, expected) => {
    expect(compilePattern(source).replaceAll(text, replacement)).toBe(expected);
  });

  it("that a backtracking engine dies of takes time linear in the text", () => {
    for (const source of ["(a+)+$", "(a|a)*b", "(.*)*x", "\\b(a+)+\\b!"]) {
      const started = performance.now();
      expect(compilePattern(source).matches(`${"a".repeat(20_000)}?`)).toBe(false);
      expect(performance.now() - started).toBeLessThan(2_000);
    }
  });

  it("keeps its memory bounded when the automaton has exponentially many states", () => {
    const pattern = compilePattern("(?:a|b)*a(?:a|b){14}");
    const random = fc.sample(fc.array(fc.constantFrom("a", "b"), { minLength: 2_000, maxLength: 2_000 }), {
      numRuns: 2,
      seed: 7,
    });
    for (const letters of random) {
      expect(pattern.matches(letters.join(""))).toBe(letters.at(-15) === "a");
    }
  });

  const atom = fc.constantFrom("a", "b", "c", ".", "[ab]", "[^a]", "\\w", "\\d", "\\b", "^", "$", "");
  const { tree } = fc.letrec<{ tree: string }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4, depthSize: "small" },
      atom,
      fc.tuple(tie("tree"), tie("tree")).map(([a, b]) => `${a}${b}`),
      fc.tuple(tie("tree"), tie("tree")).map(([a, b]) => `(${a}|${b})`),
      fc
        .tuple(tie("tree"), fc.constantFrom("*", "+", "?", "{2}", "{0,2}"))
        .map(([a, times]) => `(?:${a})${times}`),
      tie("tree").map((a) => `(${a})`),
    ),
  }));
  const text = fc.string({ unit: fc.constantFrom("a", "b", "c", "1", " "), maxLength: 8 });

  it("agrees with the runtime's RegExp where the two languages are one", () => {
    fc.assert(
      fc.property(tree, text, (source, subject) => {
        expect(compilePattern(source).matches(subject)).toBe(new RegExp(`^(?:${source})$`).test(subject));
      }),
      { numRuns: 2_000 },
    );
  });

  it("never throws anything but PatternError", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), fc.string({ maxLength: 40 }), (source, subject) => {
        try {
          compilePattern(source).matches(subject);
        } catch (error) {
          expect(error).toBeInstanceOf(PatternError);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
