import { exclusive, type Field, maxUint32 } from "./field.ts";

/** Labels that say where a pod is: failover by them is what `failover` does. */
const topologyLabels = new Set([
  "topology.kubernetes.io/region",
  "topology.kubernetes.io/zone",
  "topology.istio.io/subzone",
]);

/** `localityLbSetting`. */
export function checkLocality(field: Field, hasOutlierDetection: boolean): void {
  if (!field.present || !field.object(["enabled", "distribute", "failover", "failoverPriority"])) return;
  field.at("enabled").boolean();
  exclusive(field, ["distribute", "failover"]);
  checkDistribute(field.at("distribute"));
  checkFailover(field.at("failover"));
  for (const { text, field: item } of field.at("failoverPriority").texts()) {
    if (field.at("failover").size > 0 && topologyLabels.has(labelOf(text))) {
      item.forbidden("with failover, which is about topology already, it may name other labels only");
    }
  }
  warnBlind(field, hasOutlierDetection);
}

/** `zoneAwareLbSetting`. */
export function checkZoneAware(field: Field, hasOutlierDetection: boolean): void {
  if (!field.present || !field.object(["enabled", "failover", "failoverPriority", "minClusterSize"])) return;
  field.at("enabled").boolean();
  field.at("minClusterSize").integer(0, maxUint32);
  checkFailover(field.at("failover"));
  for (const { text, field: item } of field.at("failoverPriority").texts()) {
    if (topologyLabels.has(labelOf(text))) item.forbidden("zone awareness is about topology already");
  }
  warnBlind(field, hasOutlierDetection);
}

function warnBlind(field: Field, hasOutlierDetection: boolean): void {
  if (hasOutlierDetection) return;
  for (const name of ["failover", "failoverPriority"]) {
    if (field.at(name).size > 0) field.at(name).warn("never acts without outlierDetection");
  }
}

/** An entry of failoverPriority is a label's key, or `key=value`. */
function labelOf(entry: string): string {
  return entry.split("=", 1)[0] ?? "";
}

function checkDistribute(field: Field): void {
  const origins: string[] = [];
  for (const rule of field.items()) {
    if (!rule.object(["from", "to"])) continue;
    const from = rule.at("from");
    const text = from.text();
    if (!from.present || text === "") from.required("the locality that traffic comes from");
    else if (text !== undefined) checkLocalityName(text, from, origins);
    checkShares(rule.at("to"));
  }
}

/** Where the traffic of one locality goes, in per cent. */
function checkShares(field: Field): void {
  const shares = field.entries();
  if (shares.length === 0) {
    field.required("localities with the percentage that each gets");
    return;
  }
  const localities: string[] = [];
  let total = 0;
  let sound = true;
  for (const { key, field: share } of shares) {
    checkLocalityName(key, share, localities);
    const number = share.present ? share.integer(1, 100) : undefined;
    if (!share.present) share.required("a percentage");
    if (number === undefined) sound = false;
    total += number ?? 0;
  }
  if (sound && total !== 100) field.invalid(`the percentages must add up to 100, not ${total}`);
}

/** `region/zone/subzone`, of which later parts may be absent and the last may be `*`. No two may overlap. */
function checkLocalityName(text: string, field: Field, seen: string[]): void {
  const parts = text.split("/");
  if (parts.length > 3 || parts.some((part) => part === "")) {
    field.invalid("must be a locality: region, region/zone or region/zone/subzone", text);
    return;
  }
  if (parts.slice(0, -1).includes("*")) {
    field.invalid("* must be the last part of a locality", text);
    return;
  }
  const overlap = seen.find((other) => overlaps(other, text));
  if (overlap !== undefined) {
    field.invalid(`overlaps with ${JSON.stringify(overlap)}`, text);
  }
  seen.push(text);
}

function overlaps(one: string, other: string): boolean {
  const [short, long] = [one.split("/"), other.split("/")].sort((a, b) => a.length - b.length);
  if (short === undefined || long === undefined) return false;
  return short.every((part, index) => part === "*" || long[index] === "*" || part === long[index]);
}

function checkFailover(field: Field): void {
  for (const rule of field.items()) {
    if (!rule.object(["from", "to"])) continue;
    const [from, to] = [rule.at("from"), rule.at("to")];
    for (const region of [from, to]) {
      const text = region.text();
      if (!region.present || text === "") region.required("the name of a region");
      else if (text !== undefined && /[/*]/.test(text)) region.invalid("must be a region, without zone or *");
    }
    if (from.present && from.value === to.value) to.invalid("must be another region than from");
  }
}
