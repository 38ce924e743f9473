import { checkExportTo } from "./export-to.ts";
import type { Field } from "./field.ts";
import { checkGatewayNames } from "./http-match.ts";
import { checkHttpRoute } from "./http-route.ts";
import { checkTcpRoute, checkTlsRoute } from "./l4-route.ts";
import { covers, isIp, isWildcardDomain } from "./names.ts";
import { warnUnreachable } from "./reachability.ts";

/** `VirtualService.spec`. */
export function checkVirtualService(spec: Field, namespace: string): void {
  if (!spec.present) {
    spec.required("hosts and routes");
    return;
  }
  if (!spec.object(["hosts", "gateways", "http", "tls", "tcp", "exportTo"])) return;
  const gateways = spec.at("gateways");
  checkGatewayNames(gateways);
  const bound = Array.isArray(gateways.value) ? gateways.value : [];
  const atGateway = bound.length > 0 && !bound.includes("mesh");
  const isDelegate = spec.at("hosts").size === 0;
  const hosts = checkHosts(spec.at("hosts"), atGateway);
  if (isDelegate) checkDelegated(spec);
  const routes = ["http", "tls", "tcp"] as const;
  if (routes.every((name) => spec.at(name).size === 0)) spec.required("at least one of http, tls, tcp");
  for (const route of spec.at("http").items()) checkHttpRoute(route, { atGateway, isDelegate });
  if (!isDelegate) {
    for (const route of spec.at("tls").items()) checkTlsRoute(route, hosts);
    for (const route of spec.at("tcp").items()) checkTcpRoute(route);
  }
  checkExportTo(spec.at("exportTo"), namespace);
  for (const name of routes) warnUnreachable(spec.at(name));
}

/** Without hosts it is one that others delegate to: the one that does brings hosts and gateways. */
function checkDelegated(spec: Field): void {
  for (const name of ["gateways", "tls", "tcp"]) {
    if (spec.at(name).size > 0)
      spec.at(name).forbidden("a VirtualService without hosts may have http routes alone");
  }
}

function checkHosts(field: Field, atGateway: boolean): string[] {
  const sound: { text: string; field: Field }[] = [];
  const hosts = field.texts();
  for (const host of hosts) {
    if (host.text === "*") {
      if (atGateway) sound.push(host);
      else host.field.invalid('"*" is allowed only in a VirtualService bound to gateways alone');
    } else if (isWildcardDomain(host.text) || isIp(host.text) || (atGateway && isGatewaySni(host.text))) {
      sound.push(host);
    } else {
      host.field.invalid(`domain name ${JSON.stringify(host.text.slice(0, 80))} invalid`);
    }
  }
  // With an unsound host among them, overlaps would be guesses.
  if (sound.length === hosts.length) checkOverlaps(sound);
  return sound.map(({ text }) => text);
}

const mostHosts = 500;

function checkOverlaps(hosts: readonly { text: string; field: Field }[]): void {
  const few = hosts.slice(0, mostHosts);
  for (const [index, host] of few.entries()) {
    const other = few.find(
      (candidate, at) =>
        at !== index &&
        covers(candidate.text, host.text) &&
        // Of two equal hosts the later is the duplicate.
        (candidate.text.toLowerCase() !== host.text.toLowerCase() || at < index),
    );
    if (other === undefined) continue;
    const why = `duplicate hosts in virtual service: ${other.field.path} is ${JSON.stringify(other.text)}`;
    host.field.duplicate(why);
  }
}

/** `outbound_.80_._.svc.ns.global`: what sidecars send as SNI through an east-west gateway. */
function isGatewaySni(host: string): boolean {
  const match = /^(?:outbound|inbound)_\.[0-9]{1,5}_\.([^.]*)_\.(.+)$/.exec(host);
  return match !== null && isWildcardDomain(match[2] ?? "");
}
