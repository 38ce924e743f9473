import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { endpointOf, SOCKADDR_BYTES } from "./sockaddr.ts";

function v6(groups: readonly number[], port = 80): Uint8Array {
  const bytes = new Uint8Array(SOCKADDR_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 10, true);
  view.setUint16(2, port);
  for (const [index, group] of groups.entries()) view.setUint16(8 + index * 2, group);
  return bytes;
}

describe("a socket address", () => {
  it("of IPv4 is read from the network's byte order", () => {
    const bytes = Uint8Array.from([2, 0, 0x1f, 0x90, 10, 96, 0, 1, ...new Uint8Array(20)]);
    expect(endpointOf(bytes)).toEqual({ address: "10.96.0.1", port: 8080 });
  });

  it.each([
    [[0xfd00, 0x96, 0, 0, 0, 0, 0, 1], "fd00:96::1"],
    [[0, 0, 0, 0, 0, 0, 0, 1], "::1"],
    [[0, 0, 0, 0, 0, 0, 0, 0], "::"],
    [[0x2001, 0xdb8, 0, 1, 0, 0, 0, 1], "2001:db8:0:1::1"],
    [[0x2001, 0xdb8, 0, 0, 1, 0, 0, 1], "2001:db8::1:0:0:1"],
    [[1, 0, 2, 3, 4, 5, 6, 7], "1:0:2:3:4:5:6:7"],
    [[0xfe80, 0, 0, 0, 0, 0, 0, 0], "fe80::"],
  ])("of IPv6 is written as RFC 5952 says: %j", (groups, text) => {
    expect(endpointOf(v6(groups))).toEqual({ address: text, port: 80 });
  });

  it("of IPv6 has one text, which reads back as the same address", () => {
    const group = fc.oneof(fc.constant(0), fc.nat(0xffff));
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const text = endpointOf(v6(groups))?.address ?? "";
        const [left = "", right] = text.split("::");
        const parse = (part: string) =>
          part === "" ? [] : part.split(":").map((each) => Number.parseInt(each, 16));
        const tail = right === undefined ? [] : parse(right);
        const head = parse(left);
        const zeros = right === undefined ? [] : new Array(8 - head.length - tail.length).fill(0);
        expect([...head, ...zeros, ...tail]).toEqual(groups);
      }),
    );
  });

  it("of another family is none", () => {
    expect(endpointOf(new Uint8Array(SOCKADDR_BYTES))).toBeUndefined();
  });
});
