import { type Refusal, refusalOf } from "./refusal.ts";

const refused = refusalOf("peerauthentications");

export const peerAuthenticationRefusals: readonly Refusal[] = [
  refused("an unknown mode", { mtls: { mode: "ON" } }, `spec.mtls.mode: Unsupported value: "ON"`),
  refused(
    "ports without a selector",
    { portLevelMtls: { 80: { mode: "DISABLE" } } },
    "spec: Invalid value: portLevelMtls needs a selector with at least one label",
  ),
  refused(
    "ports with an empty selector",
    { selector: { matchLabels: {} }, portLevelMtls: { 80: { mode: "DISABLE" } } },
    "spec: Invalid value: portLevelMtls needs a selector with at least one label",
  ),
  refused(
    "port 0",
    { selector: { matchLabels: { app: "a" } }, portLevelMtls: { 0: { mode: "DISABLE" } } },
    "spec.portLevelMtls: Invalid value: each key must be a port number from 1 to 65535",
  ),
  refused(
    "a port by name",
    { selector: { matchLabels: { app: "a" } }, portLevelMtls: { http: { mode: "DISABLE" } } },
    "evaluating rule: each key must be a port number from 1 to 65535",
  ),
  refused(
    "no ports at all",
    { selector: { matchLabels: { app: "a" } }, portLevelMtls: {} },
    "spec.portLevelMtls in body should have at least 1 properties",
  ),
  refused(
    "a wildcard in a selector's name",
    { selector: { matchLabels: { "a*": "b" } } },
    "spec.selector.matchLabels: Invalid value: a label's name is compared as it is: wildcards are not supported",
  ),
  refused(
    "an empty name in a selector",
    { selector: { matchLabels: { "": "b" } } },
    "spec.selector.matchLabels: Invalid value: a label's name must not be empty",
  ),
  refused(
    "a selector's value that no label can have",
    { selector: { matchLabels: { a: "b".repeat(64) } } },
    "spec.selector.matchLabels.a: Too long: may not be more than 63 bytes",
  ),
];
