import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { HeadEdits } from "../http/edits.ts";
import { Head, STRIDE } from "../http/head.ts";
import { refusal } from "../http/refusal.ts";
import { RequestHead } from "../http/request-head.ts";
import { ResponseHead } from "../http/response-head.ts";
import { ByteBuffer } from "./byte-buffer.ts";
import { DECODED, HeadDecoder, UNDECODABLE } from "./head-decoder.ts";
import { HeadEncoder } from "./head-encoder.ts";
import { Decoder } from "./hpack/decoder.ts";
import { Encoder } from "./hpack/encoder.ts";

type Field = readonly [name: string, value: string];

function block(fields: readonly Field[], encoder = new Encoder()): Buffer {
  const out = new ByteBuffer();
  encoder.begin(out);
  for (const [name, value] of fields) {
    const bytes = Buffer.from(name + value, "latin1");
    encoder.field(out, bytes, 0, name.length, name.length, bytes.length, false);
  }
  return Buffer.from(out.bytes.subarray(0, out.length));
}

const connect = (authority: string): Field[] => [
  [":method", "CONNECT"],
  [":authority", authority],
];

function readRequest(fields: readonly Field[]): { result: number; head: RequestHead } {
  const bytes = block(fields);
  const head = new RequestHead();
  return { result: new HeadDecoder().request(new Decoder(), bytes, 0, bytes.length, head), head };
}

function lines(head: Head): string {
  return Buffer.from(head.bytes).toString("latin1", head.start, head.end);
}

const PSEUDO: Field[] = [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/a?b=1"],
  [":authority", "shop.example:80"],
];
const EXTENDED: Field[] = [[":protocol", "websocket"], [":method", "CONNECT"], ...PSEUDO.slice(1)];

