import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { refusal } from "../http/refusal.ts";
import { BodyReader } from "./body.ts";

/** Feeds `text` in pieces cut at `cuts`: how many bytes belonged to the body, and how it ended. */
function readChunked(text: string, cuts: readonly number[] = []): { read: number; outcome: string } {
  const bytes = Buffer.from(text, "latin1");
  const body = new BodyReader();
  body.chunked();
  let read = 0;
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  for (const end of ends) {
    if (end <= read) continue;
    read = body.read(bytes, read, end);
    if (body.done || body.refused < 0) break;
  }
  return { read, outcome: body.done ? "done" : body.refused < 0 ? refusal(body.refused).reason : "more" };
}

describe("a body with a length", () => {
  it("takes exactly so many bytes and leaves the next message's", () => {
    const body = new BodyReader();
    body.length(5);
    expect(body.read(Buffer.from("abc"), 0, 3)).toBe(3);
    expect(body.done).toBe(false);
    expect(body.read(Buffer.from("deGET"), 0, 5)).toBe(2);
    expect(body.done).toBe(true);
  });

  it("of zero is over at once, and one until close never by itself", () => {
    const body = new BodyReader();
    body.length(0);
    expect(body.done).toBe(true);
    body.untilClose();
    expect(body.read(Buffer.from("abc"), 0, 3)).toBe(3);
    expect(body).toMatchObject({ done: false, endsWithConnection: true });
  });
});

describe("a chunked body", () => {
  it("ends after its last chunk and trailers, and leaves what follows", () => {
    const text = "5;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\nGET";
    expect(readChunked(text)).toEqual({ read: text.length - 3, outcome: "done" });
  });

  it.each([
    ["chunk_size", "\r\n"],
    ["chunk_size", "g\r\n"],
    ["chunk_size", "-1\r\n"],
    ["chunk_size", "0x5\r\nhello\r\n"],
    ["chunk_size", " 5\r\nhello\r\n"],
    ["chunk_size", "5 \r\nhello\r\n"],
    ["chunk_size", "1234567890123\r\n"],
    ["bare_lf", "5\nhello\r\n"],
    ["bare_cr", "5\rhello"],
    ["chunk_end", "5\r\nhelloX\r\n"],
    ["chunk_end", "5\r\nhello\n0\r\n"],
    ["chunk_end", "5\r\nhello\rX"],
    ["bare_lf", "5;x\nhello\r\n"],
    ["chunk_extension", `5;${"x".repeat(300)}\r\n`],
    ["chunk_extension", "5;a\0b\r\n"],
    ["bare_lf", "0\r\nX: y\n\r\n"],
    ["bare_lf", "0\r\n\n"],
    ["bare_cr", "0\r\n\rX"],
    ["trailer", "0\r\nX : y\r\n\r\n"],
    ["trailer", "0\r\nX\r\n\r\n"],
    ["trailer", "0\r\nX: a\0\r\n\r\n"],
    ["obs_fold", "0\r\nX: y\r\n z\r\n\r\n"],
    ["trailers_too_large", `0\r\n${"X: y\r\n".repeat(2000)}\r\n`],
  ])("is refused for its %s: %j", (reason, text) => {
    expect(readChunked(text).outcome).toBe(reason);
  });

  it("never counts a malformed byte as the body's", () => {
    expect(readChunked("5\r\nhelloX\r\n")).toEqual({ read: 8, outcome: "chunk_end" });
  });

  const wellFormed = fc
    .tuple(
      fc.array(fc.tuple(fc.string({ minLength: 1, maxLength: 40 }), fc.boolean()), { maxLength: 5 }),
      fc.array(fc.constantFrom("X: y\r\n", "Trailer-Two:z\r\n", "empty:\r\n"), { maxLength: 3 }),
    )
    .map(([chunks, trailers]) => {
      const parts = chunks.map(([data, extended]) => {
        const bytes = Buffer.from(data).toString("latin1");
        return `${bytes.length.toString(16)}${extended ? ";ext=1" : ""}\r\n${bytes}\r\n`;
      });
      return `${parts.join("")}0\r\n${trailers.join("")}\r\n`;
    });

  it("ends at the same byte however it is cut", () => {
    fc.assert(
      fc.property(wellFormed, fc.array(fc.nat(400), { maxLength: 12 }), fc.string(), (body, cuts, rest) => {
        const text = body + Buffer.from(rest).toString("latin1");
        expect(readChunked(text, cuts)).toEqual({ read: body.length, outcome: "done" });
      }),
    );
  });

  it("is refused at the same byte for the same reason however it is cut", () => {
    const noise = fc.tuple(wellFormed, fc.nat(200), fc.uint8Array({ minLength: 1, maxLength: 4 }));
    fc.assert(
      fc.property(noise, fc.array(fc.nat(400), { maxLength: 12 }), ([body, at, bytes], cuts) => {
        const cut = at % body.length;
        const text = body.slice(0, cut) + Buffer.from(bytes).toString("latin1") + body.slice(cut);
        expect(readChunked(text, cuts)).toEqual(readChunked(text));
      }),
    );
  });
});
