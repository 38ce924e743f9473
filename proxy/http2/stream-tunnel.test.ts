import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CANCEL } from "../http/streams.ts";
import type { SocketEvents } from "../net/socket.ts";
import type { SpliceEnd } from "../net/splice.ts";
import * as frames from "./frames.ts";
import * as peer from "./peer.fake.ts";
import { data, FakeService, GET, headers, reset, responseHead, settings } from "./peer.fake.ts";
import { ServerConnection } from "./server-connection.ts";
import { STREAM_WINDOW } from "./settings.ts";

const WEBSOCKET: readonly peer.Field[] = [
  [":method", "CONNECT"],
  [":protocol", "websocket"],
  ...GET.slice(1),
];
const CONNECT: readonly peer.Field[] = [
  [":method", "CONNECT"],
  [":authority", "far:443"],
];
const SWITCHING = responseHead(101, [
  ["sec-websocket-accept", "x"],
  ["sec-websocket-protocol", "chat"],
]);

/** Owns a tunnel's end, and remembers what it was told. */
class Owner implements SocketEvents {
  readonly events: string[] = [];
  body = "";
  data(chunk: Buffer): void {
    this.body += chunk.toString("latin1");
  }
  writable(): void {
    this.events.push("writable");
  }
  ended(): void {
    this.events.push("ended");
  }
  closed(error: Error | undefined): void {
    this.events.push(error === undefined ? "closed" : `closed: ${error.message}`);
  }
}

class Bench extends peer.Bench {
  readonly services: FakeService[] = [];
  readonly connection = new ServerConnection(
    this.socket,
    { ...this.options, idleMs: 10_000 },
    {
      stream: (stream) => {
        const service = new FakeService(stream);
        this.services.push(service);
        return service;
      },
      refused() {},
      closed() {},
    },
  );

  async asked(fields = WEBSOCKET, ...pairs: (readonly [number, number])[]): Promise<FakeService> {
    await this.send(frames.PREFACE, settings(...pairs), headers(1, fields));
    this.frames();
    return this.services[0] as FakeService;
  }

  async tunnelled(fields = WEBSOCKET, ...pairs: (readonly [number, number])[]) {
    const service = await this.asked(fields, ...pairs);
    const owner = new Owner();
    const end = service.stream.switch(SWITCHING, undefined)?.end as SpliceEnd;
    end.events = owner;
    await peer.turn();
    const granted = this.response(this.frames()[0] as peer.Frame);
    return { service, owner, end, granted };
  }

  written(): string {
    return this.frames()
      .map(
        ({ type, flags, id, payload }) =>
          `${type}${(flags & 1) === 1 ? "!" : ""}#${id} ${payload.toString("latin1")}`,
      )
      .join("|");
  }
}

const text = (end: SpliceEnd, value: string) => end.write(Buffer.from(value), 0, value.length);

describe("a stream that asks for a tunnel", () => {
  it.each([
    ["a WebSocket", WEBSOCKET, "GET /"],
    ["CONNECT", CONNECT, "CONNECT far:443"],
  ])("is a request without a body, and what comes waits (%s)", async (_name, fields, asked) => {
    const bench = new Bench();
    const { stream, events } = await bench.asked(fields);
    await bench.send(data(1, "early"));
    expect(stream.requestDone).toBe(true);
    expect(stream.takeBody(false)).toBeUndefined();
    expect(events).toEqual([asked]);
  });

  it("has it with a 200 without the answer to a key, and then gets what waited", async () => {
    const bench = new Bench();
    const service = await bench.asked();
    await bench.send(data(1, "early"));
    const owner = new Owner();
    const end = service.stream.switch(SWITCHING, { remove: new Set(["x-a"]), add: "x-b: c\r\n" })
      ?.end as SpliceEnd;
    end.events = owner;
    end.resume();
    await peer.turn();
    expect(bench.response(bench.frames()[0] as peer.Frame)).toBe(
      "HTTP/1.1 200 \r\nsec-websocket-protocol: chat\r\nx-b: c\r\n\r\n",
    );
    expect(owner.body).toBe("early");
    expect(service.body).toBe("");
  });

  it("never hears of a success that opens none", async () => {
    const bench = new Bench();
    const { stream } = await bench.asked();
    stream.reply(200, "cached", "");
    stream.finish();
    await peer.turn();
    const [head, body] = bench.frames();
    expect(bench.response(head as peer.Frame)).toMatch(/^HTTP\/1\.1 502 /);
    expect(String(body?.payload)).toBe("cached");
    expect(bench.connection.streams).toBe(0);
  });

  it("is closed, and its owner told, when the client takes no head of this size", async () => {
    const bench = new Bench();
    const service = await bench.asked(WEBSOCKET, [frames.MAX_HEADER_LIST_SIZE, 40]);
    const owner = new Owner();
    const end = service.stream.switch(SWITCHING, undefined)?.end as SpliceEnd;
    end.events = owner;
    end.resume();
    await peer.turn();
    expect(owner.events).toEqual(["closed: the response's head is larger than the client takes"]);
    expect(bench.frames().map(({ type }) => type)).toEqual([frames.RST_STREAM]);
  });
});

