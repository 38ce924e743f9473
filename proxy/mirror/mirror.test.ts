import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { RequestHead } from "../http/request-head.ts";
import { responseHead } from "../http/streams.fake.ts";
import {
  CANCEL,
  FULL,
  type OutgoingRequest,
  ROOM,
  TOO_LARGE,
  type Upstream,
  type UpstreamFailure,
} from "../http/streams.ts";
import { readRequest } from "../http1/read-request.ts";
import { FakeTime } from "../net/socket.fake.ts";
import { TimerWheel } from "../net/timer-wheel.ts";
import { Mirror, MirrorBudget, type Outcome } from "./mirror.ts";
import { shadowAuthority } from "./shadow.ts";

class FakeUpstream implements Upstream {
  readonly version;
  readonly fresh = true;
  request: OutgoingRequest | undefined;
  sent = "";
  whole = false;
  room = true;
  tooLarge = false;
  aborted = false;
  declined = false;

  constructor(version: 1 | 2 = 1) {
    this.version = version;
  }
  send(request: OutgoingRequest) {
    if (this.tooLarge) return TOO_LARGE;
    // The object is filled anew for the next.
    this.request = { ...request };
    this.sent = request.pieces.map((piece) => piece.toString()).join("");
    this.whole = request.last;
    return this.room ? ROOM : FULL;
  }
  body(bytes: Buffer, start: number, end: number, last: boolean) {
    if (this.whole) throw new Error("more than all of it");
    this.sent += bytes.toString("latin1", start, end);
    this.whole = last;
    return this.room;
  }
  trailers() {
    this.sent += "|trailers";
    this.whole = true;
  }
  resume() {}
  abort() {
    this.aborted = true;
  }
  decline() {
    this.declined = true;
  }
}

function headOf(text: string): RequestHead {
  const head = new RequestHead();
  const bytes = Buffer.from(text);
  expect(readRequest(head, bytes, 0, bytes.length)).toBe(bytes.length);
  return head;
}

const GET = "GET /a HTTP/1.1\r\nHost: web\r\n\r\n";
const CHUNKED = "POST /a HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\n\r\n";

/** A mirror whose endpoint's connection is there at once, or comes when `later.acquired` says so. */
function mirror(
  options: { head?: string; upstream?: FakeUpstream; later?: boolean; timeoutMs?: number } = {},
) {
  const time = new FakeTime();
  const budget = new MirrorBudget();
  const upstream = options.upstream ?? new FakeUpstream();
  const head = headOf(options.head ?? GET);
  const outcomes: [Outcome, number][] = [];
  let forgotten = 0;
  const it = new Mirror({
    wheel: new TimerWheel(time, 10),
    budget,
    head,
    edits: { host: "web-shadow" },
    drop: 0,
    timeoutMs: options.timeoutMs ?? 0,
    acquire: () => (options.later === true ? undefined : upstream),
    forget: () => forgotten++,
    additions: () => "x: 1\r\n",
    ended: (outcome, learned) => outcomes.push([outcome, learned]),
  });
  const answer = (status: number) => {
    it.response(responseHead(status));
    it.complete();
  };
  return { it, time, budget, upstream, head, outcomes, answer, forgotten: () => forgotten };
}

const say = (copy: Mirror, text: string, last = false) => copy.body(Buffer.from(text), 0, text.length, last);

