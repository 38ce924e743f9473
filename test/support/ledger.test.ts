import { expect, it } from "vitest";
import { destinationRules, virtualServices } from "../../control/fields.fixture.ts";
import { Ledger } from "./ledger.ts";

const rule = (spec: object) => ({ kind: "DestinationRule", spec });

it("misses at first whatever is honoured, and nothing else", () => {
  const missing = new Ledger().missing("DestinationRule");
  expect(missing).toContain("host");
  expect(missing).toContain("trafficPolicy.loadBalancer.simple: RANDOM");
  expect(missing).not.toContain("trafficPolicy.outlierDetection.consecutiveErrors");
  expect(new Ledger().missing("VirtualService")).not.toContain("http[].fault.abort.http2Error");
});

it("has of a policy's fields each once, at any level, and of each level each section", () => {
  const ledger = new Ledger();
  ledger.add([rule({ subsets: [{ name: "v1", trafficPolicy: { loadBalancer: { simple: "RANDOM" } } }] })]);
  const missing = ledger.missing("DestinationRule");
  expect(missing).not.toContain("trafficPolicy.loadBalancer.simple");
  expect(missing).not.toContain("trafficPolicy.loadBalancer.simple: RANDOM");
  expect(missing).toContain("trafficPolicy.loadBalancer.simple: ROUND_ROBIN");
  expect(missing).not.toContain("subsets[].trafficPolicy.loadBalancer");
  expect(missing).toContain("trafficPolicy.loadBalancer");
  expect(missing).toContain("trafficPolicy.portLevelSettings[].loadBalancer");
});

it("misses no field of objects that have all of them", () => {
  const ledger = new Ledger();
  ledger.add(virtualServices.map((spec) => ({ kind: "VirtualService", spec })));
  ledger.add(destinationRules.map(rule));
  const isField = (entry: string) => !entry.includes(": ");
  expect(ledger.missing("VirtualService").filter(isField)).toEqual([]);
  expect(ledger.missing("DestinationRule").filter(isField)).toEqual([]);
});
