import { describe, expect, test } from "vitest";
import { validate } from "./validate.ts";

/** Helpers of this folder's tests. */

const groups: Readonly<Record<string, string>> = {
  VirtualService: "networking.istio.io",
  DestinationRule: "networking.istio.io",
  ServiceEntry: "networking.istio.io",
  PeerAuthentication: "security.istio.io",
  AuthorizationPolicy: "security.istio.io",
  RequestAuthentication: "security.istio.io",
  EnvoyFilter: "networking.istio.io",
};

export function objectOf(kind: string, spec: unknown): Record<string, unknown> {
  const version = kind === "EnvoyFilter" ? "v1alpha3" : "v1";
  return {
    apiVersion: `${groups[kind]}/${version}`,
    kind,
    metadata: { name: "it", namespace: "shop" },
    spec,
  };
}

/** What is wrong with a spec, as kubectl would list it: `path: message`. */
export function errorsOf(kind: string, spec: unknown): string[] {
  return validate(objectOf(kind, spec)).errors.map(({ field, message }) => `${field}: ${message}`);
}

/** The warnings of a spec, but for what this version does not honour: that changes with each version. */
export function warningsOf(kind: string, spec: unknown): readonly string[] {
  return validate(objectOf(kind, spec)).warnings.filter((warning) => !warning.includes(" not honoured yet"));
}

/** A rule with a spec that breaks it, what is then said, and one that keeps it. */
export interface RuleCase {
  readonly rule: string;
  readonly bad: unknown;
  readonly says: readonly string[];
  readonly good: unknown;
}

/** Runs each rule's two cases. */
export function checkRules(kind: string, cases: readonly RuleCase[]): void {
  describe(`the rules of ${kind}`, () => {
    for (const { rule, bad, says, good } of cases) {
      test(`${rule}: a breach is told`, () => expect(errorsOf(kind, bad)).toEqual(says));
      test(`${rule}: a sound one passes`, () => expect(errorsOf(kind, good)).toEqual([]));
    }
  });
}
