import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ResponseHead } from "../http/response-head.ts";
import { fakeSocket } from "../net/socket.fake.ts";
import { BodyReader } from "./body.ts";
import { socketInBodies } from "./body-socket.ts";
import { Unchunker } from "./content.ts";
import { readResponse } from "./read-response.ts";

/** A connection whose response has begun with `fields`, and what the one inside heard. */
function inside(fields = "Transfer-Encoding: chunked\r\n", status = 200) {
  const { socket: under, raw } = fakeSocket();
  const head = new ResponseHead();
  const bytes = Buffer.from(`HTTP/1.1 ${status} OK\r\n${fields}\r\n`, "latin1");
  expect(readResponse(head, bytes, 0, bytes.length)).toBe(bytes.length);
  const socket = socketInBodies(under, head);
  const got = { data: "", ended: false, writable: 0, closed: undefined as string | undefined };
  socket.events = {
    data: (chunk) => {
      got.data += chunk.toString("latin1");
    },
    writable: () => got.writable++,
    ended: () => {
      got.ended = true;
    },
    closed: (error) => {
      got.closed = error?.message ?? "in order";
    },
  };
  const say = (text: string) => {
    const said = Buffer.from(text, "latin1");
    return socket.write(said, 0, said.length);
  };
  const hear = (text: string) => under.onData(Buffer.from(text, "latin1"));
  return { under, raw, socket, got, say, hear };
}

/** The content of a body in chunks, and whether it is over; fails when it is malformed. */
function contentOf(chunks: Buffer): { content: Buffer; done: boolean } {
  const reader = new BodyReader();
  reader.chunked();
  expect(reader.read(chunks, 0, chunks.length)).toBe(chunks.length);
  expect(reader.refused).toBe(0);
  return { content: new Unchunker().take(chunks, 0, chunks.length), done: reader.done };
}

describe("a connection inside of a request and its response", () => {
  it.each([
    ["in chunks", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"],
    ["by length", "Content-Length: 5\r\n", "hello"],
  ])("reads what comes %s, and hears its end", (_how, fields, answered) => {
    const { got, hear, raw } = inside(fields);
    hear(answered);
    expect(got).toMatchObject({ data: "hello", ended: true, closed: undefined });
    expect(raw.ending).toBe("no");
  });

  it("reads to the connection's end what nothing else frames", () => {
    const { got, hear, under } = inside("");
    hear("hello");
    expect(got.ended).toBe(false);
    under.onEnd();
    expect(got).toMatchObject({ data: "hello", ended: true, closed: undefined });
  });

  it("hears the end at once of a response that has no body", async () => {
    const { got } = inside("", 204);
    await Promise.resolve();
    expect(got.ended).toBe(true);
  });

  it("says its end by the last chunk, and still reads", () => {
    const { socket, raw, got, say, hear } = inside();
    say("bye");
    socket.shutdown();
    expect(raw.text).toBe("3\r\nbye\r\n0\r\n\r\n");
    expect(raw.ending).toBe("no");
    hear("2\r\nok\r\n");
    expect(got).toMatchObject({ data: "ok", ended: false });
    hear("0\r\n\r\n");
    expect(got.ended).toBe(true);
    expect(raw.ending).toBe("end");
  });

  it("still writes when the response is over, and closes when it has said its end, too", () => {
    const { socket, raw, say, hear } = inside();
    hear("0\r\n\r\n");
    say("late");
    expect(raw.text).toBe("4\r\nlate\r\n");
    socket.shutdown();
    expect(raw.text).toBe("4\r\nlate\r\n0\r\n\r\n");
    expect(raw.ending).toBe("end");
  });

  it.each([
    ["a chunk that is none", (it: ReturnType<typeof inside>) => it.hear("zz\r\n"), "malformed"],
    ["an end in the middle", (it: ReturnType<typeof inside>) => it.under.onEnd(), "in the middle"],
    [
      "a close in the middle",
      (it: ReturnType<typeof inside>) => it.under.onClose(undefined),
      "in the middle",
    ],
    ["a reset", (it: ReturnType<typeof inside>) => it.under.onClose(new Error("ECONNRESET")), "ECONNRESET"],
  ])("is broken off by %s", (_what, happens, message) => {
    const connection = inside();
    connection.hear("5\r\nhe");
    if (message === "malformed") connection.hear("llo\r\n");
    happens(connection);
    expect(connection.got.closed).toContain(message);
    expect(connection.got.ended).toBe(false);
  });

  it("drops what comes behind the response", () => {
    const { got, hear } = inside("Content-Length: 2\r\n");
    hear("okHTTP/1.1 200 OK\r\n\r\n");
    hear("more");
    expect(got).toMatchObject({ data: "ok", ended: true });
  });

  it("stops its source while the connection takes nothing, and copies what it was given", () => {
    const { socket, under, raw, got, say } = inside();
    raw.room = 4;
    const first = Buffer.alloc(20_000, "a");
    socket.write(first, 0, first.length);
    first.fill("x");
    expect(say("second")).toBe(false);
    raw.room = Number.POSITIVE_INFINITY;
    under.onDrain();
    expect(got.writable).toBe(1);
    expect(contentOf(Buffer.concat(raw.written)).content.toString()).toBe(`${"a".repeat(20_000)}second`);
  });

  it("is reset by a reset, and closed in order by a close", () => {
    const broken = inside();
    broken.socket.destroy();
    expect(broken.raw.ending).toBe("terminated");
    const closed = inside();
    closed.socket.end();
    expect(closed.raw.text).toBe("0\r\n\r\n");
    expect(closed.raw.ending).toBe("end");
    closed.under.onClose(undefined);
    expect(closed.got.closed).toBe("in order");
  });

  it("writes what is a body in chunks, whatever is written and however little is taken at a time", () => {
    const step = fc.oneof(
      fc.record({ write: fc.integer({ min: 1, max: 40_000 }) }),
      fc.record({ take: fc.integer({ min: 1, max: 60_000 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const { socket, under, raw } = inside();
        raw.room = 0;
        const said: Buffer[] = [];
        for (const each of steps) {
          if ("take" in each) {
            raw.room = each.take;
            under.onDrain();
          } else {
            const bytes = Buffer.alloc(each.write, said.length + 1);
            said.push(Buffer.from(bytes));
            const room = socket.write(bytes, 0, bytes.length);
            // Whoever was told that all is taken may free it.
            if (room) bytes.fill(0);
          }
        }
        socket.shutdown();
        raw.room = Number.POSITIVE_INFINITY;
        under.onDrain();
        const { content, done } = contentOf(Buffer.concat(raw.written));
        expect(done).toBe(true);
        expect(content.equals(Buffer.concat(said))).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it("reads the same content, however the response is cut", () => {
    const answered = "3\r\nabc\r\n1;x=y\r\nd\r\nA\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n";
    fc.assert(
      fc.property(fc.array(fc.nat(answered.length), { maxLength: 8 }), (cuts) => {
        const { got, hear } = inside();
        const at = [0, ...cuts.toSorted((a, b) => a - b), answered.length];
        for (let i = 1; i < at.length; i++) {
          const part = answered.slice(at[i - 1], at[i]);
          if (part !== "") hear(part);
        }
        expect(got).toMatchObject({ data: "abcd0123456789", ended: true, closed: undefined });
      }),
    );
  });
});
