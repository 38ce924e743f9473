import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteBuffer } from "../byte-buffer.ts";
import { Decoder, type FieldSink } from "./decoder.ts";
import { Encoder } from "./encoder.ts";
import type { Entry } from "./entry.ts";
import { decodeHuffman, huffmanCodes } from "./huffman.ts";

/** Collects what a block says, as `name: value`. */
class Fields implements FieldSink {
  readonly lines = new ByteBuffer();
  list: string[] = [];
  secrets: string[] = [];

  indexed(entry: Entry): void {
    this.list.push(Buffer.from(entry.line).toString("latin1").slice(0, -2));
  }
  literal(start: number, _nameEnd: number, end: number, never: boolean): void {
    const line = this.lines.bytes.toString("latin1", start, end - 2);
    this.list.push(line);
    if (never) this.secrets.push(line);
    this.lines.length = end;
  }
}

function decode(decoder: Decoder, hex: string): string[] | undefined {
  const bytes = Buffer.from(hex.replace(/\s/g, ""), "hex");
  const fields = new Fields();
  return decoder.decode(bytes, 0, bytes.length, fields.lines, fields) ? fields.list : undefined;
}

const REQUEST = [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"];

describe("Decoder", () => {
  it.each([
    [
      "C.2.1 literal with indexing",
      "400a637573746f6d2d6b65790d637573746f6d2d686561646572",
      ["custom-key: custom-header"],
    ],
    ["C.2.2 literal without indexing", "040c2f73616d706c652f70617468", [":path: /sample/path"]],
    ["C.2.3 literal never indexed", "100870617373776f726406736563726574", ["password: secret"]],
    ["C.2.4 indexed", "82", [":method: GET"]],
  ])("reads RFC 7541 %s", (_name, hex, expected) => {
    expect(decode(new Decoder(), hex)).toEqual(expected);
  });

  it.each([
    [
      "C.3, without Huffman",
      "828684410f7777772e6578616d706c652e636f6d",
      "828684be58086e6f2d6361636865",
      "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
    ],
    [
      "C.4, with Huffman",
      "828684418cf1e3c2e5f23a6ba0ab90f4ff",
      "828684be5886a8eb10649cbf",
      "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    ],
  ])("reads the requests of RFC 7541 %s", (_name, first, second, third) => {
    const decoder = new Decoder();
    expect(decode(decoder, first)).toEqual(REQUEST);
    expect(decode(decoder, second)).toEqual([...REQUEST, "cache-control: no-cache"]);
    expect(decode(decoder, third)).toEqual([
      ":method: GET",
      ":scheme: https",
      ":path: /index.html",
      ":authority: www.example.com",
      "custom-key: custom-value",
    ]);
  });

  it.each([
    [
      "C.5, without Huffman",
      `4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54
       6e1768747470733a2f2f7777772e6578616d706c652e636f6d`,
      "4803333037c1c0bf",
      `88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f
       3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076
       657273696f6e3d31`,
    ],
    [
      "C.6, with Huffman",
      `488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad1718
       63c78f0b97c8e9ae82ae43d3`,
      "4883640effc1c0bf",
      `88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7
       b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007`,
    ],
  ])("evicts as in the responses of RFC 7541 %s", (_name, first, second, third) => {
    // The vectors are for a table of 256 bytes: its size goes before the first block.
    const decoder = new Decoder();
    expect(decode(decoder, `3fe101${first}`)).toEqual([
      ":status: 302",
      "cache-control: private",
      "date: Mon, 21 Oct 2013 20:13:21 GMT",
      "location: https://www.example.com",
    ]);
    expect(decode(decoder, second)?.[0]).toBe(":status: 307");
    expect(decode(decoder, third)).toEqual([
      ":status: 200",
      "cache-control: private",
      "date: Mon, 21 Oct 2013 20:13:22 GMT",
      "location: https://www.example.com",
      "content-encoding: gzip",
      "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
    ]);
    expect(decode(decoder, "c1")).toBeUndefined();
  });

  it.each([
    ["index 0", "80"],
    ["an index behind both tables", "be"],
    ["a literal that names an entry behind both tables", "7e0161"],
    ["an integer that never ends", "ffffffffffffffff"],
    ["an integer beyond any use", "7fffffffff7f"],
    ["an integer that is cut off", "ff80"],
    ["a string longer than its block", "400a6162"],
    ["a block that ends within a name", "40"],
    ["a block that ends behind a name", "400161"],
    ["a table larger than what we allow", "3fe21f"],
    ["a change of the table's size behind a field", "8220"],
    ["Huffman padding of zeros", "0481e0"],
    ["Huffman padding of eight bits", "0482f8ff"],
    ["Huffman's EOS", "0484ffffffff"],
  ])("refuses %s", (_name, hex) => {
    expect(decode(new Decoder(), hex)).toBeUndefined();
  });

  it("never fails otherwise than by saying so, whatever comes", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), (blocks) => {
        const decoder = new Decoder();
        for (const block of blocks) {
          const fields = new Fields();
          if (!decoder.decode(block, 0, block.length, fields.lines, fields)) return;
        }
      }),
    );
  });
});

