import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Exchange } from "../http/exchange.ts";
import { refusal } from "../http/refusal.ts";
import { ResponseHead } from "../http/response-head.ts";
import { FakeEndpoint } from "../http/streams.fake.ts";
import type { ConnectionEvents, DownstreamEvents } from "../http/streams.ts";
import { FakeTime, fakeSocket } from "../net/socket.fake.ts";
import { TimerWheel } from "../net/timer-wheel.ts";
import { HeadWriter } from "./head-writer.ts";
import { readResponse } from "./read-response.ts";
import { ServerConnection } from "./server-connection.ts";

const writer = new HeadWriter();

/** Answers each request with its number once its body is in; writes down all that happens. */
class Recorder implements DownstreamEvents, ConnectionEvents {
  readonly events: string[] = [];
  readonly #answers: boolean;
  connection: ServerConnection | undefined;
  #body = "";

  constructor(answers = true) {
    this.#answers = answers;
  }

  request(): void {
    const { connection } = this;
    if (connection === undefined) return;
    this.events.push(`${connection.head.method} ${connection.head.path}`);
    this.#body = "";
    const taken = connection.takeBody(true);
    if (taken !== undefined) this.#add(taken);
    if (connection.requestDone) this.#over();
    else connection.openBody(true, true);
  }
  requestBody(bytes: Buffer, start: number, end: number, last: boolean): boolean {
    this.#add(bytes.subarray(start, end));
    if (last) this.#over();
    return true;
  }
  #add(bytes: Buffer): void {
    this.#body += bytes.toString("latin1");
  }
  #over(): void {
    this.events.push(`body ${this.#body}`);
    if (this.#answers) this.answer();
  }
  answer(): void {
    this.connection?.reply(200, "", "");
    this.connection?.finish();
  }
  requestTrailers(): void {}
  clientWritable(): void {}
  aborted(reason: string): void {
    this.events.push(`aborted ${reason}`);
    if (reason === "malformed") {
      this.connection?.reply(400, "", "");
      this.connection?.finish();
    }
  }
  refused(code: number): void {
    this.events.push(`refused ${refusal(code).reason}`);
  }
  closed(): void {}
}

function serve(answers = true) {
  const time = new FakeTime();
  const wheel = new TimerWheel(time, 10);
  const { socket, raw } = fakeSocket();
  const recorder = new Recorder(answers);
  const connection = new ServerConnection(
    socket,
    { wheel, writer, idleMs: 10_000, headMs: 1_000 },
    recorder,
    recorder,
  );
  recorder.connection = connection;
  return { time, wheel, socket, raw, recorder, connection };
}

/** As HTTP/2 says it: nothing of a length. */
function responseHead(status: number): ResponseHead {
  const bytes = Buffer.from(`HTTP/1.1 ${status} \r\n\r\n`);
  const head = new ResponseHead();
  readResponse(head, bytes, 0, bytes.length);
  return head;
}

/** What happens when `text` arrives cut at `cuts`. */
function outcome(
  text: string,
  cuts: readonly number[],
): { events: readonly string[]; written: string; ending: string } {
  const { socket, raw, recorder } = serve();
  const bytes = Buffer.from(text, "latin1");
  const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let at = 0;
  for (const end of [...ends, bytes.length]) {
    if (end > at) socket.onData(Buffer.from(bytes.subarray(at, end)));
    at = Math.max(at, end);
  }
  // How much of a body had come before it was found malformed depends on the cuts; that it was found does not.
  const events = recorder.events.filter(
    (each, index) => !(each.startsWith("body") && recorder.events[index + 1]?.startsWith("refused")),
  );
  return { events, written: raw.text, ending: raw.ending };
}

const message = fc.constantFrom(
  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
  "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n",
  "\r\nPUT /e HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
  "GET /close HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
  "POST /bad HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
  "GET / HTTP/1.1\nHost: a\n\n",
  "BAD\r\n\r\n",
);

