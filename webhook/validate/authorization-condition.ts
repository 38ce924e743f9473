import { checkIpBlock, checkPortText, checkServiceAccount, checkTrustDomain } from "./authorization-rule.ts";
import type { Field } from "./field.ts";

type CheckValue = (item: { readonly text: string; readonly field: Field }) => void;

const anything: CheckValue = () => {};

/** Keys of `when`, and what their values must look like. */
const attributes: ReadonlyMap<string, CheckValue> = new Map([
  ["source.ip", checkIpBlock],
  ["remote.ip", checkIpBlock],
  ["source.namespace", anything],
  ["source.serviceAccount", checkServiceAccount],
  ["source.principal", anything],
  ["source.trustDomain", checkTrustDomain],
  ["request.auth.principal", anything],
  ["request.auth.audiences", anything],
  ["request.auth.presenter", anything],
  ["destination.ip", checkIpBlock],
  ["destination.port", ({ text, field }) => checkPortText(text, field)],
  ["connection.sni", anything],
]);

const header = /^request\.headers\[[^[\]]+\]$/;
const claims = /^request\.auth\.claims(?:\[[^[\]]+\])+$/;
const envoy = /^experimental\.envoy\.filters\..+$/;

/** Keys that an external authorizer cannot be asked with. */
const unknownToCustom = /^(?:source\.(?:namespace|serviceAccount|trustDomain|principal)$|request\.auth\.)/;

/** `when` of one rule. */
export function checkConditions(when: Field, custom: boolean): void {
  for (const condition of when.items()) {
    if (!condition.object(["key", "values", "notValues"])) continue;
    const key = condition.at("key");
    const name = key.text();
    const [values, notValues] = [condition.at("values"), condition.at("notValues")];
    if (values.size === 0 && notValues.size === 0) condition.required("at least one of values, notValues");
    if (!key.present || name === "") {
      key.required("the attribute to look at");
      continue;
    }
    if (name === undefined) continue;
    if (custom && unknownToCustom.test(name)) key.forbidden("cannot be used with action CUSTOM");
    const check = checkOf(name);
    if (check === undefined) {
      key.invalid(`must be request.headers[NAME], request.auth.claims[NAME] or one of ${known}`);
      continue;
    }
    for (const item of [...values.texts(), ...notValues.texts()]) check(item);
  }
}

const known = [...attributes.keys()].join(", ");

function checkOf(name: string): CheckValue | undefined {
  const check = attributes.get(name);
  if (check !== undefined) return check;
  return header.test(name) || claims.test(name) || envoy.test(name) ? anything : undefined;
}
