/**
 * `EnvoyFilter.spec`: patches of a proxy that is not here. Local rate limits and limits of requests' bodies mean the same and are
 * honoured (control/compile/local-rate-limit.ts, body-limit.ts); of every other patch the author is told by name.
 */
import { isObject } from "../json.ts";
import { exclusive, type Field } from "./field.ts";
import { checkLabels } from "./labels.ts";

const operations = [
  "MERGE",
  "ADD",
  "REMOVE",
  "INSERT_BEFORE",
  "INSERT_AFTER",
  "INSERT_FIRST",
  "REPLACE",
  "MERGE_AND_REPLACE_LIST",
];
const insertions: readonly string[] = ["ADD", "INSERT_BEFORE", "INSERT_AFTER", "INSERT_FIRST"];
const subjects = [
  "LISTENER",
  "FILTER_CHAIN",
  "NETWORK_FILTER",
  "HTTP_FILTER",
  "ROUTE_CONFIGURATION",
  "VIRTUAL_HOST",
  "HTTP_ROUTE",
  "CLUSTER",
  "EXTENSION_CONFIG",
  "BOOTSTRAP",
  "LISTENER_FILTER",
];
const honouredFilters: ReadonlyMap<string, (typed: Field) => void> = new Map([
  ["envoy.filters.http.local_ratelimit", checkLocalRateLimit],
  ["envoy.filters.http.buffer", checkBuffer],
]);

export function checkEnvoyFilter(spec: Field): void {
  if (!spec.present || !spec.object(["workloadSelector", "targetRefs", "configPatches", "priority"])) return;
  exclusive(spec, ["workloadSelector", "targetRefs"]);
  const selector = spec.at("workloadSelector");
  if (selector.present && selector.object(["labels"])) {
    if (selector.at("labels").size === 0) selector.warn("selects every workload, as it has no labels");
    checkLabels(selector.at("labels"));
  }
  spec.at("priority").integer(-2_147_483_648, 2_147_483_647);
  for (const patch of spec.at("configPatches").items()) checkPatch(patch);
}

function checkPatch(field: Field): void {
  if (!field.object(["applyTo", "match", "patch"])) return;
  const context = field.at("match").at("context").value;
  // Waypoints have rules of their own, and are not here.
  if (context !== "WAYPOINT" && !checkShape(field)) return;
  const value = field.at("patch").at("value");
  const name = isObject(value.value) && typeof value.value.name === "string" ? value.value.name : "";
  const operation = String(field.at("patch").at("operation").value);
  const inbound = context === undefined || context === "ANY" || context === "SIDECAR_INBOUND";
  if (field.at("applyTo").value === "HTTP_FILTER" && inbound && insertions.includes(operation)) {
    const check = honouredFilters.get(name);
    if (check !== undefined) {
      check(value.at("typed_config"));
      return;
    }
  }
  const what = [field.at("applyTo").value, operation, name].filter((part) => part !== "").join(" ");
  field.tell(`${field.path}: ${what} is not honoured: there is no Envoy here`);
}

function checkShape(field: Field): boolean {
  const applyTo = field.at("applyTo");
  if (!applyTo.present) applyTo.required(`one of ${subjects.join(", ")}`);
  const patch = field.at("patch");
  const operation = patch.at("operation");
  if (!patch.present) patch.required("what to change");
  else if (!operation.present) operation.required(`one of ${operations.join(", ")}`);
  else if (operation.value !== "REMOVE" && !patch.at("value").present)
    patch.at("value").required("what to put in");
  const known = applyTo.choice(subjects) !== undefined && operation.choice(operations) !== undefined;
  return known && (operation.value === "REMOVE" || patch.at("value").present);
}

/** Members of Envoy's message that have an effect here, or never matter. */
const honoured = [
  "@type",
  "stat_prefix",
  "token_bucket",
  "status",
  "filter_enabled",
  "filter_enforced",
  "enable_x_ratelimit_headers",
  "rate_limited_as_resource_exhausted",
];

/** The filter's message, of whose members all but these are told of. */
function unwrap(typed: Field, known: readonly string[]): Field {
  const wrapped = String(typed.at("@type").value).endsWith("TypedStruct");
  const config = wrapped ? typed.at("value") : typed;
  const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  for (const { key, field } of config.entries())
    if (!known.includes(snake(key))) field.tell(`${field.path}: is not honoured: there is no Envoy here`);
  return config;
}

function checkBuffer(typed: Field): void {
  const config = unwrap(typed, ["@type", "max_request_bytes"]);
  if (!either(config, "max_request_bytes", "maxRequestBytes").present)
    config.warn("without max_request_bytes there is no limit");
}

function checkLocalRateLimit(typed: Field): void {
  const config = unwrap(typed, honoured);
  const bucket = either(config, "token_bucket", "tokenBucket");
  const max = either(bucket, "max_tokens", "maxTokens");
  const interval = either(bucket, "fill_interval", "fillInterval");
  if (!max.present || !interval.present)
    bucket.warn("without max_tokens and fill_interval there is no limit");
  for (const [name, alias] of [
    ["filter_enabled", "filterEnabled"],
    ["filter_enforced", "filterEnforced"],
  ] as const) {
    const share = either(either(config, name, alias), "default_value", "defaultValue").at("numerator");
    if (share.present && share.value !== 0 && share.value !== 100)
      share.warn("shares are not honoured: any but 0 is all of the requests");
  }
}

function either(field: Field, name: string, alias: string): Field {
  return field.at(name).present ? field.at(name) : field.at(alias);
}
