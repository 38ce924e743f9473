import { describe, expect, it } from "vitest";
import { readRequest } from "../http1/read-request.ts";
import { grpcReply, grpcStatusOf, grpcTimeoutMs, httpStatusOf, isGrpc } from "./grpc.ts";
import { RequestHead } from "./request-head.ts";

describe("a request of gRPC", () => {
  it.each([
    ["application/grpc", true],
    ["application/grpc+proto", true],
    ["Application/gRPC;charset=utf-8", true],
    ["application/grpc-web", false],
    ["application/json", false],
    ["application/grp", false],
  ])("is told by its type: %s is %s", (type, expected) => {
    const head = new RequestHead();
    const bytes = Buffer.from(`POST / HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\n\r\n`);
    readRequest(head, bytes, 0, bytes.length);
    expect(isGrpc(head)).toBe(expected);
  });

  it.each([
    [undefined, 0, 0],
    [undefined, 3_000, 3_000],
    ["5S", 0, 5_000],
    ["5S", 3_000, 3_000],
    ["100m", 3_000, 100],
    ["2H", 0, 7_200_000],
    ["1M", 0, 60_000],
    ["1500u", 0, 2],
    ["1n", 0, 1],
    ["0S", 0, 1],
    ["", 7, 7],
    ["5s", 7, 7],
    ["123456789S", 7, 7],
    ["-1S", 7, 7],
  ])("that says grpc-timeout %j on a route of %i ms may take %i ms", (header, route, expected) => {
    expect(grpcTimeoutMs(header, route)).toBe(expected);
  });
});

describe("gRPC's status and HTTP's", () => {
  it.each([
    [200, 0],
    [400, 13],
    [401, 16],
    [403, 7],
    [404, 12],
    [429, 14],
    [502, 14],
    [503, 14],
    [504, 14],
    [418, 2],
    [500, 2],
  ])("%i is said as %i", (http, grpc) => expect(grpcStatusOf(http)).toBe(grpc));

  it.each([
    ["0", 200],
    ["1", 499],
    ["4", 504],
    ["8", 429],
    ["14", 503],
    ["16", 401],
    ["17", 500],
    ["", 500],
    ["constructor", 500],
  ])("%j counts as %i", (grpc, http) => expect(httpStatusOf(grpc)).toBe(http));

  it("is a message that keeps to one line and to ASCII", () => {
    expect(grpcReply(14, "no 100% ü\n")).toBe(
      "content-type: application/grpc\r\ngrpc-status: 14\r\ngrpc-message: no 100%25 %FC\r\n",
    );
    expect(grpcReply(7, "")).toBe("content-type: application/grpc\r\ngrpc-status: 7\r\n");
  });
});
