import type { Field } from "./field.ts";
import { isFqdn } from "./names.ts";

const qualifiedName = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const longestValue = 63;

/** A map of Kubernetes labels: keys `[prefix/]name`, values empty or up to 63 characters. */
export function checkLabels(field: Field): void {
  for (const { key, field: entry } of field.entries()) {
    const slash = key.indexOf("/");
    const prefix = slash === -1 ? undefined : key.slice(0, slash);
    if (!qualifiedName.test(key.slice(slash + 1)) || (prefix !== undefined && !isFqdn(prefix))) {
      entry.invalid("the key must be a label's, such as app or example.com/app", key);
    }
    const value = entry.text();
    if (value !== undefined && value !== "" && !qualifiedName.test(value)) {
      entry.invalid(`must be a label's value: at most ${longestValue} letters, digits, '-', '_' or '.'`);
    }
  }
}

/** A `{matchLabels}` object. Returns whether it selects anything in particular. */
export function checkSelector(field: Field): boolean {
  if (!field.present || !field.object(["matchLabels"])) return false;
  return checkSelectorLabels(field, field.at("matchLabels"));
}

/** The labels of a selector, whatever it calls them. Returns whether there are any. */
export function checkSelectorLabels(field: Field, labels: Field): boolean {
  const entries = labels.entries();
  if (entries.length === 0) field.warn("selects every workload, as it has no labels");
  for (const { key, field: entry } of entries) {
    if (key === "") entry.invalid("the key must not be empty", key);
    if (key.includes("*"))
      entry.invalid("the key must not contain *: wildcards are not supported in selectors", key);
    const value = entry.text();
    if (value === undefined) continue;
    if (value.includes("*")) entry.invalid("must not contain *: wildcards are not supported in selectors");
    else if (value.length > longestValue) entry.invalid(`must have at most ${longestValue} characters`);
  }
  return entries.length > 0;
}
