import { describe, expect, it } from "vitest";
import { Head } from "../http/head.ts";
import { RequestHead } from "../http/request-head.ts";
import { indifferent } from "../http/streams.fake.ts";
import { FULL, type OutgoingRequest, ROOM } from "../http/streams.ts";
import { fakeSocket } from "../net/socket.fake.ts";
import { ClientConnection } from "./client-connection.ts";
import { HeadWriter } from "./head-writer.ts";
import { readFields } from "./read-fields.ts";
import { readRequest } from "./read-request.ts";

/** A request as HTTP/2 gives it: without framing headers. */
function content(method: string, lines = ""): OutgoingRequest {
  const head = new RequestHead();
  const bytes = Buffer.from(`${method} / HTTP/1.1\r\nhost: a\r\n${lines}\r\n`);
  expect(readRequest(head, bytes, 0, bytes.length)).toBe(bytes.length);
  return { head, edits: undefined, drop: 0, additions: "", framed: false, pieces: [], last: false };
}

function trailers(lines: string): Head {
  const head = new Head();
  const bytes = Buffer.from(`${lines}\r\n`);
  head.reset(bytes, 0);
  expect(readFields(head, 0, bytes.length)).toBe(bytes.length);
  return head;
}

function open() {
  const { socket, raw } = fakeSocket();
  const connection = new ClientConnection(socket, { free() {}, gone() {}, switched() {} }, new HeadWriter());
  return { connection, raw };
}

describe("content without a length, on its way to an endpoint of HTTP/1.1", () => {
  it("is sent in chunks, each in one write, and its trailers behind them", () => {
    const { connection, raw } = open();
    const hello = Buffer.from("hello");
    expect(connection.send({ ...content("POST"), pieces: [hello] }, indifferent)).toBe(ROOM);
    connection.body(Buffer.from("0123456789abcdef"), 0, 16, false);
    connection.trailers(trailers("grpc-status: 0\r\ncontent-length: 9\r\nConnection: x\r\n"));
    expect(raw.text).toBe(
      "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n" +
        "10\r\n0123456789abcdef\r\n0\r\ngrpc-status: 0\r\n\r\n",
    );
    expect(raw.writes).toBe(3);
  });

  it("goes out with its head and its end when it is all at hand", () => {
    const { connection, raw } = open();
    const pieces = [Buffer.from("a"), Buffer.from("b")];
    connection.send({ ...content("PUT"), pieces, last: true }, indifferent);
    expect(raw.text.endsWith("\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n")).toBe(true);
  });

  it("is not copied when it is large, nor mixed up", () => {
    const { connection, raw } = open();
    const large = Buffer.alloc(100_000, "x");
    connection.send({ ...content("POST"), pieces: [large] }, indifferent);
    connection.body(Buffer.from("y"), 0, 1, true);
    expect(raw.text.split("\r\n\r\n")[1]).toBe(`186a0\r\n${large.toString()}\r\n1\r\ny\r\n0`);
  });

  it("stops its source when the endpoint does not take it", () => {
    const { connection, raw } = open();
    raw.room = 10;
    expect(connection.send({ ...content("POST"), pieces: [Buffer.from("a")] }, indifferent)).toBe(FULL);
    expect(connection.body(Buffer.from("b"), 0, 1, false)).toBe(false);
  });
});

describe("a request that came without framing", () => {
  it.each([
    ["POST", "", "content-length: 0\r\n"],
    ["GET", "", ""],
    ["POST", "content-length: 0\r\n", "content-length: 0\r\n"],
  ])("%s with %j and no body says %j", (method, lines, expected) => {
    const { connection, raw } = open();
    connection.send({ ...content(method, lines), last: true }, indifferent);
    expect(raw.text).toBe(`${method} / HTTP/1.1\r\nhost: a\r\n${expected}\r\n`);
  });

  it("keeps the length that it says, and leaves trailers out", () => {
    const { connection, raw } = open();
    connection.send(
      { ...content("POST", "content-length: 2\r\n"), pieces: [Buffer.from("hi")] },
      indifferent,
    );
    connection.trailers(trailers("x: y\r\n"));
    expect(raw.text).toBe("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi");
  });
});
