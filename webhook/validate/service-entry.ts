import { checkExportTo } from "./export-to.ts";
import type { Field } from "./field.ts";
import { checkSelectorLabels } from "./labels.ts";
import { checkDnsLabel, checkPort, isIpOrCidr, isWildcardDomain } from "./names.ts";
import { checkEndpoints, type EntryPort } from "./workload-entry.ts";

const members = [
  "hosts",
  "addresses",
  "ports",
  "location",
  "resolution",
  "endpoints",
  "workloadSelector",
  "exportTo",
  "subjectAltNames",
];
const resolutions = ["NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"] as const;
const http = ["HTTP", "HTTP2", "HTTP_PROXY", "GRPC", "GRPC-WEB"];
const tls = ["HTTPS", "TLS"];
const opaque = ["TCP", "UDP", "MONGO", "REDIS", "MYSQL", "HBONE", "DOUBLE-HBONE"];
const protocols = [...http, ...tls, ...opaque];

/** `ServiceEntry.spec`. */
export function checkServiceEntry(spec: Field, namespace: string): void {
  if (!spec.present) {
    spec.required("hosts, and where they are");
    return;
  }
  if (!spec.object(members)) return;
  spec.at("location").choice(["MESH_EXTERNAL", "MESH_INTERNAL"]);
  const given = spec.at("resolution").choice(resolutions);
  const resolution = given ?? "NONE";
  checkSelector(spec, resolution);
  const hosts = checkHosts(spec.at("hosts"), resolution);
  checkAddresses(spec.at("addresses"), resolution);
  const ports = checkPorts(spec.at("ports"));
  // What a resolution that is none of them would ask for is anybody's guess.
  if (given !== undefined || !spec.at("resolution").present) {
    if (resolution === "DYNAMIC_DNS") checkDynamic(spec, hosts, ports);
    else checkEndpoints(spec.at("endpoints"), resolution, ports);
    checkResolution(spec, resolution, hosts, ports);
  }
  checkExportTo(spec.at("exportTo"), namespace, { nobody: true });
  spec.at("subjectAltNames").texts();
}

type Resolution = (typeof resolutions)[number];

interface Host {
  readonly text: string;
  readonly field: Field;
}

function checkSelector(spec: Field, resolution: Resolution): void {
  const selector = spec.at("workloadSelector");
  if (!selector.present || !selector.object(["labels"])) return;
  checkSelectorLabels(selector, selector.at("labels"));
  if (spec.at("endpoints").present)
    spec.at("endpoints").forbidden("may not be used together with workloadSelector");
  if (resolution === "NONE")
    selector.warn("has no effect with resolution NONE: calls go where the client dials");
}

function checkHosts(field: Field, resolution: Resolution): readonly Host[] {
  const hosts = field.texts();
  if (field.size === 0) field.required("at least one host");
  for (const { text, field: host } of hosts) {
    if (text === "*") host.invalid("must name the host: * alone is every one");
    else if (!isWildcardDomain(text))
      host.invalid("must be a domain name, with a wildcard in its first label or not");
    else if (text.includes("*") && !text.startsWith("*.") && resolution !== "DYNAMIC_DNS")
      host.warn("a wildcard is for a whole label, as in *.example.com: this one is never found");
  }
  return hosts;
}

function checkAddresses(field: Field, resolution: Resolution): void {
  for (const { text, field: address } of field.texts()) {
    if (!isIpOrCidr(text)) address.invalid("must be an IP address or a CIDR, such as 198.18.0.0/15");
    else if (text.includes("/") && resolution !== "NONE" && resolution !== "STATIC")
      address.forbidden("a CIDR is for the resolutions NONE and STATIC");
  }
}

function checkPorts(field: Field): readonly EntryPort[] {
  const names = new Set<string>();
  const numbers = new Set<number>();
  return field.items().flatMap((port) => {
    if (!port.object(["number", "protocol", "name", "targetPort"])) return [];
    const name = port.at("name").text();
    if (!name) port.at("name").required("the port's name");
    else {
      checkDnsLabel(port.at("name"));
      if (names.has(name)) port.at("name").duplicate();
      names.add(name);
    }
    if (!port.at("number").present) port.at("number").required("the port that clients call");
    const number = checkPort(port.at("number"));
    if (number !== undefined && numbers.has(number)) port.at("number").duplicate();
    if (number !== undefined) numbers.add(number);
    if (port.at("targetPort").value !== 0) checkPort(port.at("targetPort"));
    const protocol = (port.at("protocol").text() ?? "").toUpperCase();
    if (protocol !== "" && !protocols.includes(protocol))
      port.at("protocol").invalid(`must be one of ${protocols.join(", ")}`);
    return { name, protocol, field: port };
  });
}

const isNamed = ({ protocol }: EntryPort) => http.includes(protocol) || tls.includes(protocol);

/** How hosts and ports go with where calls go. */
function checkResolution(
  spec: Field,
  resolution: Resolution,
  hosts: readonly Host[],
  ports: readonly EntryPort[],
): void {
  const endpoints = spec.at("endpoints");
  const resolves = resolution === "DNS" || resolution === "DNS_ROUND_ROBIN";
  if (resolution === "NONE" && endpoints.size > 0)
    endpoints.forbidden("are for another resolution than NONE, with which calls go where the client dials");
  if (resolution === "DNS_ROUND_ROBIN" && endpoints.size > 1)
    endpoints.forbidden(`${endpoints.size} endpoints; with DNS_ROUND_ROBIN there is at most one`);
  if (resolves && endpoints.size === 0 && !spec.at("workloadSelector").present)
    for (const { text, field } of hosts)
      if (text.includes("*")) field.invalid("must not be a wildcard, as it is resolved: name endpoints");
  const opaquePorts = ports.filter((port) => !isNamed(port) && port.protocol !== "UDP");
  if (resolution !== "NONE" && hosts.length > 1)
    for (const { field } of opaquePorts)
      field
        .at("protocol")
        .forbidden("with several hosts, ports are of HTTP or TLS: by TCP nothing tells the hosts apart");
  if (spec.at("addresses").size === 0 && opaquePorts.length > 0)
    spec
      .at("addresses")
      .warn("without any, TCP is the hosts' by its port, and only to their endpoints' addresses");
}

/** Names that the proxy would resolve as clients ask for them. */
function checkDynamic(spec: Field, hosts: readonly Host[], ports: readonly EntryPort[]): void {
  const why = "may not be used with resolution DYNAMIC_DNS";
  for (const { text, field } of hosts)
    if (!text.includes("*")) field.invalid("must have a wildcard, as in *.example.com");
  for (const name of ["addresses", "endpoints"]) if (spec.at(name).size > 0) spec.at(name).forbidden(why);
  for (const { protocol, field } of ports)
    if (!["HTTP", "HTTP2", "GRPC", "TLS"].includes(protocol))
      field.at("protocol").invalid("must be HTTP, HTTP2, GRPC or TLS with resolution DYNAMIC_DNS");
}
