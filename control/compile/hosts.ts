/** Host names in mesh resources: short names, wildcards, and which of several matching hosts wins. */
import { isIP } from "node:net";
import { compareText } from "./order.ts";

/**
 * The full name of a host as written in a rule. A name without a dot is a service of the RULE's namespace, not of the
 * client's; `*`, addresses and names with a dot stay as they are, so that `reviews.prod` is not expanded.
 */
export function resolveHost(host: string, namespace: string, clusterDomain: string): string {
  const name = host.toLowerCase();
  if (name === "" || name === "*" || name.includes(".") || isIP(name) !== 0) return name.replace(/\.$/, "");
  return serviceHost(namespace, name, clusterDomain);
}

/** A Kubernetes service's full name. */
export function serviceHost(namespace: string, name: string, clusterDomain: string): string {
  return `${name}.${namespace}.svc.${clusterDomain}`;
}

/** `namespace/name` of the Kubernetes service that a full name would be of, or undefined when it has another shape. */
export function serviceOfHost(host: string, clusterDomain: string): string | undefined {
  const suffix = `.svc.${clusterDomain}`;
  if (!host.endsWith(suffix)) return undefined;
  const [name, namespace, ...more] = host.slice(0, -suffix.length).split(".");
  if (name === undefined || namespace === undefined || more.length > 0 || name.startsWith("*"))
    return undefined;
  return `${namespace}/${name}`;
}

export function isWildcard(host: string): boolean {
  return host.startsWith("*");
}

/** Whether a host of a rule covers a full name: `*.foo.com` covers `a.foo.com` and `a.b.foo.com`, not `foo.com`. */
export function hostCovers(pattern: string, host: string): boolean {
  return isWildcard(pattern) ? host.endsWith(pattern.slice(1)) : pattern === host;
}

/** Exact before wildcard, longer before shorter, then alphabetical. */
export function bySpecificity(a: string, b: string): number {
  return Number(isWildcard(a)) - Number(isWildcard(b)) || b.length - a.length || compareText(a, b);
}

/**
 * Whether a VirtualService's host stands for itself in the index, as no Kubernetes service's name can match it.
 * Names under `svc.<clusterDomain>` never do: without their service they do not resolve, so nobody calls them.
 */
export function isBareHost(host: string, clusterDomain: string): boolean {
  if (host === "" || host === "*") return false;
  const services = `.svc.${clusterDomain}`;
  if (host.endsWith(services)) return false;
  return !(isWildcard(host) && services.endsWith(host.slice(1)));
}
