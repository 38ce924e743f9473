import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseBlock, parseIp } from "./cidr.ts";

const contains = (block: string, address: string): boolean | undefined => {
  const bytes = parseIp(address);
  return bytes === undefined ? undefined : parseBlock(block)?.(bytes);
};

describe("a block", () => {
  it.each([
    ["10.0.0.0/8", "10.255.1.2", true],
    ["10.0.0.0/8", "11.0.0.1", false],
    ["10.0.0.1", "10.0.0.1", true],
    ["10.0.0.1", "10.0.0.2", false],
    ["10.0.0.129/25", "10.0.0.200", true],
    ["10.0.0.129/25", "10.0.0.100", false],
    ["0.0.0.0/0", "1.2.3.4", true],
    ["0.0.0.0/0", "::1", false],
    ["::/0", "::1", true],
    ["::/0", "1.2.3.4", false],
    ["fd00::/8", "fdff::1", true],
    ["2001:db8::/33", "2001:db8:8000::1", false],
    ["10.0.0.0/8", "::ffff:10.1.2.3", true],
    ["::ffff:10.0.0.0/104", "10.1.2.3", true],
    ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8", true],
    ["1:2:3:4:5:6:0.7.0.8", "1:2:3:4:5:6:7:8", true],
  ])("%s holds %s: %s", (block, address, held) => {
    expect(contains(block, address)).toBe(held);
  });

  it.each([
    "",
    "10.0.0",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "10.0.0.0/-1",
    "::/129",
    "01.2.3.4",
    "256.1.1.1",
    "1::2::3",
    "1:2:3:4:5:6:7:8:9",
    "fe80::1%eth0",
    "::g",
    ":1",
    "1:2:3:4:5:6:7::8",
    "x",
  ])("%j is refused", (block) => {
    expect(parseBlock(block) === undefined).toBe(true);
  });

  it("holds its own address and never throws", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
        expect(contains(address, address)).toBe(true);
      }),
    );
    fc.assert(fc.property(fc.string(), (text) => void parseBlock(text)));
  });
});
