import { exclusive, type Field, maxUint32 } from "./field.ts";
import { checkLocality, checkZoneAware } from "./locality.ts";
import { checkDuration } from "./values.ts";

const members = [
  "simple",
  "consistentHash",
  "backendUtilization",
  "localityLbSetting",
  "zoneAwareLbSetting",
  "warmup",
  "warmupDurationSecs",
];

const simple = [
  "UNSPECIFIED",
  "RANDOM",
  "PASSTHROUGH",
  "ROUND_ROBIN",
  "LEAST_REQUEST",
  "LEAST_CONN",
] as const;

/** `loadBalancer`. Failing over needs to know what failed, which outlier detection tells. */
export function checkLoadBalancer(field: Field, hasOutlierDetection: boolean): void {
  if (!field.present || !field.object(members)) return;
  exclusive(field, ["simple", "consistentHash", "backendUtilization"]);
  field.at("simple").choice(simple);
  checkConsistentHash(field.at("consistentHash"));
  checkBackendUtilization(field.at("backendUtilization"));
  exclusive(field, ["localityLbSetting", "zoneAwareLbSetting"]);
  checkLocality(field.at("localityLbSetting"), hasOutlierDetection);
  checkZoneAware(field.at("zoneAwareLbSetting"), hasOutlierDetection);
  checkWarmup(field.at("warmup"));
  checkDuration(field.at("warmupDurationSecs"));
  if (field.at("warmupDurationSecs").present) {
    field.at("warmupDurationSecs").warn("is deprecated; use warmup.duration");
  }
}

const hashKeys = ["httpHeaderName", "httpCookie", "useSourceIp", "httpQueryParameterName"];
/** maglev: Envoy's bound on the table. */
const largestTable = 5_000_011;

function checkConsistentHash(field: Field): void {
  if (!field.present || !field.object([...hashKeys, "ringHash", "maglev", "minimumRingSize"])) return;
  exclusive(field, hashKeys);
  for (const name of ["httpHeaderName", "httpQueryParameterName"]) {
    if (field.at(name).text() === "") field.at(name).invalid("must not be empty");
  }
  field.at("useSourceIp").boolean();
  checkCookie(field.at("httpCookie"));
  exclusive(field, ["ringHash", "maglev"]);
  const old = field.at("minimumRingSize");
  if (old.present) {
    old.integer(0, maxUint32);
    old.warn("is deprecated; use ringHash.minimumRingSize");
    for (const name of ["ringHash", "maglev"]) {
      if (field.at(name).present) old.forbidden(`may not be used together with ${name}`);
    }
  }
  if (field.at("ringHash").present && field.at("ringHash").object(["minimumRingSize"])) {
    field.at("ringHash").at("minimumRingSize").integer(0, maxUint32);
  }
  if (!field.at("maglev").present || !field.at("maglev").object(["tableSize"])) return;
  const size = field.at("maglev").at("tableSize");
  const number = size.integer(1, largestTable - 1);
  if (number !== undefined && !isPrime(number)) size.invalid("must be a prime number, such as 65537");
}

function checkCookie(field: Field): void {
  if (!field.present || !field.object(["name", "path", "ttl", "attributes"])) return;
  if (!field.at("name").text()) field.at("name").required("the cookie's name");
  field.at("path").text();
  checkDuration(field.at("ttl"), { zero: true });
  const names = new Set<string>();
  for (const attribute of field.at("attributes").items()) {
    if (!attribute.object(["name", "value"])) continue;
    const name = attribute.at("name");
    const text = name.text();
    if (!name.present || text === "") name.required("the attribute's name");
    else if (text !== undefined && names.has(text)) name.duplicate();
    if (text !== undefined) names.add(text);
    attribute.at("value").text();
  }
}

function checkBackendUtilization(field: Field): void {
  const durations = ["weightExpirationPeriod", "weightUpdatePeriod"];
  const own = [
    "weightStabilizationPeriod",
    "errorUtilizationPenaltyPercent",
    "metricNamesForComputingUtilization",
  ];
  if (!field.present || !field.object([...durations, ...own])) return;
  for (const name of durations) checkDuration(field.at(name));
  checkDuration(field.at("weightStabilizationPeriod"), { zero: true });
  field.at("errorUtilizationPenaltyPercent").integer(0, maxUint32);
  for (const { text, field: name } of field.at("metricNamesForComputingUtilization").texts()) {
    if (!reported.test(text)) name.warn("is no metric of ORCA");
  }
}

/** The metrics of a load report (xds.data.orca.v3.OrcaLoadReport), with the names of those in its maps. */
const reported =
  /^(?:(?:cpu|mem|application)_utilization|rps_fractional|eps|(?:named_metrics|utilization|request_cost)\..+)$/;

function checkWarmup(field: Field): void {
  if (!field.present || !field.object(["duration", "minimumPercent", "aggression"])) return;
  if (field.at("duration").present) checkDuration(field.at("duration"));
  else field.at("duration").required("how long a new endpoint takes to get its full share");
  field.at("minimumPercent").number(0, 100);
  const aggression = field.at("aggression").number(0, Number.MAX_VALUE);
  if (aggression === 0) field.at("aggression").invalid("must be above 0");
}

function isPrime(number: number): boolean {
  if (number < 2) return false;
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false;
  return true;
}
