import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { refusal } from "../http/refusal.ts";
import { ResponseHead } from "../http/response-head.ts";
import { readResponse } from "./read-response.ts";

function read(text: string): { head: ResponseHead; reason: string } {
  const head = new ResponseHead();
  const bytes = Buffer.from(text, "latin1");
  const result = readResponse(head, bytes, 0, bytes.length);
  return { head, reason: result < 0 ? refusal(result).reason : result === 0 ? "incomplete" : "ok" };
}

describe("a response head", () => {
  it("is read with or without a reason, as HTTP/1.1 or 1.0", () => {
    expect(read("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n").head).toMatchObject({
      status: 200,
      minor: 1,
      contentLength: 3,
      persistent: true,
    });
    expect(read("HTTP/1.1 204\r\n\r\n").head.status).toBe(204);
    expect(read("HTTP/1.0 200 OK\r\n\r\n").head).toMatchObject({ minor: 0, persistent: false });
    expect(read("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n").head.persistent).toBe(true);
    expect(read("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").head.persistent).toBe(false);
  });

  it.each([
    ["status_line", "HTTP/2 200 OK\r\n\r\n"],
    ["status_line", "HTTP/1.1 20 OK\r\n\r\n"],
    ["status_line", "HTTP/1.1 099 OK\r\n\r\n"],
    ["status_line", "HTTP/1.1  200 OK\r\n\r\n"],
    ["status_line", "HTTP/1.1 2000\r\n\r\n"],
    ["status_line", "ICY 200 OK\r\n\r\n"],
    ["bare_lf", "HTTP/1.1 200 OK\n\n"],
    ["bare_cr", "HTTP/1.1 200 O\rK\r\n\r\n"],
    ["transfer_encoding", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
    ["length_and_encoding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"],
    ["space_before_colon", "HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\n"],
    ["obs_fold", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n"],
  ])("is refused for its %s: %j", (reason, text) => {
    expect(read(text).reason).toBe(reason);
  });

  it("never throws on random bytes behind a good beginning", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, prefixed) => {
        const text = (prefixed ? "HTTP/1.1 200 OK\r\n" : "") + Buffer.from(bytes).toString("latin1");
        expect(read(text).reason).toBeTypeOf("string");
      }),
    );
  });
});