describe("a stream that is a tunnel", () => {
  it("carries DATA both ways and closes when both sides have ended", async () => {
    const bench = new Bench();
    const { end, owner } = await bench.tunnelled();
    end.resume();
    expect(text(end, "to the client")).toBe(true);
    await bench.send(data(1, "to the "), data(1, "endpoint", true));
    expect(owner.body).toBe("to the endpoint");
    expect(owner.events).toEqual(["ended"]);
    expect(end.ended).toBe(true);
    end.shutdown();
    await peer.turn();
    expect(bench.written()).toBe("0#1 to the client|0!#1 ");
    expect(owner.events).toEqual(["ended", "closed"]);
    expect(bench.connection.streams).toBe(0);
  });

  it("holds what comes while it is paused", async () => {
    const bench = new Bench();
    const { end, owner } = await bench.tunnelled();
    await bench.send(data(1, "a", true));
    expect(owner.body).toBe("");
    expect(owner.events).toEqual([]);
    end.resume();
    expect(owner.body).toBe("a");
    expect(owner.events).toEqual(["ended"]);
  });

  it("tells its source to wait for the client's window, and when to go on", async () => {
    const bench = new Bench();
    const { end, owner } = await bench.tunnelled(WEBSOCKET, [frames.INITIAL_WINDOW_SIZE, 4]);
    expect(text(end, "123456")).toBe(false);
    expect(end.congested).toBe(true);
    await bench.send(peer.windowUpdate(1, 100));
    expect(end.congested).toBe(false);
    expect(owner.events).toEqual(["writable"]);
    expect(bench.written()).toContain("0#1 1234|0#1 56");
  });

  it("that is ended says all that waits, and then wants no more", async () => {
    const bench = new Bench();
    const { end, owner } = await bench.tunnelled(WEBSOCKET, [frames.INITIAL_WINDOW_SIZE, 4]);
    text(end, "123456");
    end.end();
    expect(owner.events).toEqual([]);
    await bench.send(peer.windowUpdate(1, 100));
    expect(owner.events).toEqual(["closed"]);
    expect(bench.written()).toContain("0#1 1234|0!#1 56|3#1 \0\0\0\0");
    end.destroy();
    expect(owner.events).toEqual(["closed"]);
    expect(bench.connection.streams).toBe(0);
  });

  it("that is destroyed is reset with CANCEL", async () => {
    const bench = new Bench();
    const { end, owner } = await bench.tunnelled();
    end.destroy();
    await peer.turn();
    expect(bench.written()).toBe("3#1 \0\0\0\x08");
    expect(owner.events).toEqual(["closed"]);
    expect(text(end, "late")).toBe(true);
    await peer.turn();
    expect(bench.written()).toBe("");
  });

  it.each<[string, Buffer[], RegExp]>([
    ["resets it", [reset(1, CANCEL)], /^closed: the stream was reset with CANCEL$/],
    ["sends trailers", [headers(1, [["a", "b"]], true)], /^closed: HEADERS came in a tunnel$/],
    ["breaks a rule", [peer.windowUpdate(1, 0)], /^closed: the client broke the rules of HTTP\/2$/],
    ["sends what is no frame", [headers(2, GET)], /^closed: HTTP\/2: PROTOCOL_ERROR$/],
  ])("is over with an error when the client %s", async (_name, sent, closed) => {
    const bench = new Bench();
    const { end, owner } = await bench.tunnelled();
    end.resume();
    await bench.send(...sent);
    expect(owner.events).toHaveLength(1);
    expect(owner.events[0]).toMatch(closed);
    end.end();
    end.destroy();
    expect(owner.events).toHaveLength(1);
    expect(bench.connection.streams).toBe(0);
  });

  it("loses no byte and holds no more than a window, however it is paused", async () => {
    const step = fc.oneof(
      fc.record({ send: fc.integer({ min: 0, max: 16_000 }) }),
      fc.constantFrom("pause" as const, "resume" as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const bench = new Bench();
        const { end, owner } = await bench.tunnelled();
        let window = STREAM_WINDOW;
        let sent = "";
        const windows = () => {
          for (const { type, id, payload } of bench.frames()) {
            if (type === frames.WINDOW_UPDATE && id === 1) window += payload.readUInt32BE(0);
          }
        };
        for (const each of steps) {
          if (each === "pause") end.pause();
          else if (each === "resume") end.resume();
          else {
            const size = Math.min(each.send, window);
            const piece = String.fromCharCode(97 + (sent.length % 26)).repeat(size);
            window -= size;
            sent += piece;
            await bench.send(data(1, piece));
          }
          await peer.turn();
          windows();
          expect(sent.startsWith(owner.body)).toBe(true);
          expect(window + sent.length - owner.body.length).toBeLessThanOrEqual(STREAM_WINDOW);
        }
        end.pause();
        end.resume();
        await bench.send(data(1, "", true));
        expect(owner.body).toBe(sent);
        expect(owner.events).toEqual(["ended"]);
      }),
      { numRuns: 60 },
    );
  });
});
