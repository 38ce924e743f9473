import { describe, expect, test } from "vitest";
import { Report } from "../report.ts";
import { annotations } from "./annotations.ts";
import { parseQuantity, resourcesOf } from "./resources.ts";

describe("a Kubernetes quantity", () => {
  test.each([
    ["0", 0],
    ["1", 1],
    ["100m", 0.1],
    ["1.5Gi", 1.5 * 2 ** 30],
    [".5", 0.5],
    ["1.", 1],
    ["128Mi", 128 * 2 ** 20],
    ["1k", 1_000],
    ["1e3", 1_000],
    ["1E3", 1_000],
    ["2E", 2e18],
    ["5n", 5e-9],
  ])("%s is %d", (text, number) => expect(parseQuantity(text)).toBeCloseTo(number, 12));

  test.each(["", "-1", "+1", "1 Gi", "1GB", "Mi", "1e", "1K", "1.2.3", "0x10", "1".repeat(40)])(
    "%j is none",
    (text) => expect(parseQuantity(text)).toBeUndefined(),
  );
});

describe("the sidecar's resources", () => {
  const defaults = { requests: { cpu: "10m", memory: "64Mi" }, limits: { memory: "128Mi" } };

  test("are the default block when no annotation names any", () => {
    expect(resourcesOf({}, defaults, new Report())).toBe(defaults);
  });

  test.each([
    [{ [annotations.proxyCpu]: "1" }, { requests: { cpu: "1" } }],
    [{ [annotations.proxyMemoryLimit]: "1Gi" }, { limits: { memory: "1Gi" } }],
    [
      { [annotations.proxyMemory]: "1Gi", [annotations.proxyCpuLimit]: "2" },
      { requests: { memory: "1Gi" }, limits: { cpu: "2" } },
    ],
  ])("with %j are that alone", (given, resources) => {
    expect(resourcesOf(given, defaults, new Report())).toEqual(resources);
  });

  test("with a limit under the request are refused", () => {
    const report = new Report();
    resourcesOf({ [annotations.proxyCpu]: "1", [annotations.proxyCpuLimit]: "900m" }, defaults, report);
    expect(report.errors).toEqual([
      {
        field: "metadata.annotations[sidecar.istio.io/proxyCPULimit]",
        reason: "FieldValueInvalid",
        message: 'Invalid value: "900m": must be at least sidecar.istio.io/proxyCPU, which is 1',
      },
    ]);
  });
});
