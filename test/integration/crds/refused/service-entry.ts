import { type Refusal, refusalOf } from "./refusal.ts";

const refused = refusalOf("serviceentries");
const refusedEntry = (name: string, part: object, says: string) =>
  refused(name, { hosts: ["a.example"], ...part }, says);

export const serviceEntryRefusals: readonly Refusal[] = [
  refused("no spec", undefined, "spec: Required value"),
  refusedEntry("no hosts", { hosts: [] }, "spec.hosts in body should have at least 1 items"),
  refusedEntry("every host", { hosts: ["*"] }, 'spec.hosts[0]: Invalid value: "*": name the host'),
  refusedEntry(
    "a selector and endpoints",
    { resolution: "STATIC", workloadSelector: {}, endpoints: [{ address: "192.0.2.1" }] },
    "set at most one of workloadSelector and endpoints",
  ),
  refusedEntry(
    "a CIDR that is resolved",
    { addresses: ["198.18.0.0/15"], resolution: "DNS" },
    "addresses may be CIDRs when resolution is NONE or STATIC",
  ),
  refusedEntry(
    "endpoints that nothing leads to",
    { endpoints: [{ address: "192.0.2.1" }] },
    "endpoints are for a resolution other than NONE",
  ),
  refusedEntry(
    "two endpoints of DNS_ROUND_ROBIN",
    { resolution: "DNS_ROUND_ROBIN", endpoints: [{ address: "a.example" }, { address: "b.example" }] },
    "with DNS_ROUND_ROBIN there is at most one endpoint",
  ),
  refusedEntry(
    "two ports of one number",
    {
      ports: [
        { number: 80, name: "a" },
        { number: 80, name: "b" },
      ],
    },
    "each port has a number of its own",
  ),
  refusedEntry(
    "two ports of one name",
    {
      ports: [
        { number: 80, name: "a" },
        { number: 81, name: "a" },
      ],
    },
    "spec.ports[1]: Duplicate value",
  ),
  refusedEntry("a port 0", { ports: [{ number: 0, name: "a" }] }, "spec.ports[0].number"),
  refusedEntry(
    "a target port beyond 65535",
    { ports: [{ number: 1, name: "a", targetPort: 65536 }] },
    "spec.ports[0].targetPort",
  ),
  refusedEntry(
    "a selector with a wildcard",
    { workloadSelector: { labels: { app: "a*" } } },
    "wildcards are not supported",
  ),
  refusedEntry(
    "an endpoint that is nowhere",
    { resolution: "STATIC", endpoints: [{}] },
    "set address, or network",
  ),
  refusedEntry(
    "a relative Unix socket",
    { resolution: "STATIC", endpoints: [{ address: "unix://a" }] },
    "a Unix socket is an absolute path, or abstract",
  ),
  refusedEntry(
    "a folder for a Unix socket",
    { resolution: "STATIC", endpoints: [{ address: "unix:///a/" }] },
    "a Unix socket is not a folder",
  ),
  refusedEntry(
    "ports of a Unix socket",
    { resolution: "STATIC", endpoints: [{ address: "unix:///a", ports: { a: 1 } }] },
    "a Unix socket has no ports",
  ),
  refusedEntry(
    "an endpoint's port 0",
    { resolution: "STATIC", endpoints: [{ address: "192.0.2.1", ports: { a: 0 } }] },
    "spec.endpoints[0].ports.a",
  ),
  refusedEntry(
    "an endpoint's port with a name that is none",
    { resolution: "STATIC", endpoints: [{ address: "192.0.2.1", ports: { a_b: 1 } }] },
    "a port's name is a DNS label",
  ),
];
