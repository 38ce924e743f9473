import { ports, proxyUid } from "./names.ts";
import type { Redirection } from "./redirection.ts";

/**
 * The pod's redirection as one nft ruleset, applied atomically. Adding the table before deleting it makes a rerun of
 * the init container end in the same rules, on every kernel with `inet` NAT (5.2).
 *
 * Priorities are numbers: nft knows the name `dstnat` in prerouting only, and -100 is what it stands for.
 */
export function nftRuleset(redirection: Redirection): string {
  return [
    "add table inet weft",
    "delete table inet weft",
    "table inet weft {",
    "  chain outbound {",
    "    type nat hook output priority -100; policy accept;",
    ...outboundRules(redirection).map((rule) => `    ${rule}`),
    "  }",
    "  chain inbound {",
    "    type nat hook prerouting priority -100; policy accept;",
    ...inboundRules(redirection).map((rule) => `    ${rule}`),
    "  }",
    "}",
    "",
  ].join("\n");
}

/** First match wins. */
function outboundRules(redirection: Redirection): string[] {
  const redirect = `redirect to :${ports.outbound}`;
  return [
    "meta l4proto != tcp return",
    // The proxy's own connections, to upstreams and to the application.
    `meta skuid ${proxyUid} return`,
    // Loopback and the pod's own addresses: the application talking to itself needs no mesh.
    "fib daddr type local return",
    ...when(
      redirection.excludeInterfaces.length > 0,
      `oifname ${quoted(redirection.excludeInterfaces)} return`,
    ),
    ...portRule(redirection.excludeOutboundPorts, "return"),
    ...rangeRules(redirection.excludeOutboundRanges, "return"),
    ...portRule(redirection.includeOutboundPorts, redirect),
    ...(redirection.includeOutboundRanges === "all"
      ? [`meta l4proto tcp ${redirect}`]
      : rangeRules(redirection.includeOutboundRanges, `meta l4proto tcp ${redirect}`)),
  ];
}

function inboundRules(redirection: Redirection): string[] {
  const redirect = `redirect to :${ports.inbound}`;
  // The proxy's own ports are dialled directly: by peers, the kubelet and Prometheus.
  const own = [ports.inboundMtls, ports.admin, ports.readiness, ports.metrics];
  return [
    "meta l4proto != tcp return",
    'iifname "lo" return',
    ...when(
      redirection.excludeInterfaces.length > 0,
      `iifname ${quoted(redirection.excludeInterfaces)} return`,
    ),
    ...portRule([...own, ...redirection.excludeInboundPorts], "return"),
    ...(redirection.includeInboundPorts === "all"
      ? [`meta l4proto tcp ${redirect}`]
      : portRule(redirection.includeInboundPorts, redirect)),
  ];
}

function portRule(list: readonly number[], verdict: string): string[] {
  return when(list.length > 0, `tcp dport { ${list.join(", ")} } ${verdict}`);
}

function rangeRules(list: readonly string[], verdict: string): string[] {
  const v6 = list.filter((range) => range.includes(":"));
  const v4 = list.filter((range) => !range.includes(":"));
  return [
    ...when(v4.length > 0, `ip daddr { ${v4.join(", ")} } ${verdict}`),
    ...when(v6.length > 0, `ip6 daddr { ${v6.join(", ")} } ${verdict}`),
  ];
}

function quoted(names: readonly string[]): string {
  return `{ ${names.map((name) => `"${name}"`).join(", ")} }`;
}

function when(present: boolean, rule: string): string[] {
  return present ? [rule] : [];
}