describe("a client's connection", () => {
  it("means the same however its bytes are cut", () => {
    fc.assert(
      fc.property(
        fc.array(message, { minLength: 1, maxLength: 5 }),
        fc.array(fc.nat(600), { maxLength: 15 }),
        (messages, cuts) => {
          const text = messages.join("");
          expect(outcome(text, cuts)).toEqual(outcome(text, []));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("means the same byte by byte, with noise in it too", () => {
    fc.assert(
      fc.property(
        fc.array(message, { minLength: 1, maxLength: 3 }),
        fc.nat(300),
        fc.uint8Array({ maxLength: 3 }),
        (messages, at, noise) => {
          const whole = messages.join("");
          const cut = at % whole.length;
          const text = whole.slice(0, cut) + Buffer.from(noise).toString("latin1") + whole.slice(cut);
          expect(
            outcome(
              text,
              Array.from(text, (_, index) => index),
            ),
          ).toEqual(outcome(text, []));
        },
      ),
      { numRuns: 200 },
    );
  });

  it("never crashes on random bytes", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 6 }), (pieces) => {
        const { socket } = serve();
        for (const piece of pieces) socket.onData(Buffer.from(piece));
        socket.onEnd();
        socket.onClose(undefined);
      }),
    );
  });

  it("lets pipelined requests wait while one is served, and reads no more than a little ahead", () => {
    const { socket, raw, recorder } = serve(false);
    socket.onData(Buffer.from("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"));
    expect(recorder.events).toEqual(["GET /1", "body "]);
    expect(raw.paused).toBe(false);
    socket.onData(Buffer.from("GET /3 HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3_000)));
    expect(raw.paused).toBe(true);
    recorder.answer();
    expect(recorder.events).toEqual(["GET /1", "body ", "GET /2", "body "]);
  });

  it.each([
    ["HEAD", 200],
    ["GET", 204],
    ["GET", 304],
  ])(
    "writes nothing behind the head of a response to %s with %i, also when its end comes later",
    (method, status) => {
      const { socket, raw, connection } = serve(false);
      socket.onData(Buffer.from(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`));
      connection.respond(responseHead(status), undefined, Buffer.alloc(0), 0, 0, false);
      connection.body(Buffer.alloc(0), 0, 0, true);
      connection.finish();
      expect(raw.text).toBe(`HTTP/1.1 ${status} \r\n\r\n`);
    },
  );

  it("notices that its client has left while requests wait", () => {
    const { socket, recorder } = serve(false);
    socket.onData(Buffer.from("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"));
    socket.onEnd();
    expect(recorder.events).toEqual(["GET /1", "body ", "aborted gone"]);
  });

  it("waits a bounded time for a head that has begun, and then says so", () => {
    const { socket, raw, recorder, time } = serve();
    socket.onData(Buffer.from("GET / HTTP/1.1\r\n"));
    for (let second = 0; second < 9; second++) {
      time.advance(100);
      socket.onData(Buffer.from(`X-${second}: y\r\n`));
    }
    expect(recorder.events).toEqual([]);
    time.advance(200);
    expect(recorder.events).toEqual(["refused head_timeout"]);
    expect(raw.text).toMatch(/^HTTP\/1\.1 408 /);
  });

  it("says why in full where what is no request comes behind a HEAD", () => {
    const { socket, raw, recorder } = serve();
    socket.onData(Buffer.from("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n=\r\n"));
    expect(recorder.events.at(-1)).toBe("refused method");
    expect(raw.text).toMatch(/\r\n\r\nmethod: /);
  });

  it("is closed when it is idle for long, and not while a request is served", () => {
    const { socket, raw, recorder, time, wheel } = serve(false);
    socket.onData(Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    time.advance(100_000);
    expect(raw.ending).toBe("no");
    recorder.answer();
    time.advance(9_000);
    expect(raw.ending).toBe("no");
    time.advance(3_000);
    expect(raw.ending).toBe("end");
    socket.onClose(undefined);
    expect(wheel.size).toBe(0);
  });

  it("that leaves in the middle of a request aborts it", () => {
    for (const leave of ["onEnd", "onClose"] as const) {
      const { socket, recorder } = serve(false);
      socket.onData(Buffer.from("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe"));
      if (leave === "onEnd") socket.onEnd();
      else socket.onClose(new Error("reset"));
      expect(recorder.events).toEqual(["POST /", "aborted gone"]);
    }
  });

  it("is read again once a large body has been taken whole, so that its end is noticed", () => {
    const { time, wheel } = serve();
    const { socket, raw } = fakeSocket();
    const silent = new (class extends Recorder {
      override request(): void {}
    })();
    const connection = new ServerConnection(
      socket,
      { wheel, writer, idleMs: 10_000, headMs: 1_000 },
      silent,
      silent,
    );
    const body = "x".repeat(100_000);
    socket.onData(Buffer.from(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`));
    expect(raw.paused).toBe(true);
    expect(connection.takeBody(true)?.length).toBe(100_000);
    expect(connection.requestDone).toBe(true);
    expect(raw.paused).toBe(false);
    expect(time.pending).toBeLessThanOrEqual(1);
  });

  it("holds a body whose request has been answered until its client takes the answer, and goes on with the next", () => {
    const time = new FakeTime();
    const wheel = new TimerWheel(time, 10);
    const { socket, raw } = fakeSocket();
    const paths: string[] = [];
    const exchange: Exchange = new Exchange(
      { wheel, now: () => time.now() },
      {
        request: (head) => {
          paths.push(head.path);
          exchange.send(endpoint, undefined, 0, "");
        },
        failed: () => exchange.reply(413, "enough"),
        responding: () => true,
        cancelled() {},
        ended() {},
        refused() {},
        tunnel() {},
      },
    );
    let endpoint = new FakeEndpoint(1);
    const told = { refused() {}, closed() {} };
    exchange.downstream = new ServerConnection(
      socket,
      { wheel, writer, idleMs: 10_000, headMs: 1_000 },
      exchange,
      told,
    );
    socket.onData(Buffer.from("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"));
    raw.room = 0;
    endpoint.fails();
    socket.onData(Buffer.from("def"));
    expect([raw.paused, exchange.active, exchange.replayable]).toEqual([true, false, false]);
    raw.room = Number.POSITIVE_INFINITY;
    endpoint = new FakeEndpoint(1);
    socket.onDrain();
    expect(raw.paused).toBe(false);
    expect(raw.text).toMatch(/^HTTP\/1\.1 413 .*enough$/s);
    socket.onData(Buffer.from("ghiGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"));
    expect(paths).toEqual(["/1", "/2"]);
    expect(endpoint.got).toBe("$");
  });

  it("does not wait for ever for the rest of a body that nobody wants", () => {
    const { socket, raw, connection, time } = serve(false);
    socket.onData(Buffer.from("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nhe"));
    connection.reply(403, "", "");
    connection.finish();
    time.advance(1_100);
    expect(raw.ending).toBe("shutdown");
    time.advance(1_100);
    expect(raw.ending).toBe("end");
  });

  it("that has sent the rest of a body that nobody wants may stay idle as long as any", () => {
    const { socket, raw, connection, recorder, time } = serve(false);
    socket.onData(Buffer.from("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe"));
    connection.reply(403, "", "");
    connection.finish();
    socket.onData(Buffer.from("llo"));
    time.advance(9_000);
    expect(raw.ending).toBe("no");
    socket.onData(Buffer.from("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n"));
    expect(recorder.events).toEqual(["POST /", "GET /2", "body "]);
  });

  it.each([
    [64 * 1024 - 1, "no"],
    [64 * 1024, "shutdown"],
  ])("reads %d bytes of a body that nobody wants and ends: %s", (length, ending) => {
    const { socket, raw, connection } = serve(false);
    socket.onData(Buffer.from("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"));
    connection.reply(403, "", "");
    connection.finish();
    socket.onData(Buffer.alloc(length));
    expect(raw.ending).toBe(ending);
  });

  it("that leaves before the rest of a body that nobody wants is closed", () => {
    const { socket, raw, connection } = serve(false);
    socket.onData(Buffer.from("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nhe"));
    connection.reply(403, "", "");
    connection.finish();
    expect(raw.ending).toBe("no");
    socket.onEnd();
    expect(raw.ending).toBe("end");
  });

  it("reads on for a moment after its last response, so that no reset destroys it", () => {
    const { socket, raw, time } = serve();
    socket.onData(Buffer.from("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    expect(raw.ending).toBe("shutdown");
    socket.onData(Buffer.from("more that nobody reads"));
    time.advance(1_100);
    expect(raw.ending).toBe("end");
  });
});