describe("the Huffman code", () => {
  it("is complete, and its shortest and longest codes are the RFC's", () => {
    const codes = huffmanCodes();
    expect(codes).toHaveLength(257);
    expect(codes.reduce((sum, { length }) => sum + 2 ** -length, 0)).toBe(1);
    expect(codes[0]).toEqual({ symbol: 48, code: 0, length: 5 });
    expect(codes.find(({ symbol }) => symbol === 256)).toEqual({ symbol: 256, code: 0x3fffffff, length: 30 });
    expect(codes.find(({ symbol }) => symbol === 92)).toEqual({ symbol: 92, code: 0x7fff0, length: 19 });
  });

  it("gives back any bytes that were coded with it", () => {
    const codes = new Map(huffmanCodes().map((each) => [each.symbol, each]));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        let bits = "";
        for (const byte of bytes) {
          const { code, length } = codes.get(byte) ?? { code: 0, length: 0 };
          bits += code.toString(2).padStart(length, "0");
        }
        bits = bits.padEnd(Math.ceil(bits.length / 8) * 8, "1");
        const coded = Uint8Array.from(bits.match(/.{8}/g) ?? [], (octet) => Number.parseInt(octet, 2));
        const out = new Uint8Array(Math.ceil((coded.length * 8) / 5) + 1);
        const end = decodeHuffman(coded, 0, coded.length, out, 0);
        expect([...out.subarray(0, end)]).toEqual([...bytes]);
      }),
    );
  });
});

type Field = readonly [name: string, value: string];

function encode(encoder: Encoder, fields: readonly Field[], secret = false): Buffer {
  const out = new ByteBuffer();
  encoder.begin(out);
  for (const [name, value] of fields) {
    const bytes = Buffer.from(name + value, "latin1");
    encoder.field(out, bytes, 0, name.length, name.length, bytes.length, secret);
  }
  return Buffer.from(out.bytes.subarray(0, out.length));
}

describe("Encoder", () => {
  it("puts a field into the table the second time, and writes a byte from the third", () => {
    const encoder = new Encoder();
    const fields: Field[] = [
      ["user-agent", "grpc-go/1.60"],
      ["x-team", "payments"],
    ];
    const lengths = [0, 1, 2, 3].map(() => encode(encoder, fields).length);
    expect(lengths.slice(2)).toEqual([2, 2]);
    expect(lengths[0]).toBeGreaterThan(20);
  });

  it("says whether a block may be repeated as it is", () => {
    const encoder = new Encoder();
    const fields: Field[] = [["x-team", "payments"]];
    const repeatable = [0, 1, 2].map(() => {
      encode(encoder, fields);
      return encoder.repeatable;
    });
    expect(repeatable).toEqual([false, false, true]);
  });

  it.each([
    ["authorization", "Bearer abc", false],
    ["cookie", "session=1", false],
    ["set-cookie", "session=1", false],
    ["x-key", "secret", true],
  ])("writes %s as never to be indexed, however often it comes", (name, value, secret) => {
    const encoder = new Encoder();
    for (let times = 0; times < 4; times++) {
      const block = encode(encoder, [[name, value]], secret);
      const fields = new Fields();
      expect(new Decoder().decode(block, 0, block.length, fields.lines, fields)).toBe(true);
      expect(fields.secrets).toEqual([`${name}: ${value}`]);
    }
  });

  it("announces the smallest and the last size when the peer's limit changes twice", () => {
    const encoder = new Encoder();
    encode(encoder, [["a", "b"]]);
    encode(encoder, [["a", "b"]]);
    encoder.limit(0);
    encoder.limit(2048);
    expect(encode(encoder, []).toString("hex")).toBe("203fe10f");
    expect(encode(encoder, [["a", "b"]]).length).toBeGreaterThan(1);
  });

  it("is understood by the decoder whatever comes, limits included", () => {
    const token = fc.constantFrom(
      "x-a",
      "x-bb",
      "accept",
      "cookie",
      ":path",
      "date",
      "x-long-name-of-a-header",
    );
    const value = fc.oneof(
      fc.constantFrom("", "1", "gzip", "a".repeat(200), "b".repeat(3000)),
      fc.string({ unit: "binary-ascii", maxLength: 40 }),
    );
    const block = fc.record({
      fields: fc.array(fc.tuple(token, value), { maxLength: 12 }),
      limit: fc.option(fc.integer({ min: 0, max: 4096 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(block, { maxLength: 20 }), (blocks) => {
        const encoder = new Encoder();
        const decoder = new Decoder();
        for (const { fields, limit } of blocks) {
          if (limit !== undefined) encoder.limit(limit);
          const bytes = encode(encoder, fields);
          const read = new Fields();
          expect(decoder.decode(bytes, 0, bytes.length, read.lines, read)).toBe(true);
          expect(read.list).toEqual(fields.map(([name, text]) => `${name}: ${text}`));
        }
      }),
    );
  });
});
