import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Tunnel } from "../config/view.ts";
import type { DialError } from "../net/listen.ts";
import { fakeSocket } from "../net/socket.fake.ts";
import type { Socket } from "../net/socket.ts";
import { throughProxy } from "./tunnel-through.ts";

/** Asks over a connection that is open at once; what the tunnel's owner got of it. */
function ask(method: Tunnel["method"] = "CONNECT") {
  const { socket, raw } = fakeSocket();
  const got = {
    connected: undefined as Socket | undefined,
    data: "",
    ended: false,
    failed: [] as DialError[],
  };
  const dial = throughProxy(
    (events) => {
      events.connected(socket);
      return { cancel() {} };
    },
    { method, authority: "far.example:443" },
  )({
    connected(each) {
      got.connected = each;
      each.events = {
        data: (chunk) => {
          got.data += chunk.toString("latin1");
        },
        writable() {},
        ended: () => {
          got.ended = true;
        },
        closed() {},
      };
    },
    failed: (error) => got.failed.push(error),
  });
  return {
    socket,
    raw,
    got,
    dial,
    answer: (text: string) => socket.events.data(Buffer.from(text, "latin1")),
  };
}

describe("a connection through an HTTP proxy", () => {
  it("asks for it by its authority, and is the caller's once the proxy has agreed", () => {
    const { raw, got, answer } = ask();
    expect(raw.text).toBe("CONNECT far.example:443 HTTP/1.1\r\nHost: far.example:443\r\n\r\n");
    expect(got.connected).toBeUndefined();
    answer("HTTP/1.1 200 Connection established\r\n\r\n");
    expect(got.connected).toBeDefined();
    expect(got.data).toBe("");
  });

  it.each([
    ["what follows the head", "HTTP/1.1 200 OK\r\n\r\nhello", "hello"],
    [
      "a length, which means nothing here",
      "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nhello",
      "hello",
    ],
    ["an answer of another kind before", "HTTP/1.1 102 Wait\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello", "hello"],
  ])("passes on %s", (_what, answered, data) => {
    const { got, answer } = ask();
    answer(answered);
    expect(got).toMatchObject({ data, failed: [] });
  });

  it.each([
    ["a refusal", "HTTP/1.1 403 Forbidden\r\n\r\n", "it answered 403"],
    ["another protocol", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "it answered 101"],
    ["what is no HTTP", "SSH-2.0-server\r\n", "its answer is refused: "],
    ["a head without an end", `HTTP/1.1 200 OK\r\nx: ${"x".repeat(100_000)}`, "its answer is refused: "],
  ])("fails on %s", (_what, answered, message) => {
    const { got, raw, answer } = ask();
    answer(answered);
    expect(got.connected).toBeUndefined();
    expect(got.failed.map((each) => each.reason)).toEqual(["tunnel"]);
    expect(got.failed[0]?.message).toContain(`CONNECT far.example:443 at the proxy: ${message}`);
    expect(raw.ending).not.toBe("no");
  });

  it("fails when the proxy ends the connection first, once", () => {
    const { socket, got } = ask();
    socket.onEnd();
    socket.onClose(undefined);
    expect(got.failed).toHaveLength(1);
  });

  it("tells nobody after it is given up", () => {
    const { got, dial, raw, socket } = ask();
    dial.cancel();
    socket.onClose(undefined);
    expect(got.failed).toEqual([]);
    expect(raw.ending).not.toBe("no");
  });

  it("asks by POST with a body without an end, and is what the bodies of the two say", () => {
    const { raw, got, answer } = ask("POST");
    const request = "POST / HTTP/1.1\r\nHost: far.example:443\r\nTransfer-Encoding: chunked\r\n\r\n";
    expect(raw.text).toBe(request);
    answer(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    );
    expect(got).toMatchObject({ data: "hello", failed: [] });
    got.connected?.write(Buffer.from("thanks"), 0, 6);
    expect(raw.text).toBe(`${request}6\r\nthanks\r\n`);
  });

  it("fails when the POST is refused", () => {
    const { got, answer } = ask("POST");
    answer("HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n");
    expect(got.failed.map((each) => each.message)).toEqual([
      "POST far.example:443 at the proxy: it answered 405",
    ]);
  });

  it("reads the same, however the answer is cut", () => {
    const answered = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nVia: 1.1 edge\r\n\r\nGET / is data";
    fc.assert(
      fc.property(fc.array(fc.nat(answered.length), { maxLength: 8 }), (cuts) => {
        const { got, answer } = ask();
        const at = [0, ...cuts.toSorted((a, b) => a - b), answered.length];
        for (let i = 1; i < at.length; i++) {
          const part = answered.slice(at[i - 1], at[i]);
          if (part !== "") answer(part);
        }
        expect(got).toMatchObject({ data: "GET / is data", failed: [] });
      }),
    );
  });
});
