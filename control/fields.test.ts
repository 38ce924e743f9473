/** Every field of VirtualService, DestinationRule and ServiceEntry makes a difference to what is compiled, or users are told. */
import { describe, expect, it, test } from "vitest";
import { destinationRule } from "../crds/destination-rule.ts";
import { serviceEntry } from "../crds/service-entry.ts";
import { virtualService } from "../crds/virtual-service.ts";
import { cuts, isWithin, leavesOf, refused } from "../test/support/fields.ts";
import { fieldsOf, unhonoured } from "../webhook/validate/unhonoured.ts";
import { validate } from "../webhook/validate/validate.ts";
import { type Manifest, objects, pod, service, slice, snapshotOf } from "./compile/cluster.fake.ts";
import { compile } from "./compile/compile.ts";
import { defaultSettings } from "./compile/inputs.ts";
import { destinationRules, serviceEntries, virtualServices } from "./fields.fixture.ts";

const cluster: readonly Manifest[] = [
  service("pay", { spec: { ports: [80, 8080].map((port) => ({ name: `http-${port}`, port })) } }),
  pod("pay-1", {
    labels: { app: "pay", version: "v1" },
    workload: "Deployment/pay",
    ports: { http: 80 },
    ip: "10.0.0.1",
  }),
  slice("pay", [{ address: "10.0.0.1", pod: "pay-1" }], { ports: { "http-80": 80, "http-8080": 8080 } }),
  pod("shop-1", { labels: { app: "shop" }, workload: "Deployment/shop" }),
  ...objects(`
kind: VirtualService
metadata: {name: inner, namespace: other}
spec: {http: [{route: [{destination: {host: pay.default.svc.cluster.local}}]}]}
---
kind: VirtualService
metadata: {name: inner}
spec: {http: [{directResponse: {status: 418}}]}
`),
];

function compiled(kind: string, spec: unknown): string {
  const subject = { kind, metadata: { name: "pay", namespace: "default", generation: 1 }, spec };
  try {
    return JSON.stringify(compile(snapshotOf([...cluster, subject as Manifest]), defaultSettings));
  } catch (error) {
    // Whoever stumbles over a field that is missing has read it.
    return String(error);
  }
}

const kinds = [
  { kind: "VirtualService", schema: virtualService.spec.openapi, specs: virtualServices },
  { kind: "DestinationRule", schema: destinationRule.spec.openapi, specs: destinationRules },
  { kind: "ServiceEntry", schema: serviceEntry.spec.openapi, specs: serviceEntries },
] as const;

describe.each(kinds)("$kind", ({ kind, schema, specs }) => {
  const apiVersion = "networking.istio.io/v1";
  const problems = (spec: unknown) =>
    validate({ apiVersion, kind, metadata: { name: "pay", namespace: "default" }, spec }).errors;

  test("the specs that show its fields are sound", () => {
    for (const spec of specs) expect(problems(spec)).toEqual([]);
  });

  test("each field makes a difference to what is compiled, is refused, or is told to be not honoured", () => {
    const told = unhonoured
      .filter((row) => row.kind === kind && row.values === undefined)
      .flatMap((row) => fieldsOf(row));
    const effective = new Set<string>();
    for (const spec of specs) {
      const whole = compiled(kind, spec);
      for (const cut of cuts(schema, spec)) {
        if (!effective.has(cut.path) && compiled(kind, cut.spec) !== whole) effective.add(cut.path);
      }
    }
    const silent = leavesOf(schema).filter(
      (leaf) => !effective.has(leaf) && !isWithin(leaf, told) && refused[leaf] === undefined,
    );
    expect(silent).toEqual([]);
  });

  it("does not list as not honoured what its schema does not have", () => {
    const leaves = leavesOf(schema);
    const rows = unhonoured.filter((row) => row.kind === kind).flatMap(fieldsOf);
    const surplus = rows.filter((field) => !leaves.some((leaf) => isWithin(leaf, [field])));
    // Some settings are for a whole destination alone, and its ports have none of their own.
    expect(surplus.filter((field) => !field.includes("portLevelSettings[]"))).toEqual([]);
  });
});

test.each(Object.entries(refused))("%s is refused", (_, spec) => {
  const object = {
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata: { name: "x" },
    spec,
  };
  expect(JSON.stringify(validate(object).errors)).toContain("is not supported");
});
