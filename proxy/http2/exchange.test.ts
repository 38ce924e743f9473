import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ClientConnection } from "./client-connection.ts";
import * as peer from "./peer.fake.ts";
import { FakeCaller, FakeService, outgoing, requestHead, responseHead } from "./peer.fake.ts";
import { ServerConnection } from "./server-connection.ts";

/** Both kinds of connection, each the other's peer; bytes travel when told to, in pieces of any size. */
class Pair {
  readonly near = new peer.Bench();
  readonly far = new peer.Bench();
  readonly services: FakeService[] = [];
  readonly client: ClientConnection;
  readonly server: ServerConnection;

  constructor() {
    const nobody = () => {};
    this.client = new ClientConnection(
      this.near.socket,
      { ...this.near.options, maxStreams: 100 },
      { available: nobody, draining: nobody, gone: nobody },
    );
    this.server = new ServerConnection(
      this.far.socket,
      { ...this.far.options, idleMs: 10_000 },
      {
        stream: (stream) => {
          const service = new FakeService(stream);
          this.services.push(service);
          return service;
        },
        refused: nobody,
        closed: nobody,
      },
    );
  }

  /** Moves at most so many bytes each way; false when there was nothing to move. */
  async move(most: number): Promise<boolean> {
    await peer.turn();
    let moved = false;
    for (const [from, to] of [
      [this.near, this.far],
      [this.far, this.near],
    ] as const) {
      const chunk = from.raw.written.shift();
      if (chunk === undefined) continue;
      if (chunk.length > most) from.raw.written.unshift(chunk.subarray(most));
      to.socket.onData(Buffer.from(chunk.subarray(0, most)));
      moved = true;
    }
    await peer.turn();
    return moved;
  }
}

const NONE = Buffer.alloc(0);

describe("two connections", () => {
  it("carry bodies both ways whole, whatever their sizes, how bytes are cut, and who is slow", async () => {
    const message = fc.record({
      request: fc.array(fc.integer({ min: 0, max: 60_000 }), { maxLength: 4 }),
      response: fc.array(fc.integer({ min: 0, max: 60_000 }), { maxLength: 4 }),
      slow: fc.boolean(),
      trailers: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(message, { minLength: 1, maxLength: 6 }),
        fc.constantFrom(500, 9_000, 1 << 20),
        async (messages, most) => {
          const pair = new Pair();
          const calls = messages.map(({ request, slow }) => {
            const upstream = pair.client.open();
            const caller = new FakeCaller();
            caller.room = !slow;
            upstream.send(outgoing(requestHead("POST", "/"), request.length === 0), caller);
            for (const [index, size] of request.entries()) {
              upstream.body(Buffer.alloc(size, 65 + index), 0, size, index === request.length - 1);
            }
            return { upstream, caller };
          });
          const [opened, answered] = [new Set<FakeService>(), new Set<FakeService>()];
          for (let rounds = 0; rounds < 100_000; rounds++) {
            if (await pair.move(most)) continue;
            let acted = false;
            for (const [index, service] of pair.services.entries()) {
              const { response, trailers, slow } = messages[index] as (typeof messages)[number];
              const { stream } = service;
              if (!opened.has(service)) {
                acted = true;
                opened.add(service);
                service.room = !slow;
                stream.openBody(false, true);
              }
              // A response that is over ends its request: so it begins when that is in.
              if (answered.has(service) || !service.events.includes("end")) continue;
              acted = true;
              answered.add(service);
              stream.respond(responseHead(200), undefined, NONE, 0, 0, response.length === 0 && !trailers);
              for (const [piece, size] of response.entries()) {
                stream.body(Buffer.alloc(size), 0, size, piece === response.length - 1 && !trailers);
              }
              if (trailers) stream.trailers(peer.trailerHead([["x-end", "1"]]));
            }
            if (acted) continue;
            // Everyone who was slow takes another piece.
            const held = pair.near.budget.held + pair.far.budget.held;
            for (const { stream } of pair.services) stream.resume();
            for (const { upstream } of calls) upstream.resume();
            if (held === 0 && !(await pair.move(most))) break;
          }
          for (const [index, { request, response, trailers }] of messages.entries()) {
            const service = pair.services[index] as FakeService;
            const caller = calls[index]?.caller as FakeCaller;
            const total = (sizes: number[]) => sizes.reduce((sum, size) => sum + size, 0);
            expect(service.bodyBytes).toBe(total(request));
            expect(caller.bodyBytes).toBe(total(response));
            expect(caller.events.at(-1)).toBe("complete");
            expect(caller.events.includes("trailers x-end: 1")).toBe(trailers);
            expect(service.stream.requestDone).toBe(true);
            service.stream.finish();
          }
          expect(pair.near.budget.held).toBe(0);
          expect(pair.far.budget.held).toBe(0);
          expect(pair.client.streams).toBe(0);
          expect(pair.server.streams).toBe(0);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("carry the same heads again and again, and others between them, without mixing them up", async () => {
    const field = fc.tuple(
      fc.constantFrom("x-a", "x-b", "user-agent", "cookie"),
      fc.constantFrom("1", "2", "three"),
    );
    const head = fc.record({
      path: fc.constantFrom("/", "/a", "/b?c=d"),
      fields: fc.array(field, { maxLength: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(head, { minLength: 1, maxLength: 3 }),
        fc.array(fc.nat({ max: 2 }), { maxLength: 30 }),
        async (heads, order) => {
          const pair = new Pair();
          for (const index of order) {
            const { path, fields } = heads[index % heads.length] as (typeof heads)[number];
            const request = requestHead("GET", path, fields);
            const caller = new FakeCaller();
            const answers: string[] = [];
            caller.response = (answer) => answers.push(peer.lines(answer)) > 0;
            pair.client.open().send(outgoing(request), caller);
            while (await pair.move(1 << 20));
            const service = pair.services.at(-1) as FakeService;
            expect(peer.lines(service.stream.head)).toBe(peer.lines(request));
            const response = responseHead(200, fields);
            service.stream.respond(response, undefined, NONE, 0, 0, true);
            service.stream.finish();
            while (await pair.move(1 << 20));
            expect(answers).toEqual([peer.lines(response)]);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("share one head between requests that are the same, once both tables know it", async () => {
    const pair = new Pair();
    for (let times = 0; times < 5; times++) {
      pair.client.open().send(outgoing(requestHead("GET", "/a", [["x-a", "1"]])), new FakeCaller());
      while (await pair.move(1 << 20));
    }
    const heads = pair.services.map(({ stream }) => stream.head);
    expect(heads[4]).toBe(heads[3]);
    expect(heads[1]).not.toBe(heads[0]);
  });
});
