import { describe, expect, it } from "vitest";
import { proxyHeader } from "./proxy-protocol.ts";

const v4 = [
  { address: "198.18.0.1", port: 40_000 },
  { address: "10.0.0.9", port: 443 },
] as const;
const v6 = [
  { address: "fd00::1", port: 40_000 },
  { address: "fd00:96::9", port: 443 },
] as const;

describe("the PROXY protocol's header", () => {
  it.each([
    [v4, "PROXY TCP4 198.18.0.1 10.0.0.9 40000 443\r\n"],
    [v6, "PROXY TCP6 fd00:0:0:0:0:0:0:1 fd00:96:0:0:0:0:0:9 40000 443\r\n"],
    [[v4[0], v6[1]], "PROXY UNKNOWN\r\n"],
    [[{ address: "", port: 0 }, v4[1]], "PROXY UNKNOWN\r\n"],
  ] as const)("in version 1, of %j", ([source, destination], text) => {
    expect(Buffer.from(proxyHeader("V1", source, destination)).toString()).toBe(text);
  });

  it.each([
    [v4, "21" + "11" + "000c" + "c6120001" + "0a000009" + "9c40" + "01bb"],
    [v6, `21210024fd00${"0".repeat(26)}01fd000096${"0".repeat(22)}099c4001bb`],
    [[v4[0], v6[1]], "20000000"],
  ] as const)("in version 2, of %j", ([source, destination], hex) => {
    expect(Buffer.from(proxyHeader("V2", source, destination)).toString("hex")).toBe(
      `0d0a0d0a000d0a515549540a${hex}`,
    );
  });
});
