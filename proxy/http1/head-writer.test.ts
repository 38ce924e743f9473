import { describe, expect, it } from "vitest";
import { DROP_CLIENT_CERT, type HeadEdits } from "../http/edits.ts";
import { RequestHead } from "../http/request-head.ts";
import { ResponseHead } from "../http/response-head.ts";
import { HeadWriter } from "./head-writer.ts";
import { readRequest } from "./read-request.ts";
import { readResponse } from "./read-response.ts";

const writer = new HeadWriter();

function request(text: string, edits?: HeadEdits, drop = 0, additions = ""): string {
  const head = new RequestHead();
  const bytes = Buffer.from(text, "latin1");
  expect(readRequest(head, bytes, 0, bytes.length)).toBe(bytes.length);
  expect(writer.request(head, edits, drop, additions)).toBe(true);
  return writer.buffer.toString("latin1", 0, writer.length);
}

function response(text: string, edits?: HeadEdits, additions = ""): string {
  const head = new ResponseHead();
  const bytes = Buffer.from(text, "latin1");
  expect(readResponse(head, bytes, 0, bytes.length)).toBe(bytes.length);
  expect(writer.response(head, edits, additions)).toBe(true);
  return writer.buffer.toString("latin1", 0, writer.length);
}

describe("a forwarded request head", () => {
  it("is byte for byte what came, case, order, spaces and obs-text included", () => {
    const text = "GET /a?b HTTP/1.1\r\nhOsT:  a \r\nX-Weird:\t1\r\nUser-Agent: caf\u00e9\r\n\r\n";
    expect(request(text)).toBe(text);
  });

  it.each([
    ["Connection: keep-alive\r\n", ""],
    ["Keep-Alive: timeout=5\r\n", ""],
    ["Proxy-Connection: keep-alive\r\n", ""],
    ["x-weft-peer: forged\r\n", ""],
    ["TE: gzip\r\n", ""],
    ["TE: trailers\r\n", "TE: trailers\r\n"],
    ["Connection: X-Hop, X-Two\r\nX-Hop: 1\r\nx-two: 2\r\nX-Stay: 3\r\n", "X-Stay: 3\r\n"],
    ["Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: x\r\n", ""],
    ["Connection: Upgrade\r\nUpgrade: WebSocket\r\n", "Upgrade: WebSocket\r\nconnection: upgrade\r\n"],
  ])("loses what concerns one connection alone: %j", (lines, left) => {
    expect(request(`GET / HTTP/1.1\r\nHost: a\r\n${lines}X-Last: z\r\n\r\n`)).toBe(
      left.endsWith("connection: upgrade\r\n")
        ? `GET / HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\nX-Last: z\r\nconnection: upgrade\r\n\r\n`
        : `GET / HTTP/1.1\r\nHost: a\r\n${left}X-Last: z\r\n\r\n`,
    );
  });

  it("takes edits: path, host, removed and added headers, and the hop's own additions", () => {
    const edits = { path: "/new?q", host: "b", remove: new Set(["x-old"]), add: "x-new: 1\r\n" };
    expect(
      request("GET /old HTTP/1.1\r\nHost: a\r\nX-Old: 0\r\nY: 1\r\n\r\n", edits, 0, "x-request-id: r\r\n"),
    ).toBe("GET /new?q HTTP/1.1\r\nhost: b\r\nY: 1\r\nx-new: 1\r\nx-request-id: r\r\n\r\n");
  });

  it("of an absolute target names its host and its path", () => {
    expect(request("GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n")).toBe("GET /x HTTP/1.1\r\nhost: b\r\n\r\n");
  });

  it("loses a client certificate that a plaintext peer made up", () => {
    const text = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Client-Cert: By=me\r\n\r\n";
    expect(request(text, undefined, DROP_CLIENT_CERT)).toBe("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  });

  it("that does not fit is not written", () => {
    const head = new RequestHead();
    const bytes = Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    readRequest(head, bytes, 0, bytes.length);
    expect(writer.request(head, { add: "x".repeat(100_000) }, 0, "")).toBe(false);
  });
});

describe("a forwarded response head", () => {
  it("is byte for byte what came, an odd reason included", () => {
    const text = "HTTP/1.1 200 Fine, thanks\r\nX-A: b\r\nContent-Length: 0\r\n\r\n";
    expect(response(text)).toBe(text);
  });

  it("of HTTP/1.0 becomes 1.1 and loses its connection headers", () => {
    expect(
      response(
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nX: y\r\n\r\n",
        undefined,
        "transfer-encoding: chunked\r\n",
      ),
    ).toBe("HTTP/1.1 200 OK\r\nX: y\r\ntransfer-encoding: chunked\r\n\r\n");
  });

  it("of 204 and 1xx claims no body", () => {
    expect(response("HTTP/1.1 204 No\r\nContent-Length: 5\r\nX: y\r\n\r\n")).toBe(
      "HTTP/1.1 204 No\r\nX: y\r\n\r\n",
    );
    expect(response("HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n")).toBe(
      "HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n",
    );
  });

  it("of a switch keeps the protocol that it switches to", () => {
    expect(response("HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")).toBe(
      "HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    );
  });
});
