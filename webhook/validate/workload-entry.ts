import type { Field } from "./field.ts";
import { checkLabels } from "./labels.ts";
import { checkPort, isFqdn, isIp } from "./names.ts";

const members = ["address", "ports", "labels", "network", "locality", "weight", "serviceAccount"];
const unix = "unix://";

/** One of a ServiceEntry's ports. */
export interface EntryPort {
  readonly name: string | undefined;
  /** In capitals; "" for one that is found out. */
  readonly protocol: string;
  readonly field: Field;
}

/** A ServiceEntry's endpoints. */
export function checkEndpoints(
  field: Field,
  resolution: "NONE" | "STATIC" | "DNS" | "DNS_ROUND_ROBIN",
  ports: readonly EntryPort[],
): void {
  for (const endpoint of field.items()) {
    if (!endpoint.object(members)) continue;
    checkAddress(endpoint, resolution === "STATIC", ports);
    for (const { key, field: port } of endpoint.at("ports").entries()) {
      if (!ports.some(({ name }) => name === key)) port.forbidden("spec.ports has no port of this name");
      checkPort(port);
    }
    checkLabels(endpoint.at("labels"));
    for (const name of ["network", "locality", "serviceAccount"]) endpoint.at(name).text();
    endpoint.at("weight").integer(0, 4_294_967_295);
  }
}

function checkAddress(endpoint: Field, isStatic: boolean, ports: readonly EntryPort[]): void {
  const address = endpoint.at("address");
  const text = address.text() ?? "";
  if (text === "") {
    if (!endpoint.at("network").present) address.required(isStatic ? "an IP address" : "a DNS name or an IP");
    else endpoint.warn("is left out: it has a network, and no address in it");
  } else if (text.startsWith(unix) && isStatic) checkSocket(endpoint, text, ports);
  else if (isStatic ? !isIp(text) : !isIp(text) && !isFqdn(text))
    address.invalid(
      isStatic
        ? "must be an IP address or unix:///path with resolution STATIC; a name needs DNS"
        : "must be a DNS name or an IP address",
    );
}

function checkSocket(endpoint: Field, text: string, ports: readonly EntryPort[]): void {
  const path = text.slice(unix.length);
  if (!/^(?:@.+|\/.*[^/])$/.test(path))
    endpoint.at("address").invalid("must be an absolute path, not a folder's, or abstract (unix://@name)");
  if (endpoint.at("ports").size > 0) endpoint.at("ports").forbidden("a Unix socket has no ports");
  if (ports.length !== 1)
    endpoint.at("address").forbidden(`a Unix socket is for one port; spec.ports has ${ports.length}`);
}