describe("a copy of a request", () => {
  it("goes out with its own authority, and its answer is dropped", () => {
    const { it: copy, upstream, outcomes, budget, answer } = mirror();
    copy.begin(true, true);
    expect(upstream.request).toMatchObject({
      edits: { host: "web-shadow" },
      additions: "x: 1\r\n",
      last: true,
    });
    expect(budget.copies).toBe(1);
    answer(503);
    expect(outcomes).toEqual([["answered", 503]]);
    expect(budget.copies).toBe(0);
  });

  it("gets the body as it passes, in one write with the head as far as it was there", () => {
    const { it: copy, upstream } = mirror();
    say(copy, "one ");
    copy.begin(true, false);
    expect(upstream.sent).toBe("one ");
    say(copy, "two ");
    say(copy, "three", true);
    expect(upstream).toMatchObject({ sent: "one two three", whole: true });
  });

  it("waits for a connection on bytes of its own, as the request's are another's by then", () => {
    const { it: copy, upstream, head } = mirror({ later: true });
    copy.begin(true, true);
    head.release();
    head.method = "PUT";
    copy.acquired(upstream);
    const sent = upstream.request?.head;
    expect(sent?.method).toBe("GET");
    expect(sent?.header("host")).toBe("web");
    expect(sent?.path).toBe("/a");
  });

  it("keeps what its endpoint does not take, in order, whatever the pace", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), fc.boolean()), { minLength: 1, maxLength: 20 }), (steps) => {
        const { it: copy, upstream, budget } = mirror();
        copy.begin(true, false);
        for (const [index, [text, room]] of steps.entries()) {
          upstream.room = room;
          const bytes = Buffer.from(text, "latin1");
          copy.body(bytes, 0, bytes.length, index === steps.length - 1);
          if (room) copy.endpointWritable();
        }
        upstream.room = true;
        copy.endpointWritable();
        const all = steps.map(([text]) => Buffer.from(text, "latin1").toString("latin1")).join("");
        expect(upstream.sent).toBe(all);
        expect(upstream.whole).toBe(true);
        expect(budget.waitingBytes).toBe(0);
      }),
    );
  });

  it("is given up when its endpoint is too slow, and holds nothing then", () => {
    const upstream = new FakeUpstream();
    upstream.room = false;
    const { it: copy, outcomes, budget } = mirror({ upstream });
    copy.begin(true, false);
    const piece = Buffer.alloc(64 * 1024);
    for (let sent = 0; sent < 4; sent++) copy.body(piece, 0, piece.length, false);
    expect(outcomes).toEqual([]);
    expect(budget.waitingBytes).toBe(4 * 64 * 1024);
    copy.body(piece, 0, 1, false);
    expect(outcomes).toEqual([["slow", -1]]);
    expect(upstream.aborted).toBe(true);
    expect(budget).toEqual({ copies: 0, waitingBytes: 0 });
    say(copy, "more");
    copy.trailers(new RequestHead());
    expect(budget.waitingBytes).toBe(0);
  });

  it("is not begun where too many are under way", () => {
    const { it: copy, outcomes, budget, upstream } = mirror();
    budget.copies = 2048;
    copy.begin(true, true);
    expect(outcomes).toEqual([["limit", -1]]);
    expect(upstream.request).toBeUndefined();
    expect(budget.copies).toBe(2048);
  });

  it("has the route's time, and a minute for the answer where that has none", () => {
    const routed = mirror({ timeoutMs: 500, later: true });
    routed.it.begin(true, true);
    routed.time.advance(600);
    expect(routed.outcomes).toEqual([["timeout", -1]]);
    expect(routed.forgotten()).toBe(1);

    const long = mirror();
    long.it.begin(true, false);
    long.time.advance(3_600_000);
    expect(long.outcomes).toEqual([]);
    say(long.it, "end", true);
    long.time.advance(61_000);
    expect(long.outcomes).toEqual([["timeout", 0]]);
    expect(long.upstream.aborted).toBe(true);
  });

  it("ends with the request when that was not sent whole, and goes on when it was", () => {
    const half = mirror();
    half.it.begin(true, false);
    say(half.it, "half");
    half.it.broken();
    expect(half.outcomes).toEqual([["broken", -1]]);
    expect(half.upstream.aborted).toBe(true);

    const whole = mirror();
    whole.it.begin(true, true);
    whole.it.broken();
    expect(whole.outcomes).toEqual([]);
    whole.answer(200);
    expect(whole.outcomes).toEqual([["answered", 200]]);
  });

  it("of a request that was never sent is none", () => {
    const { it: copy, outcomes, budget, upstream, forgotten } = mirror();
    copy.broken();
    copy.begin(true, true);
    expect(outcomes).toEqual([["broken", -1]]);
    expect(upstream.request).toBeUndefined();
    expect([budget.copies, forgotten()]).toEqual([0, 0]);
  });

  it("declines a connection that comes too late", () => {
    const { it: copy, upstream } = mirror({ later: true, timeoutMs: 100 });
    copy.begin(true, true);
    copy.expire();
    copy.acquired(upstream);
    expect(upstream.declined).toBe(true);
  });

  const reset: UpstreamFailure = {
    kind: "reset",
    answered: false,
    reused: false,
    refused: 0,
    code: CANCEL,
    message: "reset",
  };
  test.each<[string, number, (copy: Mirror) => void]>([
    // Who dials has told what that says of the endpoint.
    ["its connection fails", -1, (copy) => copy.unavailable()],
    ["its endpoint resets it", 0, (copy) => copy.failed(reset)],
    ["its endpoint has not looked at it", -1, (copy) => copy.failed({ ...reset, kind: "unseen" })],
    ["its connection was closed while idle", -1, (copy) => copy.failed({ ...reset, reused: true })],
    [
      "its endpoint breaks off its answer",
      0,
      (copy) => {
        copy.response(responseHead(200));
        copy.failed({ ...reset, answered: true });
      },
    ],
  ])("is over when %s, and learned %d of its endpoint", (_, learned, happen) => {
    const { it: copy, outcomes, budget } = mirror();
    copy.begin(true, true);
    happen(copy);
    expect(outcomes).toEqual([["failed", learned]]);
    expect(budget.copies).toBe(0);
  });

  it("is over when its head is too large", () => {
    const upstream = new FakeUpstream();
    upstream.tooLarge = true;
    const { it: copy, outcomes } = mirror({ upstream });
    copy.begin(true, true);
    expect(outcomes).toEqual([["failed", -1]]);
  });

  it.each([
    [true, 2, "version"],
    [false, 1, "version"],
    [true, 1, undefined],
    [false, 2, undefined],
  ] as const)("of chunks, framed: %s, goes to HTTP/%s only in its form", (framed, version, outcome) => {
    const { it: copy, outcomes, upstream } = mirror({ head: CHUNKED, upstream: new FakeUpstream(version) });
    copy.begin(framed, false);
    expect(outcomes.map(([each]) => each)).toEqual(outcome === undefined ? [] : [outcome]);
    expect(upstream.declined).toBe(outcome !== undefined);
  });

  it("gets trailers at once where it keeps up, and behind what waits where it does not", () => {
    const quick = mirror();
    quick.it.begin(false, false);
    quick.it.trailers(new RequestHead());
    expect(quick.upstream.sent).toBe("|trailers");
    const upstream = new FakeUpstream();
    upstream.room = false;
    const slow = mirror({ later: true });
    slow.it.begin(false, false);
    say(slow.it, "one ");
    slow.it.trailers(new RequestHead());
    slow.it.acquired(upstream);
    expect(upstream).toMatchObject({ sent: "one ", whole: false });
    upstream.room = true;
    slow.it.endpointWritable();
    expect(upstream).toMatchObject({ sent: "one |trailers", whole: true });
  });
});

test.each([
  ["web", "web-shadow"],
  ["web.demo:8080", "web.demo-shadow:8080"],
  ["[::1]", "[::1]-shadow"],
  ["[::1]:80", "[::1]-shadow:80"],
])("the authority of a copy for %s is %s", (authority, shadow) => {
  expect(shadowAuthority(authority)).toBe(shadow);
});
