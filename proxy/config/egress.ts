/** Which of the index's entries this workload may use: the `egress.hosts` that a Sidecar resource compiles to. */
import type { FoundEntry } from "./services/index-shard.ts";

export type EgressFilter = (entry: FoundEntry) => boolean;

/** `hosts` are `namespace/host`, either side with `*`, `.` for the own namespace, `~` for none; absent admits everything. */
export function compileEgress(
  hosts: readonly string[] | undefined,
  ownNamespace: string,
  clusterDomain: string,
): EgressFilter {
  if (hosts === undefined) return () => true;
  const patterns = hosts.map((each) => {
    const slash = each.indexOf("/");
    const namespace = slash < 0 ? "*" : each.slice(0, slash);
    return {
      namespace: namespace === "." ? ownNamespace : namespace,
      host: each.slice(slash + 1).toLowerCase(),
    };
  });
  return (entry) => {
    const names = entry.hosts ?? [`${entry.name}.${entry.namespace}.svc.${clusterDomain}`];
    return patterns.some(
      ({ namespace, host }) =>
        (namespace === "*" || namespace === entry.namespace) &&
        names.some((name) => covers(host, name.toLowerCase())),
    );
  };
}

function covers(pattern: string, name: string): boolean {
  return pattern === "*" || (pattern.startsWith("*.") ? name.endsWith(pattern.slice(1)) : name === pattern);
}