describe("a request's head", () => {
  it("is laid out as HTTP/1.1 writes it", () => {
    const { result, head } = readRequest([...PSEUDO, ["accept", "*/*"], ["content-length", "3"]]);
    expect(result).toBe(DECODED);
    expect(lines(head)).toBe(
      "GET /a?b=1 HTTP/1.1\r\nhost: shop.example:80\r\naccept: */*\r\ncontent-length: 3\r\n\r\n",
    );
    expect(head).toMatchObject({
      method: "GET",
      path: "/a?b=1",
      authority: "shop.example:80",
      contentLength: 3,
    });
    expect(Buffer.from(head.bytes).toString("latin1", head.targetStart, head.targetEnd)).toBe("/a?b=1");
    expect(head.header("host")).toBe("shop.example:80");
    expect(head.header("accept")).toBe("*/*");
  });

  it("is read the same way when its fields come from a table", () => {
    const encoder = new Encoder();
    const decoder = new Decoder();
    const heads = new HeadDecoder();
    const seen = [0, 1, 2, 3].map(() => {
      const bytes = block([...PSEUDO, ["accept", "*/*"], ["user-agent", "curl"]], encoder);
      const head = new RequestHead();
      expect(heads.request(decoder, bytes, 0, bytes.length, head)).toBe(DECODED);
      return { text: lines(head), path: head.path, agent: head.header("user-agent") };
    });
    expect(new Set(seen.map((each) => JSON.stringify(each))).size).toBe(1);
  });

  it("joins the parts of a cookie, which HTTP/1 must have in one", () => {
    const { head } = readRequest([...PSEUDO, ["cookie", "a=1"], ["x", "y"], ["cookie", "b=2"]]);
    expect(head.header("cookie")).toBe("a=1; b=2");
    expect(lines(head).match(/cookie/g)).toHaveLength(1);
  });

  it("takes Host where there is no :authority, and where both say the same", () => {
    const without = readRequest([...PSEUDO.slice(0, 3), ["host", "h:1"]]);
    expect(without.result).toBe(DECODED);
    expect(without.head.authority).toBe("h:1");
    const both = readRequest([...PSEUDO, ["host", "Shop.example:80"]]);
    expect(both.result).toBe(DECODED);
    expect(lines(both.head).match(/host/g)).toHaveLength(1);
  });

  it("of CONNECT names an authority alone", () => {
    const { result, head } = readRequest([
      [":method", "CONNECT"],
      [":authority", "db:5432"],
    ]);
    expect(result).toBe(DECODED);
    expect(lines(head)).toBe("CONNECT db:5432 HTTP/1.1\r\nhost: db:5432\r\n\r\n");
    expect(head.path).toBe("db:5432");
  });

  it.each(["websocket", "WebSocket"])("for a WebSocket (%s) is HTTP/1.1's, but for the key", (protocol) => {
    const { result, head } = readRequest([
      [":protocol", protocol],
      ...EXTENDED.slice(1),
      ["sec-websocket-version", "13"],
      ["sec-websocket-key", "ours"],
    ]);
    expect(result).toBe(DECODED);
    expect(lines(head)).toBe(
      `GET ${head.path} HTTP/1.1\r\nhost: ${head.authority}\r\nconnection: upgrade\r\nupgrade: websocket\r\n` +
        "sec-websocket-version: 13\r\n\r\n",
    );
    expect(head).toMatchObject({ method: "GET", extended: true, webSocket: true, asksForTunnel: true });
    const copy = head.clone();
    expect(copy).toMatchObject({ extended: true, webSocket: true, path: head.path });
  });

  const without = (name: string) => PSEUDO.filter(([each]) => each !== name);
  it.each<[string, Field[], string]>([
    ["an upper-case name", [...PSEUDO, ["Accept", "x"]], "header_name"],
    ["an empty name", [...PSEUDO, ["", "x"]], "header_name"],
    ["a space in a name", [...PSEUDO, ["a b", "x"]], "header_name"],
    ["a line break in a value", [...PSEUDO, ["a", "x\r\nb: c"]], "header_value"],
    ["a NUL in a value", [...PSEUDO, ["a", "x\0"]], "header_value"],
    ["a value that begins with a space", [...PSEUDO, ["a", " x"]], "header_value"],
    ["a pseudo-header field of responses", [...PSEUDO, [":status", "200"]], "pseudo_field"],
    ["an unknown pseudo-header field", [...PSEUDO, [":proto", "websocket"]], "pseudo_field"],
    ["a :protocol without CONNECT", [...PSEUDO, [":protocol", "websocket"]], "pseudo_field"],
    ["a WebSocket without a path", EXTENDED.filter(([name]) => name !== ":path"), "pseudo_field"],
    ["a WebSocket without a scheme", EXTENDED.filter(([name]) => name !== ":scheme"), "pseudo_field"],
    ["a WebSocket to *", EXTENDED.map((field) => (field[0] === ":path" ? [":path", "*"] : field)), "target"],
    ["a WebSocket with a body", [...EXTENDED, ["content-length", "1"]], "connect_body"],
    ["another :protocol", [[":protocol", "connect-udp"], ...EXTENDED.slice(1)], "protocol"],
    ["a :protocol that is no token", [[":protocol", "a b"], ...EXTENDED.slice(1)], "pseudo_field"],
    ["a CONNECT without a port", connect("db"), "target"],
    ["a CONNECT to port 0", connect("db:0"), "target"],
    ["a CONNECT with a body", [...connect("db:1"), ["content-length", "1"]], "connect_body"],
    ["a pseudo-header field twice", [...PSEUDO, [":path", "/"]], "pseudo_field"],
    [
      "a pseudo-header field behind others",
      [...without(":path"), ["a", "b"], [":path", "/"]],
      "pseudo_field",
    ],
    ["no :method", without(":method"), "pseudo_field"],
    ["no :scheme", without(":scheme"), "pseudo_field"],
    ["no :path", without(":path"), "pseudo_field"],
    ["an empty :path", [...without(":path"), [":path", ""]], "target"],
    ["a :path without slash", [...without(":path"), [":path", "a"]], "target"],
    ["a space in :path", [...without(":path"), [":path", "/a b"]], "target"],
    ["a fragment in :path", [...without(":path"), [":path", "/a#b"]], "target"],
    ["a :method of two words", [...without(":method"), [":method", "GET /"]], "method"],
    ["a user in :authority", [...without(":authority"), [":authority", "u@h"]], "host"],
    ["no authority at all", without(":authority"), "no_host"],
    ["Host beside another :authority", [...PSEUDO, ["host", "other"]], "several_hosts"],
    ["Connection", [...PSEUDO, ["connection", "close"]], "connection_field"],
    ["Keep-Alive", [...PSEUDO, ["keep-alive", "1"]], "connection_field"],
    ["Proxy-Connection", [...PSEUDO, ["proxy-connection", "close"]], "connection_field"],
    ["Transfer-Encoding", [...PSEUDO, ["transfer-encoding", "chunked"]], "connection_field"],
    ["Upgrade", [...PSEUDO, ["upgrade", "h2c"]], "connection_field"],
    ["TE besides trailers", [...PSEUDO, ["te", "gzip"]], "connection_field"],
    [
      "Content-Length twice",
      [...PSEUDO, ["content-length", "1"], ["content-length", "1"]],
      "several_content_lengths",
    ],
    ["a Content-Length that is none", [...PSEUDO, ["content-length", "+1"]], "content_length"],
    ["101 headers", [...PSEUDO, ...Array.from({ length: 101 }, (): Field => ["a", "b"])], "too_many_headers"],
    [
      "64 KiB of headers",
      [...PSEUDO, ["a", "x".repeat(40_000)], ["b", "x".repeat(25_000)]],
      "head_too_large",
    ],
    ["a CONNECT with a path", [[":method", "CONNECT"], ...without(":method")], "pseudo_field"],
  ])("is refused with %s", (_name, fields, reason) => {
    expect(refusal(readRequest(fields).result).reason).toBe(reason);
  });

  it("keeps the table in step while it is refused", () => {
    const encoder = new Encoder();
    const decoder = new Decoder();
    const heads = new HeadDecoder();
    const read = (fields: Field[]) => {
      const bytes = block(fields, encoder);
      const head = new RequestHead();
      return { result: heads.request(decoder, bytes, 0, bytes.length, head), head };
    };
    for (let times = 0; times < 3; times++) {
      expect(read([["Bad", "x"], ...PSEUDO, ["x-late", "v"]]).result).toBeLessThan(0);
    }
    expect(read([...PSEUDO, ["x-late", "v"]]).head.header("x-late")).toBe("v");
  });

  it("that refers to one large field many times is refused without growing", () => {
    const big = "x".repeat(3900);
    const bytes = Buffer.concat([
      Buffer.from("828486410161", "hex"),
      Buffer.from("4001617fbd1d", "hex"),
      Buffer.from(big),
      Buffer.alloc(16_000, 0xbe),
    ]);
    const result = new HeadDecoder().request(new Decoder(), bytes, 0, bytes.length, new RequestHead());
    expect(refusal(result).reason).toBe("head_too_large");
  });

  it("that does not decode ends the connection", () => {
    const bytes = Buffer.from([0x80]);
    expect(new HeadDecoder().request(new Decoder(), bytes, 0, 1, new RequestHead())).toBe(UNDECODABLE);
  });

  it("is forwarded with the same fields, whatever they are", () => {
    const name = fc.stringMatching(/^x-[a-z0-9-]{0,10}$/);
    const value = fc.stringMatching(/^([!-~]([ -~]{0,30}[!-~])?)?$/);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(name, value), { maxLength: 20 }),
        fc.integer({ min: 1, max: 4 }),
        (fields, times) => {
          const first = new Encoder();
          const second = new HeadEncoder();
          const [from, to] = [new Decoder(), new Decoder()];
          const heads = new HeadDecoder();
          for (let round = 0; round < times; round++) {
            const bytes = block([...PSEUDO, ...fields], first);
            const head = new RequestHead();
            expect(heads.request(from, bytes, 0, bytes.length, head)).toBe(DECODED);
            const out = new ByteBuffer();
            second.request(out, head, undefined, 0, "");
            const copy = new RequestHead();
            expect(heads.request(to, out.bytes, 0, out.length, copy)).toBe(DECODED);
            expect(lines(copy)).toBe(lines(head));
          }
        },
      ),
    );
  });
});

