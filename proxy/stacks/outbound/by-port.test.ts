import { describe, expect, it } from "vitest";
import type { Cluster, EndpointHandle, Target } from "../../config/view.ts";
import { hostByPort } from "./by-port.ts";

const destination = { address: "192.0.2.1", port: 3306 };

/** A host with endpoints at these addresses; `NONE` where the dialled address is the endpoint, `lost` when it never loads. */
function host(name: string, ...addresses: (string | "NONE" | "lost")[]): Target {
  const cluster = {
    originalDestination: addresses.includes("NONE"),
    at: (address: string) =>
      addresses.includes("NONE") || addresses.includes(address) ? ({} as EndpointHandle) : undefined,
  } as Cluster;
  const target = { host: name, tcp: () => cluster } as unknown as Target;
  const load = async () => {
    if (addresses.includes("lost")) throw new Error("not in time");
    return target;
  };
  return { ...target, load };
}

describe("opaque TCP on the port of hosts without addresses", () => {
  it.each([
    ["the host that has the dialled address", ["a"], ["b", "192.0.2.1"], "b", "b"],
    ["the first of several that have it", ["a", "192.0.2.1"], ["b", "192.0.2.1"], "a", "a"],
    ["nobody's, save where it would be refused", ["a", "192.0.2.9"], ["b"], undefined, "a"],
    [
      "no host's that has every address, save where it would be refused",
      ["a", "NONE"],
      ["b"],
      undefined,
      "a",
    ],
    ["none's that is not known in time", ["a", "lost"], ["b", "192.0.2.9"], undefined, "b"],
  ])("is %s", async (_, first, second, allowed, registered) => {
    const hosts = [first, second].map(([name = "", ...addresses]) => host(name, ...addresses));
    expect((await hostByPort(hosts, destination, "ALLOW_ANY"))?.host).toBe(allowed);
    expect((await hostByPort(hosts, destination, "REGISTRY_ONLY"))?.host).toBe(registered);
  });
});
