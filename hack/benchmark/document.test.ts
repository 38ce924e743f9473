import { describe, expect, it } from "vitest";
import { type Records, render } from "./document.ts";
import { type Row, summarize } from "./rows.ts";
import { scenarios } from "./scenarios.ts";
import { remarks, table } from "./table.ts";
import { verdicts } from "./targets.ts";

const marks = ["targets", "scenarios", "profiles", "mesh", "soak"];
const document = `# By hand\n${marks.map((each) => `<!-- begin ${each} -->\nold\n<!-- end ${each} -->\nnote of ${each}\n`).join("\n")}`;

const row = (peer: Row["peer"], fields: Partial<Row>): Row => ({
  scenario: "h1-plaintext",
  peer,
  rps: 1000,
  cpu_us_per_request: 10,
  p50_ms: 1,
  p99_ms: 2,
  p999_ms: null,
  rss_mb: 30,
  pss_mb: 20,
  ...fields,
});

const records = (rows: readonly Row[]): Records => ({
  scenarios: {
    "h1-plaintext": {
      date: "2026-01-02",
      machine: "a machine",
      command: "hack/bench",
      rounds: 3,
      seconds: 3,
      results: rows.map((each) => ({ row: each, busy: 0.9, rounds: 3 })),
    },
  },
});

describe("the document of the benchmarks", () => {
  it("keeps what stands outside of the marks", () => {
    const text = render(document, records([row("weft", {})]));
    expect(text).toContain("# By hand");
    for (const mark of marks) expect(text).toContain(`note of ${mark}`);
    expect(text).not.toContain("old");
  });

  it("has the scenarios that were measured, with machine and command", () => {
    const text = render(document, records([row("weft", {}), row("nginx", {})]));
    expect(text).toContain("### h1-plaintext");
    expect(text).toContain("- 2026-01-02, a machine; medians of 3 × 3 s; `hack/bench`");
    expect(text).not.toContain("### h2");
  });

  it("is the same when it is written twice", () => {
    const data = records([row("weft", {}), row("envoy", { cpu_us_per_request: 50 })]);
    expect(render(render(document, data), data)).toBe(render(document, data));
  });

  it("is refused without its marks", () => {
    expect(() => render("# Empty", { scenarios: {} })).toThrow("<!-- begin targets -->");
  });
});

describe("a table of peers", () => {
  it("has ratios of Weft's figures to each peer's", () => {
    const text = table([
      { row: row("weft", {}), busy: 1, rounds: 1 },
      { row: row("nginx", { rps: 500, cpu_us_per_request: 40 }), busy: 1, rounds: 1 },
    ]);
    expect(text.split("\n").at(-1)).toMatch(/nginx .* 2\.00 \| +0\.25 \|$/);
  });

  it("says what failed, with the last that was printed", () => {
    const lines = remarks("h1-plaintext", [
      { scenario: "h1-plaintext", peer: "envoy", failure: "envoy ended with 1: a\nb\nthe cause\n" },
    ]);
    expect(lines).toEqual(["envoy was not measured: envoy ended with 1: a … the cause"]);
  });
});

describe("targets", () => {
  it.each([
    { weft: 10, envoy: 25, met: true },
    { weft: 10.1, envoy: 25, met: false },
  ])("compare $weft µs with 0.4 of $envoy µs", ({ weft, envoy, met }) => {
    const rows = [row("weft", { cpu_us_per_request: weft }), row("envoy", { cpu_us_per_request: envoy })];
    expect(verdicts("h1-plaintext", rows)).toEqual([expect.objectContaining({ met })]);
  });

  it("say nothing without the peer's row", () => {
    expect(verdicts("h1-plaintext", [row("weft", {})])).toEqual([]);
  });
});

describe("medians over the rounds", () => {
  const sample = (rate: number) => ({
    rate,
    cpuMicros: 10,
    busy: 1,
    latency: { p50: 1, p99: 2, p999: undefined },
    memory: { rssMb: 1, pssMb: 1 },
  });
  it("take the one in the middle, and null for what a load does not tell", () => {
    const result = summarize("h2", "weft", [sample(3), sample(1), sample(2)]);
    expect(result).toMatchObject({ row: { rps: 2, p99_ms: 2, p999_ms: null }, rounds: 3 });
  });
});

describe("scenarios", () => {
  it("have names of their own", () => {
    expect(new Set(scenarios.map((each) => each.name)).size).toBe(scenarios.length);
  });
});
