import { describe, expect, it } from "vitest";
import { refusal } from "../http/refusal.ts";
import * as frames from "./frames.ts";
import * as peer from "./peer.fake.ts";
import { data, FakeService, frame, GET, headers, POST, reset, settings, windowUpdate } from "./peer.fake.ts";
import { ServerConnection } from "./server-connection.ts";
import { CONNECTION_WINDOW, MAX_STREAMS, STREAM_WINDOW } from "./settings.ts";

class Server extends peer.Bench {
  readonly services: FakeService[] = [];
  readonly refused: string[] = [];
  closed = 0;
  readonly connection: ServerConnection;
  /** Takes bodies at once. */
  open = true;

  constructor() {
    super();
    this.connection = new ServerConnection(
      this.socket,
      { ...this.options, idleMs: 10_000 },
      {
        stream: (stream) => {
          const service = new FakeService(stream);
          this.services.push(service);
          return service;
        },
        refused: (code) => this.refused.push(refusal(code).reason),
        closed: () => this.closed++,
      },
    );
  }

  static async greeted(...pairs: (readonly [number, number])[]): Promise<Server> {
    const server = new Server();
    await server.send(frames.PREFACE, settings(...pairs));
    server.frames();
    return server;
  }

  service(index: number): FakeService {
    const service = this.services[index];
    if (service === undefined) throw new Error(`no request ${index}`);
    return service;
  }

  /** The code of the GOAWAY that was written last. */
  goneWith(): string | undefined {
    const last = this.frames().findLast(({ type }) => type === frames.GOAWAY);
    return last === undefined ? undefined : frames.errorName(last.payload.readUInt32BE(4));
  }
}

const kinds = (written: readonly peer.Frame[]) =>
  written.map(({ type, flags, id }) => `${type}${(flags & 1) === 1 ? "!" : ""}#${id}`).join(" ");

function answer(server: Server, index: number): void {
  const { stream } = server.service(index);
  stream.reply(200, "", "");
  stream.finish();
}

