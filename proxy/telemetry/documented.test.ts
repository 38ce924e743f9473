import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { Counters } from "./counters.ts";
import { type Flow, UNKNOWN_WORKLOAD } from "./labels.ts";
import { Telemetry } from "./telemetry.ts";

it("every metric of a proxy stands in its README, and the README names no other", () => {
  const telemetry = new Telemetry({
    certificateExpiry: () => 0,
    residentBytes: () => 0,
    outliers: () => [{ cluster: "outbound|80||a", ejections: 1, ejected: 1, panics: 1 }],
    configObjects: () => 0,
  });
  const flow: Flow = {
    reporter: "source",
    source: UNKNOWN_WORKLOAD,
    destination: UNKNOWN_WORKLOAD,
    service: { host: "a", name: "a", namespace: "a" },
    protocol: "http",
    flags: "-",
    security: "unknown",
  };
  // A family without a series is not shown.
  for (const family of Object.values(telemetry)) if (family instanceof Counters) family.of("any");
  telemetry.requests.record(telemetry.requests.bind(flow, 200, ""), 1, 1, 1);
  telemetry.routes.record({ statPrefix: "a" }, { host: "a", port: 80 }, 200, 1);
  telemetry.tcp.bind(flow);
  const shown = [...telemetry.page().matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const named = [...readme.matchAll(/`((?:istio|envoy|weft|process)_[a-z_]+)[`{]/g)].map(([, name]) => name);
  expect([...new Set(named)].sort()).toEqual(shown.sort());
});
