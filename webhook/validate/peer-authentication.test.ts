import { expect, test } from "vitest";
import { checkRules, type RuleCase, warningsOf } from "./fixtures.ts";

const cases: RuleCase[] = [
  {
    rule: "modes",
    bad: { mtls: { mode: "ON" } },
    says: [
      'spec.mtls.mode: Unsupported value: "ON": supported values: "UNSET", "DISABLE", "PERMISSIVE", "STRICT"',
    ],
    good: { mtls: { mode: "STRICT" } },
  },
  {
    rule: "no spec is needed",
    bad: [],
    says: ["spec: Invalid value: []: must be an object"],
    good: undefined,
  },
  {
    rule: "ports need a selector",
    bad: { selector: { matchLabels: {} }, portLevelMtls: { 8080: { mode: "DISABLE" } } },
    says: [
      "spec.portLevelMtls: Forbidden: mesh/namespace peer authentication cannot have port level mTLS: add a selector with labels",
    ],
    good: { selector: { matchLabels: { app: "a" } }, portLevelMtls: { 8080: { mode: "DISABLE" } } },
  },
  {
    rule: "ports are ports",
    bad: {
      selector: { matchLabels: { app: "a" } },
      portLevelMtls: { 0: {}, 65536: {}, http: { mode: "X" } },
    },
    says: [
      'spec.portLevelMtls[0]: Invalid value: "0": the key must be a port from 1 to 65535',
      'spec.portLevelMtls[65536]: Invalid value: "65536": the key must be a port from 1 to 65535',
      'spec.portLevelMtls[http]: Invalid value: "http": the key must be a port from 1 to 65535',
      'spec.portLevelMtls[http].mode: Unsupported value: "X": supported values: "UNSET", "DISABLE", "PERMISSIVE", "STRICT"',
    ],
    good: { selector: { matchLabels: { app: "a" } }, portLevelMtls: { 65535: { mode: "UNSET" } } },
  },
  {
    rule: "the map of ports is not empty",
    bad: { selector: { matchLabels: { app: "a" } }, portLevelMtls: {} },
    says: ["spec.portLevelMtls: Invalid value: {}: must name at least one port"],
    good: { selector: { matchLabels: { app: "a" } } },
  },
];

checkRules("PeerAuthentication", cases);

test("warns of a selector without labels", () => {
  expect(warningsOf("PeerAuthentication", { selector: {} })).toEqual([
    "spec.selector: selects every workload, as it has no labels",
  ]);
});
