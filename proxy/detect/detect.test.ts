import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { serverName } from "./client-hello.ts";
import { type Detected, detect } from "./detect.ts";

const bytes = (text: string) => Buffer.from(text, "latin1");

describe("detection", () => {
  it.each([
    ["http1", "GET / HTTP/1.1\r\n"],
    ["http1", "PROPFIND /x HTTP/1.1\r\nHost: a\r\n"],
    ["http1", "GET / HTTP/1.0\r\n"],
    ["http1", "GET / HTTP/1.1\n"],
    ["http1", `GET /${"x".repeat(9000)}`],
    ["http2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["more", "PRI * HTTP/2.0\r\n\r\n"],
    ["tls", "\x16\x03\x01\x00\xa0\x01"],
    ["tcp", "\x16\x03\x01\x00\xa0\x02"],
    ["tcp", "\x16\x02"],
    ["more", "\x16\x03\x01"],
    ["more", ""],
    ["more", "GE"],
    ["more", "GET /something"],
    ["tcp", "SSH-2.0-OpenSSH\r\n"],
    ["tcp", "EHLO example.org\r\n"],
    ["tcp", "*1\r\n$4\r\nPING\r\n"],
    ["tcp", "get key\r\n"],
    ["tcp", "GET /\x01\x02"],
    ["tcp", "USER guest HTTP\r\n"],
    ["tcp", "\x00\x00\x00\x10"],
    ["tcp", `${"A".repeat(21)} / HTTP/1.1\r\n`],
  ] satisfies [Detected, string][])("says %s of %j", (protocol, text) => {
    expect(detect(bytes(text))).toBe(protocol);
  });

  it("comes to the same end however the bytes arrive", () => {
    const text = fc.oneof(
      fc.constantFrom(
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01\x00\x05\x01abcd",
      ),
      fc.uint8Array({ minLength: 1, maxLength: 60 }).map((each) => Buffer.from(each).toString("latin1")),
    );
    fc.assert(
      fc.property(text, (each) => {
        const whole = detect(bytes(each));
        for (let length = 1; length < each.length; length++) {
          const found = detect(bytes(each.slice(0, length)));
          if (found !== "more") {
            expect(found).toBe(whole);
            return;
          }
        }
      }),
    );
  });
});

/** A ClientHello with these extensions, in records of at most `recordSize` bytes. */
function clientHello(extensions: readonly Buffer[], recordSize = 16_384): Buffer {
  const list = Buffer.concat(extensions);
  const u16 = (value: number) => Buffer.from([value >> 8, value & 0xff]);
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    Buffer.from([1, 0x55]),
    u16(2),
    Buffer.from([0x13, 0x01]),
    Buffer.from([1, 0]),
    u16(list.length),
    list,
  ]);
  const message = Buffer.concat([Buffer.from([1, 0, body.length >> 8, body.length & 0xff]), body]);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += recordSize) {
    const part = message.subarray(at, at + recordSize);
    records.push(Buffer.from([0x16, 3, 1]), u16(part.length), part);
  }
  return Buffer.concat(records);
}

function sniExtension(name: string): Buffer {
  const bytes = Buffer.from(name);
  const entry = Buffer.concat([Buffer.from([0, bytes.length >> 8, bytes.length & 0xff]), bytes]);
  const list = Buffer.concat([Buffer.from([entry.length >> 8, entry.length & 0xff]), entry]);
  return Buffer.concat([Buffer.from([0, 0, list.length >> 8, list.length & 0xff]), list]);
}

const other = Buffer.from([0x00, 0x2b, 0x00, 0x03, 0x02, 0x03, 0x04]);

describe("the server name of a ClientHello", () => {
  it("is found behind other extensions, in lower case", () => {
    expect(serverName(clientHello([other, sniExtension("Web.Demo.Example")]))).toBe("web.demo.example");
  });

  it("is empty when there is none, or when the bytes are no hello", () => {
    expect(serverName(clientHello([other]))).toBe("");
    expect(serverName(bytes("GET / HTTP/1.1\r\n"))).toBe("");
    expect(serverName(Buffer.from([0x16, 3, 1, 0, 4, 2, 0, 0, 0]))).toBe("");
  });

  it("is asked for again until the hello is whole, over as many records as it takes", () => {
    for (const size of [16_384, 40, 7, 1]) {
      const hello = clientHello([other, sniExtension("web.demo")], size);
      expect(serverName(hello)).toBe("web.demo");
      for (let length = 0; length < hello.length; length++)
        expect(serverName(hello.subarray(0, length))).toBeUndefined();
    }
  });

  it("never throws, and never waits for more than it may", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        const name = serverName(Buffer.concat([Buffer.from([0x16, 3, 1, 0, noise.length]), noise]));
        expect(name === undefined || typeof name === "string").toBe(true);
      }),
    );
    expect(
      serverName(Buffer.from([0x16, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff, ...new Uint8Array(16_400)])),
    ).toBe("");
  });
});
