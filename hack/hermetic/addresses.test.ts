import { describe, expect, it } from "vitest";
import { maxNodes, nodeAddress } from "./addresses.ts";

describe("the cluster's addresses", () => {
  it("are a link of four addresses and a /24 of pods for each node", () => {
    expect(nodeAddress(1)).toMatchObject({
      address: "198.18.255.2",
      gateway: "198.18.255.1",
      pods: "198.18.1.0/24",
    });
    expect(nodeAddress(2)).toMatchObject({
      address: "198.18.255.6",
      gateway: "198.18.255.5",
      pods: "198.18.2.0/24",
    });
  });

  it("never meet: every node has its own, and the links' network is nobody's pods", () => {
    const nodes = Array.from({ length: maxNodes }, (_, index) => nodeAddress(index + 1));
    const all = nodes.flatMap(({ address, gateway, pods, link, zone }) => [
      address,
      gateway,
      pods,
      link,
      zone,
    ]);
    expect(new Set(all).size).toBe(maxNodes * 5);
    expect(nodes.map(({ pods }) => pods)).not.toContain("198.18.255.0/24");
    for (const { address } of nodes) expect(Number(address.split(".")[3])).toBeLessThan(255);
  });

  it.each([0, -1, 1.5, maxNodes + 1, Number.NaN])("have no node %d", (number) => {
    expect(() => nodeAddress(number)).toThrow(`expected a whole number from 1 to ${maxNodes}`);
  });
});
