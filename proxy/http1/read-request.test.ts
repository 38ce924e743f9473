import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PEER, REQUEST_ID } from "../http/field-kinds.ts";
import { MAX_HEAD_BYTES, MAX_HEADERS } from "../http/head.ts";
import { refusal } from "../http/refusal.ts";
import { RequestHead } from "../http/request-head.ts";
import { readRequest } from "./read-request.ts";

function read(text: string): { result: number; head: RequestHead; reason: string } {
  const head = new RequestHead();
  const bytes = Buffer.from(text, "latin1");
  const result = readRequest(head, bytes, 0, bytes.length);
  return { result, head, reason: result < 0 ? refusal(result).reason : result === 0 ? "incomplete" : "ok" };
}

describe("a request head", () => {
  it("is read once: method, target, authority, framing and the offset after it", () => {
    const text = "POST /a/b?c=d HTTP/1.1\r\nHost: Reviews:9080\r\nContent-Length: 12\r\n\r\nhello";
    const { result, head } = read(text);
    expect(result).toBe(text.length - 5);
    expect(head).toMatchObject({
      method: "POST",
      path: "/a/b?c=d",
      authority: "Reviews:9080",
      contentLength: 12,
    });
    expect(head).toMatchObject({ chunked: false, hasBody: true, idempotent: false, close: false });
  });

  it("names its own host, whatever the request before it on the connection named", () => {
    const head = new RequestHead();
    const hosts = ["a", "a", "A", "ab", "b:80", "b:80", "", "a"];
    const named = hosts.map((host) => {
      const bytes = Buffer.from(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`, "latin1");
      const result = readRequest(head, bytes, 0, bytes.length);
      return result < 0 ? refusal(result).reason : head.authority;
    });
    expect(named).toEqual(["a", "a", "A", "ab", "b:80", "b:80", "host", "a"]);
  });

  it("finds headers by lower-case name, joins repeated ones and trims their values", () => {
    const { head } = read("GET / HTTP/1.1\r\nHost: a\r\nX-A:  1 \t\r\nx-a:2\r\nX-Request-Id: r\r\n\r\n");
    expect(head.header("x-a")).toBe("1,2");
    expect(head.header("x-b")).toBeUndefined();
    expect(head.known(REQUEST_ID)).toBe("r");
    expect(head.has(PEER)).toBe(false);
  });

  it("takes the authority of an absolute target over Host", () => {
    const { head } = read("GET http://real.example:81/x?y HTTP/1.1\r\nHost: other\r\n\r\n");
    expect(head).toMatchObject({ authority: "real.example:81", path: "/x?y", absolute: true });
    expect(read("GET http://real.example HTTP/1.1\r\nHost: other\r\n\r\n").head.path).toBe("/");
    expect(read("GET http://real.example?q HTTP/1.1\r\nHost: other\r\n\r\n").head.path).toBe("/?q");
  });

  it("skips one empty line before the request line", () => {
    expect(read("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").reason).toBe("ok");
    expect(read("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").reason).toBe("method");
  });

  it("reads the Connection header's elements", () => {
    const { head } = read(
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-Gone , upgrade\r\nX-Gone: 1\r\n\r\n",
    );
    expect(head).toMatchObject({ close: true, upgrade: true, namesHeaders: true });
  });

  it.each([
    ["a:80", "a:80"],
    ["A.example:443", "a.example"],
    ["[::1]:80", "[::1]:80"],
  ])("of CONNECT %s with Host %s names whom to reach", (target, host) => {
    const head = new RequestHead();
    const bytes = Buffer.from(
      `CONNECT ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n`,
    );
    expect(readRequest(head, bytes, 0, bytes.length)).toBe(bytes.length);
    expect(head.authority).toBe(target);
    expect(head.webSocket).toBe(false);
  });

  const refused: [reason: string, text: string][] = [
    ["method", "GE\tT / HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["method", " GET / HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["method", `${"A".repeat(33)} / HTTP/1.1\r\nHost: a\r\n\r\n`],
    ["method", "\0GET / HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["target", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["target", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["target", "GET a HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["target", "GET * HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["target", "GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["target", "GET http://user@a/ HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["target", "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["target", "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["target", "CONNECT http://a:80/ HTTP/1.1\r\nHost: a:80\r\n\r\n"],
    ["target", "CONNECT :80 HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["target", "CONNECT a:0 HTTP/1.1\r\nHost: a:0\r\n\r\n"],
    ["target", "CONNECT a:65536 HTTP/1.1\r\nHost: a:65536\r\n\r\n"],
    ["target", "CONNECT a:80:80 HTTP/1.1\r\nHost: a:80:80\r\n\r\n"],
    ["target", "CONNECT me@a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"],
    ["target", "CONNECT ::1:80 HTTP/1.1\r\nHost: ::1:80\r\n\r\n"],
    ["target", "GET a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"],
    ["connect_body", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nContent-Length: 1\r\n\r\n"],
    ["connect_body", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nTransfer-Encoding: chunked\r\n\r\n"],
    ["connect_host", "CONNECT a:80 HTTP/1.1\r\nHost: b:80\r\n\r\n"],
    ["connect_host", "CONNECT a:80 HTTP/1.1\r\nHost: a:81\r\n\r\n"],
    ["version", "GET / HTTP/2.0\r\nHost: a\r\n\r\n"],
    ["version", "GET / HTTP/1.2\r\nHost: a\r\n\r\n"],
    ["version", "GET / http/1.1\r\nHost: a\r\n\r\n"],
    ["version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"],
    ["target", "GET /\r\nHost: a\r\n\r\n"],
    ["http10", "GET / HTTP/1.0\r\nHost: a\r\n\r\n"],
    ["bare_lf", "GET / HTTP/1.1\nHost: a\n\n"],
    ["bare_lf", "GET / HTTP/1.1\r\nHost: a\n\r\n"],
    ["bare_lf", "GET / HTTP/1.1\r\nHost: a\r\n\n"],
    ["bare_lf", "GET / HTTP/1.1\r\nHost: a\r\nX\nY: z\r\n\r\n"],
    ["bare_cr", "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"],
    ["bare_cr", "GET / HTTP/1.1\rHost: a\r\n\r\n"],
    ["obs_fold", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n"],
    ["obs_fold", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"],
    ["header_name", "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"],
    ["header_name", "GET / HTTP/1.1\r\nHost: a\r\nX(Y): b\r\n\r\n"],
    ["header_name", "GET / HTTP/1.1\r\nHost: a\r\nX\u00e4: b\r\n\r\n"],
    ["space_before_colon", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\n"],
    ["space_before_colon", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked\r\n\r\n"],
    ["header_value", "GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n"],
    ["header_value", "GET / HTTP/1.1\r\nHost: a\r\nX: b\u000bc\r\n\r\n"],
    ["no_host", "GET / HTTP/1.1\r\nX: a\r\n\r\n"],
    ["several_hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"],
    ["host", "GET / HTTP/1.1\r\nHost: \r\n\r\n"],
    ["host", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"],
    ["host", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"],
    ["host", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"],
    ["content_length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n"],
    ["content_length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n"],
    ["content_length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n"],
    ["content_length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n"],
    ["content_length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"],
    ["content_length", `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${"1".repeat(16)}\r\n\r\n`],
    [
      "several_content_lengths",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    ],
    [
      "several_content_lengths",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
    ],
    [
      "length_and_encoding",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ["transfer_encoding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"],
    ["transfer_encoding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n"],
    [
      "transfer_encoding",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ["transfer_encoding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n"],
    [
      "connection_header",
      "POST / HTTP/1.1\r\nHost: a\r\nConnection: content-length\r\nContent-Length: 5\r\n\r\n",
    ],
    ["connection_header", "POST / HTTP/1.1\r\nHost: a\r\nConnection: close, host\r\n\r\n"],
    ["head_too_large", `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(MAX_HEAD_BYTES)}\r\n\r\n`],
    ["too_many_headers", `GET / HTTP/1.1\r\nHost: a\r\n${"X: y\r\n".repeat(MAX_HEADERS)}\r\n`],
  ];
  it.each(refused)("is refused for its %s: %j", (reason, text) => {
    expect(read(text).reason).toBe(reason);
  });

  it("of exactly the largest size and number of headers passes", () => {
    const start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    const fill = "x".repeat(MAX_HEAD_BYTES - start.length - 4);
    expect(read(`${start}${fill}\r\n\r\n`).reason).toBe("ok");
    expect(read(`GET / HTTP/1.1\r\nHost: a\r\n${"X: y\r\n".repeat(MAX_HEADERS - 1)}\r\n`).reason).toBe("ok");
  });

  it("is incomplete at every shorter length, and never refused there", () => {
    const text = "PATCH /x HTTP/1.1\r\nHost: a.b\r\nX-Y: z\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (let length = 0; length < text.length; length++) {
      expect(read(text.slice(0, length)).reason, `${length} bytes`).toBe("incomplete");
    }
  });

  it("read again with more bytes gives what reading all at once gives", () => {
    const piece = fc.constantFrom(
      "GET",
      " ",
      "/",
      "HTTP/1.1",
      "\r\n",
      "\n",
      "\r",
      "Host: a",
      ":",
      "X",
      "\t",
      "\0",
      "Content-Length: 1",
      "é",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        const text = pieces.join("");
        const whole = read(text).result;
        for (let length = 0; length < text.length; length++) {
          const { result } = read(text.slice(0, length));
          // A prefix is either undecided, or decided as the whole is.
          if (result !== 0) expect(result).toBe(whole);
        }
      }),
    );
  });

  it("never throws on random bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const head = new RequestHead();
        expect(readRequest(head, Buffer.from(bytes), 0, bytes.length)).toBeTypeOf("number");
      }),
    );
  });
});