describe("ServerConnection", () => {
  it("says what it takes before anything else, and acknowledges what the client does", async () => {
    const server = new Server();
    await peer.turn();
    const [first, second] = server.frames();
    expect(first).toMatchObject({ type: frames.SETTINGS, flags: 0 });
    expect(second).toMatchObject({ type: frames.WINDOW_UPDATE, id: 0 });
    await server.send(frames.PREFACE, settings());
    expect(kinds(server.frames())).toBe("4!#0");
  });

  it("serves a request, and writes its response in one go", async () => {
    const server = await Server.greeted();
    await server.send(headers(1, GET, true));
    const service = server.service(0);
    expect(service.events).toEqual(["GET /"]);
    expect(service.stream.requestDone).toBe(true);
    const writes = server.raw.writes;
    const body = Buffer.from("hello");
    service.stream.respond(peer.responseHead(200, [["x-a", "1"]]), undefined, body, 0, 2, false);
    service.stream.body(body, 2, 5, true);
    service.stream.finish();
    await peer.turn();
    expect(server.raw.writes).toBe(writes + 1);
    const written = server.frames();
    expect(kinds(written)).toBe("1#1 0#1 0!#1");
    expect(server.response(written[0] as peer.Frame)).toBe("HTTP/1.1 200 \r\nx-a: 1\r\n\r\n");
    expect(server.connection.streams).toBe(0);
  });

  it("hands on a body and trailers however the bytes are cut", async () => {
    const bytes = Buffer.concat([
      frames.PREFACE,
      settings(),
      headers(1, POST),
      data(1, "hello "),
      frame(frames.DATA, frames.PADDED, 1, "\x03worldppp"),
      headers(1, [["x-sum", "1"]], true),
    ]);
    for (const size of [1, 2, 7, 31, bytes.length]) {
      const server = new Server();
      for (let at = 0; at < bytes.length; at += size) {
        await server.send(bytes.subarray(at, at + size));
        if (server.services.length > 0) server.service(0).stream.openBody(false, true);
      }
      expect(server.service(0).body).toBe("hello world");
      expect(server.service(0).events).toEqual(["POST /", "trailers x-sum: 1"]);
    }
  });

  it("announces a request with the body that came along, so that both can be sent on together", async () => {
    const server = await Server.greeted();
    await server.send(headers(1, POST), data(1, "hi", true));
    const { stream } = server.service(0);
    expect(stream.takeBody(false)?.toString()).toBe("hi");
    expect(stream.requestDone).toBe(true);
  });

  it("gives a stream's window back only as its body is taken", async () => {
    const server = await Server.greeted();
    const chunk = Buffer.alloc(16_384);
    await server.send(headers(1, POST));
    const service = server.service(0);
    service.room = false;
    service.stream.openBody(false, true);
    for (let sent = 0; sent < STREAM_WINDOW; sent += chunk.length) await server.send(data(1, chunk));
    expect(service.bodyBytes).toBe(chunk.length);
    expect(server.budget.held).toBe(STREAM_WINDOW);
    expect(server.frames().filter(({ id }) => id === 1)).toEqual([]);
    service.room = true;
    service.stream.resume();
    await peer.turn();
    expect(service.bodyBytes).toBe(STREAM_WINDOW);
    expect(server.budget.held).toBe(0);
    const given = server.frames().filter(({ type, id }) => type === frames.WINDOW_UPDATE && id === 1);
    expect(given.reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0)).toBe(STREAM_WINDOW);
  });

  it("resets a stream that sends more than its window", async () => {
    const server = await Server.greeted();
    await server.send(headers(1, POST));
    const chunk = Buffer.alloc(16_384);
    for (let sent = 0; sent <= STREAM_WINDOW; sent += chunk.length) await server.send(data(1, chunk));
    const written = server.frames();
    expect(written.at(-1)).toMatchObject({ type: frames.RST_STREAM, id: 1 });
    expect(server.service(0).events).toContain("aborted malformed");
    expect(server.budget.held).toBe(0);
  });

  it("gives the connection's window back as bytes come while few are held, and withholds it beyond", async () => {
    const server = await Server.greeted();
    const chunk = Buffer.alloc(16_384);
    const fill = async (first: number) => {
      for (let index = 0; index < CONNECTION_WINDOW / STREAM_WINDOW; index++) {
        const id = first + 2 * index;
        await server.send(headers(id, POST));
        for (let sent = 0; sent < STREAM_WINDOW; sent += chunk.length) await server.send(data(id, chunk));
      }
      return server.frames().filter(({ type, id }) => type === frames.WINDOW_UPDATE && id === 0).length;
    };
    expect(await fill(1)).toBeGreaterThan(0);
    server.budget.held += 1 << 30;
    expect(await fill(1001)).toBe(0);
    for (const service of server.services) service.stream.break(frames.CANCEL);
    await peer.turn();
    expect(server.frames().some(({ type, id }) => type === frames.WINDOW_UPDATE && id === 0)).toBe(true);
  });

  it("sends no more than the client takes, and tells the source when it may go on", async () => {
    const server = await Server.greeted([frames.INITIAL_WINDOW_SIZE, 10]);
    await server.send(headers(1, GET, true));
    const { stream, events } = server.service(0);
    const body = Buffer.alloc(30, "x");
    expect(stream.respond(peer.responseHead(200), undefined, body, 0, 20, false)).toBe(0);
    expect(stream.body(body, 20, 30, true)).toBe(false);
    await peer.turn();
    expect(server.frames().map(({ payload }) => payload.length)).toEqual([1, 10]);
    await server.send(windowUpdate(1, 15));
    expect(server.frames().map(({ type, payload }) => [type, payload.length])).toEqual([[0, 15]]);
    await server.send(settings([frames.INITIAL_WINDOW_SIZE, 15]));
    const [, last] = server.frames();
    expect(last).toMatchObject({ type: frames.DATA, flags: frames.END_STREAM });
    expect(events).toEqual(["GET /"]);
  });

  it("tells a source that waits once little is left", async () => {
    const server = await Server.greeted([frames.INITIAL_WINDOW_SIZE, 0]);
    await server.send(headers(1, GET, true));
    const { stream, events } = server.service(0);
    stream.respond(peer.responseHead(200), undefined, Buffer.alloc(40_000), 0, 40_000, false);
    await server.send(windowUpdate(1, 10_000));
    expect(events).not.toContain("writable");
    await server.send(windowUpdate(1, 20_000));
    expect(events).toContain("writable");
  });

  it("lets streams take turns, so that a large response does not hold up a small one", async () => {
    const server = await Server.greeted([frames.INITIAL_WINDOW_SIZE, 1 << 24]);
    await server.send(headers(1, GET, true), headers(3, GET, true), headers(5, GET, true));
    const body = Buffer.alloc(200_000);
    for (const { stream } of server.services) {
      stream.respond(peer.responseHead(200), undefined, body, 0, body.length, true);
    }
    await peer.turn();
    server.frames();
    await server.send(windowUpdate(0, 16_384 * 6));
    const ids = server.frames().map(({ id }) => id);
    for (const id of [3, 5]) expect(ids.filter((each) => each === id).length).toBeGreaterThanOrEqual(2);
  });

  it("does not frame DATA for a socket that takes none", async () => {
    const server = await Server.greeted([frames.INITIAL_WINDOW_SIZE, 1 << 24]);
    await server.send(windowUpdate(0, 1 << 24), headers(1, GET, true));
    server.raw.room = 1_000;
    const { stream, events } = server.service(0);
    const body = Buffer.alloc(1 << 20);
    stream.respond(peer.responseHead(200), undefined, body, 0, body.length, false);
    await peer.turn();
    server.raw.room = Number.POSITIVE_INFINITY;
    let drains = 0;
    while (!events.includes("writable") && drains++ < 100) {
      server.socket.onDrain();
      await peer.turn();
    }
    stream.body(body, 0, 1, true);
    await peer.turn();
    const sent = server.frames().filter(({ type }) => type === frames.DATA);
    expect(sent.reduce((sum, { payload }) => sum + payload.length, 0)).toBe(body.length + 1);
  });

  it("ends a response with trailers, behind all of its body", async () => {
    const server = await Server.greeted([frames.INITIAL_WINDOW_SIZE, 3]);
    await server.send(headers(1, GET, true));
    const { stream } = server.service(0);
    stream.respond(peer.responseHead(200), undefined, Buffer.from("hello"), 0, 5, false);
    stream.trailers(peer.trailerHead([["grpc-status", "0"]]));
    stream.finish();
    await server.send(windowUpdate(1, 3));
    const written = server.frames();
    expect(kinds(written)).toBe("1#1 0#1 0#1 1!#1");
    server.response(written[0] as peer.Frame);
    expect(server.trailers(written[3] as peer.Frame)).toBe("grpc-status: 0\r\n\r\n");
    expect(server.connection.streams).toBe(0);
  });

  it("asks for no more of a request whose response is over", async () => {
    const server = await Server.greeted();
    await server.send(headers(1, POST));
    server.service(0).stream.reply(403, "no\n", "x-why: 1\r\n");
    server.service(0).stream.finish();
    await peer.turn();
    const written = server.frames();
    expect(kinds(written)).toBe("1#1 0!#1 3#1");
    expect(server.response(written[0] as peer.Frame)).toBe(
      "HTTP/1.1 403 \r\ncontent-length: 3\r\ncontent-type: text/plain\r\nx-why: 1\r\n\r\n",
    );
    expect(written[2]?.payload.readUInt32BE(0)).toBe(frames.NO_ERROR);
    await server.send(data(1, "late"), data(1, "", true));
    expect(server.goneWith()).toBeUndefined();
  });

  it("tells who serves a request that its client has given it up", async () => {
    const server = await Server.greeted();
    await server.send(headers(1, GET, true), headers(3, GET, true), reset(1, frames.CANCEL));
    expect(server.service(0).events).toContain("aborted gone");
    server.socket.onClose(undefined);
    expect(server.service(1).events).toContain("aborted gone");
    expect(server.closed).toBe(1);
  });

  it("breaks a response off with a reset", async () => {
    const server = await Server.greeted();
    await server.send(headers(1, GET, true));
    server.service(0).stream.break(frames.INTERNAL_ERROR);
    await peer.turn();
    const [written] = server.frames();
    expect(written).toMatchObject({ type: frames.RST_STREAM, id: 1 });
    expect(written?.payload.readUInt32BE(0)).toBe(frames.INTERNAL_ERROR);
  });

  it("answers a head that is too large, and serves others", async () => {
    const server = await Server.greeted();
    const many = Array.from({ length: 101 }, (): peer.Field => ["a", "b"]);
    await server.send(headers(1, [...GET, ...many], true), headers(3, GET, true));
    const [written] = server.frames();
    expect(server.response(written as peer.Frame)).toContain("HTTP/1.1 431");
    expect(server.refused).toEqual(["too_many_headers"]);
    expect(server.services).toHaveLength(1);
  });

  it("refuses streams beyond the limit, without looking at them", async () => {
    const server = await Server.greeted();
    for (let index = 0; index <= MAX_STREAMS; index++) await server.send(headers(2 * index + 1, GET, true));
    expect(server.services).toHaveLength(MAX_STREAMS);
    const last = server.frames().at(-1);
    expect(last).toMatchObject({ type: frames.RST_STREAM, id: 2 * MAX_STREAMS + 1 });
    expect(last?.payload.readUInt32BE(0)).toBe(frames.REFUSED_STREAM);
  });

  it("refuses streams whose heads would together take much memory", async () => {
    const server = await Server.greeted();
    const large: peer.Field = ["a", "x".repeat(16_000)];
    for (let index = 0; index < 200; index++)
      await server.send(headers(2 * index + 1, [...GET, large], true));
    expect(server.services.length).toBeLessThan(140);
  });

  it.each<[string, Buffer[], string]>([
    ["no preface", [Buffer.from("GET / HTTP/1.1\r\n\r\n")], "PROTOCOL_ERROR"],
    ["a first frame other than SETTINGS", [frames.PREFACE, headers(1, GET)], "PROTOCOL_ERROR"],
    [
      "a head that does not decode",
      [frames.PREFACE, settings(), frame(1, 5, 1, "\x80")],
      "COMPRESSION_ERROR",
    ],
    ["a stream of an even number", [frames.PREFACE, settings(), headers(2, GET)], "PROTOCOL_ERROR"],
    ["DATA on an idle stream", [frames.PREFACE, settings(), data(1, "x")], "PROTOCOL_ERROR"],
    ["a push", [frames.PREFACE, settings(), frame(frames.PUSH_PROMISE, 4, 1, "xxxx")], "PROTOCOL_ERROR"],
    [
      "a frame that is too large",
      [frames.PREFACE, settings(), Buffer.from("004001000000000000", "hex")],
      "FRAME_SIZE_ERROR",
    ],
    [
      "CONTINUATION out of place",
      [frames.PREFACE, settings(), frame(frames.CONTINUATION, 4, 1, "")],
      "PROTOCOL_ERROR",
    ],
    [
      "a frame within a head",
      [frames.PREFACE, settings(), frame(frames.HEADERS, 0, 1, ""), frame(frames.PING, 0, 0, "12345678")],
      "PROTOCOL_ERROR",
    ],
    [
      "a window beyond all",
      [frames.PREFACE, settings(), windowUpdate(0, frames.MAX_WINDOW)],
      "FLOW_CONTROL_ERROR",
    ],
    [
      "a stream a second time",
      [frames.PREFACE, settings(), headers(5, GET, true), headers(3, GET, true)],
      "STREAM_CLOSED",
    ],
  ])("ends the connection on %s, and says why", async (_name, bytes, code) => {
    const server = new Server();
    await server.send(...bytes);
    expect(server.goneWith()).toBe(code);
    expect(server.closed).toBe(1);
    expect(server.raw.ending).toBe("shutdown");
    server.time.advance(2_000);
    expect(server.raw.ending).toBe("end");
  });

  it.each<[string, (round: number) => Buffer]>([
    ["PING", () => frame(frames.PING, 0, 0, "12345678")],
    ["SETTINGS", () => settings()],
    ["PRIORITY", () => frame(frames.PRIORITY, 0, 3, "\0\0\0\x05\0")],
    ["empty DATA", () => data(1, "")],
    ["WINDOW_UPDATE", () => windowUpdate(1, 1)],
    ["unknown frames", () => frame(0x2a, 0, 0, "")],
    [
      "resets of streams just opened",
      (round) => Buffer.concat([headers(2 * round + 3, GET), reset(2 * round + 3, 8)]),
    ],
    ["requests that have to be reset", (round) => headers(2 * round + 3, [["bad", ""]], true)],
    [
      "window games that have to be reset",
      (round) => Buffer.concat([headers(2 * round + 3, GET), windowUpdate(2 * round + 3, 0)]),
    ],
  ])("ends a connection that floods it with %s", async (_name, flood) => {
    const server = await Server.greeted();
    await server.send(headers(1, POST));
    server.service(0).stream.openBody(false, true);
    let rounds = 0;
    while (server.closed === 0 && rounds < 10_000) await server.send(flood(rounds++));
    expect(server.goneWith()).toBe("ENHANCE_YOUR_CALM");
    expect(server.refused.at(-1)).toBe("h2_flood");
  });

  it("ends a connection whose head goes on and on", async () => {
    const server = await Server.greeted();
    await server.send(frame(frames.HEADERS, 0, 1, peer.block(GET)));
    for (let rounds = 0; rounds < 100 && server.closed === 0; rounds++) {
      await server.send(frame(frames.CONTINUATION, 0, 1, ""));
    }
    expect(server.goneWith()).toBe("ENHANCE_YOUR_CALM");
  });

  it("does not take many small frames of a working client for a flood", async () => {
    const server = await Server.greeted();
    for (let index = 0; index < 5_000; index++) {
      const id = 2 * index + 1;
      const cancelled = index % 5 === 0;
      await server.send(
        headers(id, POST),
        data(id, "x", true),
        windowUpdate(0, 100),
        frame(frames.PING, 0, 0, "12345678"),
        ...(cancelled ? [reset(id, frames.CANCEL)] : []),
      );
      if (cancelled) continue;
      const { stream } = server.service(index);
      stream.takeBody(false);
      stream.reply(200, "", "");
      stream.finish();
    }
    await peer.turn();
    expect(server.goneWith()).toBeUndefined();
  });

  it("does not take requests that are given up when their time is over for a flood", async () => {
    const server = await Server.greeted();
    for (let round = 0; round < 10; round++) {
      const ids = Array.from({ length: 100 }, (_, index) => 2 * (100 * round + index) + 1);
      await server.send(...ids.map((id) => headers(id, GET, true)));
      server.time.advance(110);
      await server.send(...ids.map((id) => reset(id, frames.CANCEL)));
    }
    expect(server.closed).toBe(0);
    expect(server.connection.streams).toBe(0);
  });

  it("ends a client that makes it answer and does not listen", async () => {
    const server = await Server.greeted();
    await server.send(headers(1, POST));
    server.raw.room = 0;
    const ping = Buffer.concat(Array.from({ length: 1_000 }, () => frame(frames.PING, 0, 0, "12345678")));
    for (let rounds = 0; rounds < 200 && server.closed === 0; rounds++) {
      await server.send(data(1, "x"), ping);
      server.time.advance(20_000);
    }
    expect(server.closed).toBe(1);
  });

  it("announces a drain twice, so that requests under way are served", async () => {
    const server = await Server.greeted();
    await server.send(headers(1, GET, true));
    server.connection.drain(true);
    await peer.turn();
    const [first, ping] = server.frames();
    expect(first?.payload.readUInt32BE(0)).toBe(frames.MAX_STREAM_ID);
    await server.send(headers(3, GET, true), frame(frames.PING, frames.ACK, 0, ping?.payload));
    expect(server.frames().at(-1)?.payload.readUInt32BE(0)).toBe(3);
    await server.send(headers(5, GET, true));
    expect(server.services).toHaveLength(2);
    for (const { stream } of server.services) {
      stream.reply(200, "", "");
      stream.finish();
    }
    await peer.turn();
    expect(server.raw.ending).toBe("shutdown");
    expect(server.closed).toBe(1);
  });

  it("ignores all of a request that crossed its last GOAWAY, and finishes those before", async () => {
    const server = await Server.greeted();
    await server.send(headers(1, GET, true));
    server.connection.drain(false);
    server.time.advance(1_100);
    await peer.turn();
    server.frames();
    const trailers = headers(3, [["x-sum", "1"]], true);
    await server.send(headers(3, POST), trailers, headers(5, POST), data(5, "late"), data(5, "", true));
    expect(server.frames()).toEqual([]);
    expect(server.services).toHaveLength(1);
    server.services[0]?.stream.reply(200, "", "");
    server.services[0]?.stream.finish();
    await peer.turn();
    expect(server.goneWith()).toBe("NO_ERROR");
  });

  it("drains a client that does not answer, too", async () => {
    const server = await Server.greeted();
    await server.send(headers(1, GET, true));
    server.connection.drain(false);
    server.time.advance(1_100);
    await peer.turn();
    expect(server.frames().filter(({ type }) => type === frames.GOAWAY)).toHaveLength(2);
  });

  it("ends at once when it drains without a stream", async () => {
    const server = await Server.greeted();
    server.connection.drain(true);
    expect(server.goneWith()).toBe("NO_ERROR");
    expect(server.closed).toBe(1);
  });

  it("ends when it has been idle, and not before", async () => {
    const server = await Server.greeted();
    server.time.advance(9_000);
    await server.send(headers(1, GET, true));
    server.time.advance(60_000);
    expect(server.closed).toBe(0);
    answer(server, 0);
    server.time.advance(9_900);
    expect(server.closed).toBe(0);
    server.time.advance(200);
    expect(server.goneWith()).toBe("NO_ERROR");
  });

  it("has been idle since its last stream ended, whenever that began and whatever came without one", async () => {
    const server = await Server.greeted();
    server.time.advance(4_900);
    await server.send(headers(1, GET, true));
    answer(server, 0);
    server.time.advance(6_000);
    // A frame that comes in two has the time of a head.
    const ping = frame(frames.PING, 0, 0, "12345678");
    await server.send(ping.subarray(0, 10));
    await server.send(ping.subarray(10));
    server.time.advance(3_900);
    expect(server.closed).toBe(0);
    server.time.advance(200);
    expect(server.goneWith()).toBe("NO_ERROR");
  });

  it("announces the smallest and the last of the table's sizes that one SETTINGS has (RFC 7541 section 4.2)", async () => {
    const server = await Server.greeted();
    await server.send(
      settings([frames.HEADER_TABLE_SIZE, 0], [frames.HEADER_TABLE_SIZE, 4096]),
      headers(1, GET, true),
    );
    answer(server, 0);
    await peer.turn();
    const head = server.frames().find(({ type }) => type === frames.HEADERS);
    expect(head?.payload.subarray(0, 4).toString("hex")).toBe("203fe11f");
  });

  it.each<[string, Buffer[]]>([
    ["preface", []],
    ["SETTINGS", [frames.PREFACE]],
    ["head", [frames.PREFACE, settings(), frame(frames.HEADERS, 0, 1, "")]],
    ["frame", [frames.PREFACE, settings(), headers(1, GET).subarray(0, 4)]],
  ])("does not wait long for a %s", async (_name, bytes) => {
    const server = new Server();
    if (bytes.length > 0) await server.send(...bytes);
    server.time.advance(1_100);
    expect(server.closed).toBe(1);
  });

  it("has no timer and no stream left when it is over", async () => {
    const server = await Server.greeted();
    await server.send(headers(1, POST), data(1, "x"));
    server.connection.destroy();
    expect(server.service(0).events).toContain("aborted gone");
    expect(server.wheel.size).toBe(0);
    expect(server.budget.held).toBe(0);
  });
});
