import { describe, expect, it } from "vitest";
import type { DialEvents } from "../net/listen.ts";
import { fakeSocket } from "../net/socket.fake.ts";
import { readAll, request } from "./request.ts";

/** A request whose connection the test holds. */
function setup(fields: { method?: "GET" | "POST"; body?: string; url?: string } = {}) {
  const abort = new AbortController();
  const { socket, raw } = fakeSocket();
  const dialled: string[] = [];
  let events: DialEvents | undefined;
  let cancelled = false;
  const answer = request(
    {
      method: fields.method ?? "GET",
      url: new URL(fields.url ?? "https://api.example:6443/things?watch=true"),
      headers: { authorization: "Bearer secret" },
      anchors: "PEM",
      signal: abort.signal,
      ...(fields.body === undefined ? {} : { body: fields.body }),
    },
    (host, port, anchors, given) => {
      dialled.push(`${host} ${port} ${anchors}`);
      events = given;
      return {
        cancel: () => {
          cancelled = true;
        },
      };
    },
  );
  answer.catch(() => {});
  return {
    answer,
    abort,
    raw,
    dialled,
    cancelled: () => cancelled,
    connect: () => events?.connected(socket),
    refuse: (message: string) => events?.failed({ reason: "refused", message }),
    say: (text: string) => socket.onData(Buffer.from(text)),
    hangUp: () => socket.onEnd(),
  };
}

const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
const streamed = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

describe("a request", () => {
  it("says what it was asked to, once", () => {
    const { connect, raw, dialled } = setup();
    connect();
    expect(dialled).toEqual(["api.example 6443 PEM"]);
    expect(raw.text).toBe(
      "GET /things?watch=true HTTP/1.1\r\nhost: api.example:6443\r\nauthorization: Bearer secret\r\nconnection: close\r\n\r\n",
    );
  });

  it("sends a body with its length in bytes", () => {
    const { connect, raw, dialled } = setup({ method: "POST", body: "é", url: "https://[fd00::1]/" });
    connect();
    expect(dialled).toEqual(["fd00::1 443 PEM"]);
    expect(raw.text).toMatch(/content-length: 2\r\nconnection: close\r\n\r\n\xc3\xa9$/);
  });

  it("has its answer's status before its body, and the body as it comes", async () => {
    const { answer, connect, say } = setup();
    connect();
    say(streamed);
    const { status, body } = await answer;
    expect(status).toBe(200);
    const parts = body[Symbol.asyncIterator]();
    say(chunk("one\n"));
    expect(Buffer.from((await parts.next()).value ?? []).toString()).toBe("one\n");
    const next = parts.next();
    say(chunk("two\n"));
    expect(Buffer.from((await next).value ?? []).toString()).toBe("two\n");
    say("0\r\n\r\n");
    expect((await parts.next()).done).toBe(true);
  });

  it("takes a body of a length, and one that ends with the connection", async () => {
    const sized = setup();
    sized.connect();
    sized.say("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    expect((await sized.answer).status).toBe(403);
    expect((await readAll((await sized.answer).body, 10)).toString()).toBe("no");
    const open = setup();
    open.connect();
    open.say("HTTP/1.1 200 OK\r\n\r\nall");
    open.hangUp();
    expect((await readAll((await open.answer).body, 10)).toString()).toBe("all");
  });

  it("refuses more than its reader wants", async () => {
    const { answer, connect, say, raw } = setup();
    connect();
    say(streamed + chunk("x".repeat(100)));
    await expect(readAll((await answer).body, 99)).rejects.toThrow("larger than 99 bytes");
    expect(raw.ending).toBe("terminated");
  });

  it("makes the server wait for a slow reader", async () => {
    const { answer, connect, say, raw } = setup();
    connect();
    say(streamed);
    const parts = (await answer).body[Symbol.asyncIterator]();
    say(chunk("x".repeat(300_000)));
    expect(raw.paused).toBe(true);
    await parts.next();
    const more = parts.next();
    await Promise.resolve();
    expect(raw.paused).toBe(false);
    say(chunk("y"));
    expect(Buffer.from((await more).value ?? []).toString()).toBe("y");
  });

  it("fails when it cannot connect, when the answer is cut, and when it is malformed", async () => {
    const unreachable = setup();
    unreachable.refuse("connect to api.example:6443: ECONNREFUSED");
    await expect(unreachable.answer).rejects.toThrow("ECONNREFUSED");
    const cut = setup();
    cut.connect();
    cut.say(streamed + chunk("one"));
    cut.hangUp();
    await expect(readAll((await cut.answer).body, 10)).rejects.toThrow("closed in the middle");
    const malformed = setup();
    malformed.connect();
    malformed.say("HTTP/2 200\r\n\r\n");
    await expect(malformed.answer).rejects.toThrow("not HTTP/1.x");
  });

  it("ends at the signal, before, during and after the answer's head", async () => {
    const early = setup();
    early.abort.abort(new Error("closed"));
    await expect(early.answer).rejects.toThrow("closed");
    expect(early.cancelled()).toBe(true);
    early.connect();
    expect(early.raw.ending).toBe("terminated");
    const late = setup();
    late.connect();
    late.say(streamed);
    const reading = readAll((await late.answer).body, 10);
    late.abort.abort(new Error("silent"));
    await expect(reading).rejects.toThrow("silent");
    expect(late.raw.ending).toBe("terminated");
  });

  it("cannot be made to say a second line by a header", () => {
    const { connect, raw } = setup({ url: "https://a/b%0d%0aX:%20y" });
    connect();
    expect(raw.text.split("\r\n").filter((line) => line.startsWith("X"))).toEqual([]);
  });
});