describe("a response's head", () => {
  const read = (fields: Field[]) => {
    const bytes = block(fields);
    const head = new ResponseHead();
    return { result: new HeadDecoder().response(new Decoder(), bytes, 0, bytes.length, head), head };
  };

  it("is laid out as HTTP/1.1 writes it", () => {
    const { result, head } = read([
      [":status", "204"],
      ["server", "x"],
    ]);
    expect(result).toBe(DECODED);
    expect(head.status).toBe(204);
    expect(lines(head)).toBe("HTTP/1.1 204 \r\nserver: x\r\n\r\n");
    expect(Buffer.from(head.bytes).toString("latin1", head.statusStart, head.statusStart + 3)).toBe("204");
  });

  it.each<[string, Field[], string]>([
    ["no :status", [["server", "x"]], "pseudo_field"],
    ["nothing", [], "pseudo_field"],
    ["a :status of four digits", [[":status", "2000"]], "status_line"],
    [
      "a pseudo-header field of requests",
      [
        [":status", "200"],
        [":path", "/"],
      ],
      "pseudo_field",
    ],
  ])("is refused with %s", (_name, fields, reason) => {
    expect(refusal(read(fields).result).reason).toBe(reason);
  });
});

describe("trailers", () => {
  const read = (fields: Field[]) => {
    const bytes = block(fields);
    const head = new Head();
    return { result: new HeadDecoder().trailers(new Decoder(), bytes, 0, bytes.length, head), head };
  };

  it("are fields alone", () => {
    const { result, head } = read([
      ["grpc-status", "0"],
      ["grpc-message", "fine"],
    ]);
    expect(result).toBe(DECODED);
    expect(lines(head)).toBe("grpc-status: 0\r\ngrpc-message: fine\r\n\r\n");
    expect(head.fields.length).toBe(2 * STRIDE);
    expect(head.fieldsStart).toBe(head.start);
  });

  it("have no pseudo-header fields", () => {
    expect(refusal(read([[":status", "200"]]).result).reason).toBe("pseudo_field");
  });
});

