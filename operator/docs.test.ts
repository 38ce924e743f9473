import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { createOperatorMetrics } from "./metrics.ts";
import { reasons } from "./reasons.ts";

const page = readFileSync(join(import.meta.dirname, "../docs/operator.md"), "utf8");
const rows = (section: string) =>
  (page.split(`## ${section}`)[1] ?? "")
    .split("\n## ")[0]
    ?.split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith("| ---"))
    .slice(1);

describe("docs/operator.md", () => {
  it("has every reason of every condition with its meaning, and no other", () => {
    const expected = Object.entries(reasons).flatMap(([type, list]) =>
      Object.entries(list).map(([reason, meaning]) => `| ${type} | \`${reason}\` | ${meaning} |`),
    );
    expect(rows("Conditions")).toEqual(expected);
  });

  it("has every metric with its help, and no other", async () => {
    const registry = new Registry();
    createOperatorMetrics(registry, "0");
    const metrics = await registry.getMetricsAsJSON();
    expect(rows("Metrics")).toEqual(metrics.map(({ name, help }) => `| \`${name}\` | ${help} |`));
  });
});
