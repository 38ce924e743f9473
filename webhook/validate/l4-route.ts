import { checkWeightedDestinations } from "./destination.ts";
import type { Field } from "./field.ts";
import { checkGatewayNames } from "./http-match.ts";
import { checkLabels } from "./labels.ts";
import { checkDnsLabel, checkPort, checkSubnets, covers, isIp, isWildcardDomain } from "./names.ts";

/** One entry of `tls`; `hosts` are the VirtualService's. */
export function checkTlsRoute(field: Field, hosts: readonly string[]): void {
  if (!field.object(["match", "route"])) return;
  const matches = field.at("match");
  if (matches.items().length === 0) matches.required("at least one match with sniHosts");
  for (const match of matches.items()) {
    if (!match.object([...matchMembers, "sniHosts"])) continue;
    checkSni(match.at("sniHosts"), hosts);
    checkL4Match(match);
  }
  checkRoute(field.at("route"));
}

/** One entry of `tcp`. */
export function checkTcpRoute(field: Field): void {
  if (!field.object(["match", "route"])) return;
  for (const match of field.at("match").items()) {
    if (match.object([...matchMembers, "sourceSubnet"])) checkL4Match(match);
  }
  checkRoute(field.at("route"));
}

const matchMembers = ["destinationSubnets", "port", "sourceLabels", "gateways", "sourceNamespace"];

function checkL4Match(match: Field): void {
  checkSubnets(match.at("destinationSubnets"));
  if (match.at("port").value !== 0) checkPort(match.at("port"));
  checkLabels(match.at("sourceLabels"));
  checkGatewayNames(match.at("gateways"));
  if (match.at("sourceNamespace").value !== "") checkDnsLabel(match.at("sourceNamespace"));
}

function checkSni(field: Field, hosts: readonly string[]): void {
  const names = field.texts();
  if (field.size === 0) field.required("at least one SNI host");
  for (const { text, field: item } of names) {
    if (isIp(text)) item.warn("an IP address is never sent as SNI (RFC 6066, section 3)");
    else if (!isWildcardDomain(text)) item.invalid("must be a domain name, whose first label may be *");
    else if (!hosts.some((host) => covers(host, text))) {
      item.invalid("must be one of spec.hosts or be covered by one");
    }
  }
}

function checkRoute(field: Field): void {
  if (field.size === 0 && !(field.present && !Array.isArray(field.value))) {
    field.required("at least one destination");
    return;
  }
  checkWeightedDestinations(field, []);
}