describe("HeadEncoder", () => {
  /** What arrives of a head that another hop wrote. */
  function forward(fields: Field[], edits: HeadEdits | undefined, drop: number, additions: string): string {
    const { head } = readRequest(fields);
    const out = new ByteBuffer();
    new HeadEncoder().request(out, head, edits, drop, additions);
    const copy = new RequestHead();
    expect(new HeadDecoder().request(new Decoder(), out.bytes, 0, out.length, copy)).toBe(DECODED);
    return lines(copy);
  }

  it("replaces path and authority, drops and adds", () => {
    const edits = { path: "/new", host: "other", remove: new Set(["x-drop"]), add: "X-Added: 1\r\n" };
    expect(forward([...PSEUDO, ["x-drop", "1"], ["x-keep", "1"]], edits, 0, "x-hop: 2\r\nx-more: \r\n")).toBe(
      "GET /new HTTP/1.1\r\nhost: other\r\nx-keep: 1\r\nx-added: 1\r\nx-hop: 2\r\nx-more: \r\n\r\n",
    );
  });

  it("leaves out what concerns one connection alone, and writes names in lower case", () => {
    const head = new ResponseHead();
    const raw = Buffer.from(
      "HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nServer: Up\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    head.reset(raw, 0);
    head.status = 200;
    let at = raw.indexOf("Connection");
    for (const line of raw.toString("latin1", at, raw.length - 4).split("\r\n")) {
      const [name = "", value = ""] = line.split(": ");
      const kind = { Connection: 4, "Transfer-Encoding": 3 }[name] ?? 0;
      head.add(kind, at, at + name.length, at + name.length + 2, at + name.length + 2 + value.length);
      at += line.length + 2;
    }
    const out = new ByteBuffer();
    new HeadEncoder().response(out, head, undefined);
    const copy = new ResponseHead();
    expect(new HeadDecoder().response(new Decoder(), out.bytes, 0, out.length, copy)).toBe(DECODED);
    expect(lines(copy)).toBe("HTTP/1.1 200 \r\nserver: Up\r\n\r\n");
  });

  it("hands on that a field must never be indexed", () => {
    const bytes = Buffer.from(`828684410161${"1003782d6b0473656372"}`, "hex");
    const head = new RequestHead();
    const heads = new HeadDecoder();
    expect(heads.request(new Decoder(), bytes, 0, bytes.length, head)).toBe(DECODED);
    const encoder = new HeadEncoder();
    for (let times = 0; times < 3; times++) {
      const out = new ByteBuffer();
      encoder.request(out, head, undefined, 0, "");
      expect(out.bytes.toString("hex", 0, out.length)).toContain("1003782d6b0473656372");
    }
  });
});
