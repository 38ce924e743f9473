import { checkClientTls } from "./client-tls.ts";
import { checkConnectionPool } from "./connection-pool.ts";
import { type Field, maxUint32 } from "./field.ts";
import { checkLoadBalancer } from "./load-balancer.ts";
import { checkPort, checkPortSelector, isFqdn, isIp } from "./names.ts";
import { checkOutlierDetection } from "./outlier-detection.ts";
import { checkDuration } from "./values.ts";

export interface PolicyContext {
  /** The DestinationRule's. */
  readonly namespace: string;
  /** The rule has a `workloadSelector`. */
  readonly forWorkloads: boolean;
  /** Not one of `portLevelSettings`. */
  readonly top: boolean;
}

const shared = ["loadBalancer", "connectionPool", "outlierDetection", "tls"];
const topOnly = ["portLevelSettings", "tunnel", "proxyProtocol", "retryBudget"];

/** `trafficPolicy` of a DestinationRule, of a subset, or of one port. */
export function checkTrafficPolicy(field: Field, context: PolicyContext): void {
  if (!field.present) return;
  const members = context.top ? [...shared, ...topOnly] : shared;
  if (!field.object(context.top ? members : ["port", ...members])) return;
  if (!members.some((name) => field.at(name).present)) {
    field.required(`traffic policy must have at least one field of ${members.join(", ")}`);
  }
  checkLoadBalancer(field.at("loadBalancer"), field.at("outlierDetection").present);
  checkConnectionPool(field.at("connectionPool"));
  checkOutlierDetection(field.at("outlierDetection"));
  checkClientTls(field.at("tls"), context);
  if (!context.top) {
    if (field.at("port").present) checkPortSelector(field.at("port"));
    else field.at("port").required("the port that the settings are for");
    return;
  }
  checkPortLevelSettings(field.at("portLevelSettings"), context);
  if (field.at("tunnel").present && field.at("proxyProtocol").present) {
    field.at("proxyProtocol").forbidden("may not be used together with tunnel");
  }
  checkTunnel(field.at("tunnel"));
  checkProxyProtocol(field.at("proxyProtocol"));
  checkRetryBudget(field.at("retryBudget"));
}

function checkPortLevelSettings(field: Field, context: PolicyContext): void {
  const ports = new Set<unknown>();
  for (const settings of field.items()) {
    checkTrafficPolicy(settings, { ...context, top: false });
    const number = settings.at("port").at("number");
    if (!number.present) continue;
    if (ports.has(number.value)) number.warn("has settings already; the first entry counts");
    ports.add(number.value);
  }
}

function checkTunnel(field: Field): void {
  if (!field.present || !field.object(["protocol", "targetHost", "targetPort"])) return;
  if (field.at("protocol").value !== "") field.at("protocol").choice(["CONNECT", "POST"]);
  const host = field.at("targetHost");
  const text = host.text();
  if (!host.present || text === "") host.required("where the tunnel ends");
  else if (text !== undefined && !isFqdn(text) && !isIp(text)) {
    host.invalid("must be a domain name or an IP address");
  }
  if (field.at("targetPort").present) checkPort(field.at("targetPort"));
  else field.at("targetPort").required("the port at which the tunnel ends");
}

function checkProxyProtocol(field: Field): void {
  if (!field.present || !field.object(["version"])) return;
  field.at("version").choice(["V1", "V2"]);
}

function checkRetryBudget(field: Field): void {
  if (!field.present || !field.object(["percent", "minRetryConcurrency", "budgetInterval"])) return;
  field.at("percent").number(0, 100);
  field.at("minRetryConcurrency").integer(0, maxUint32);
  checkDuration(field.at("budgetInterval"), { zero: true });
}
