import { expect, it } from "vitest";
import { remoteAddress } from "./forwarded-for.ts";

it.each<[string, string | undefined, string]>([
  ["no header", undefined, "10.0.0.7"],
  ["one address", "192.0.2.1", "192.0.2.1"],
  ["what clients claim before it", "192.0.2.9, 192.0.2.1", "192.0.2.1"],
  ["IPv6", "192.0.2.9,2001:db8::1 ", "2001:db8::1"],
  ["an empty entry", "192.0.2.1,", "10.0.0.7"],
  ["a name", "unknown", "10.0.0.7"],
  ["an address with a port", "192.0.2.1:80", "10.0.0.7"],
])("the original client's address, by %s", (_, header, expected) => {
  expect(remoteAddress(header, "10.0.0.7")).toBe(expected);
});
