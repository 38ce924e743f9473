import { describe, expect, it } from "vitest";
import { findings } from "./links.ts";

const repository: Readonly<Record<string, string>> = {
  "README.md": "# Weft\n\n## What it is not\n",
  "docs/a.md": "# One [link](b.md) in a `heading`!\n\n## Same\n\n## Same\n\n```sh\n# no heading\n```\n",
  "proxy/main.ts": "",
  proxy: "",
};

describe("links in the documentation", () => {
  const cases: { name: string; text: string; expected: string[] }[] = [
    { name: "may lead to a page", text: "[it](../README.md)", expected: [] },
    {
      name: "may lead to code and folders",
      text: "[`main`](../proxy/main.ts), [all](../proxy/)",
      expected: [],
    },
    { name: "may lead out of the repository", text: "[them](https://example.com/x.md)", expected: [] },
    { name: "may lead to a heading", text: "[it](../README.md#what-it-is-not)", expected: [] },
    { name: "may lead to a heading with marks", text: "[it](a.md#one-link-in-a-heading)", expected: [] },
    { name: "may lead to the second of two headings", text: "[it](a.md#same-1)", expected: [] },
    { name: "may lead to a heading of their own page", text: "# Own\n\n[it](#own)", expected: [] },
    { name: "are not looked for in code", text: "`[a](b)`\n\n```\n[a](b)\n```", expected: [] },
    { name: "lead to a file that is there", text: "[it](gone.md)", expected: ["docs/gone.md to exist"] },
    {
      name: "lead to a heading that is there",
      text: "[it](a.md#no-heading)",
      expected: ["a heading in docs/a.md with the anchor no-heading"],
    },
    {
      name: "lead to a heading of their own that is there",
      text: "[it](#other)",
      expected: ["a heading in docs/x.md with the anchor other"],
    },
  ];
  it.each(cases)("$name", ({ text, expected }) => {
    const read = (path: string) => repository[path.replace(/\/$/, "")];
    expect(findings("docs/x.md", text, read).map((each) => each.expected)).toEqual(expected);
  });

  it("are told by page, line and target", () => {
    expect(findings("docs/x.md", "one\n\n```\ncode\n```\n[it](gone.md)", () => undefined)).toEqual([
      { file: "docs/x.md", line: 6, found: "a link to gone.md", expected: "docs/gone.md to exist" },
    ]);
  });
});
