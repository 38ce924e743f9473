import { describe, expect, it } from "vitest";
import { ROOM, TOO_LARGE, type Upstream } from "../http/streams.ts";
import { ClientConnection, type Http2KeepAlive } from "./client-connection.ts";
import * as frames from "./frames.ts";
import * as peer from "./peer.fake.ts";
import {
  data,
  FakeCaller,
  goaway,
  headers,
  outgoing,
  requestHead,
  reset,
  settings,
  windowUpdate,
} from "./peer.fake.ts";

class Client extends peer.Bench {
  readonly told: string[] = [];
  readonly connection: ClientConnection;

  constructor(maxStreams = 1_000, keepAlive?: Http2KeepAlive) {
    super();
    this.connection = new ClientConnection(
      this.socket,
      { ...this.options, maxStreams, keepAlive },
      {
        available: () => this.told.push("available"),
        draining: () => this.told.push("draining"),
        gone: () => this.told.push("gone"),
      },
    );
  }

  static async greeted(...pairs: (readonly [number, number])[]): Promise<Client> {
    const client = new Client();
    await client.send(settings(...pairs));
    client.written();
    client.told.length = 0;
    return client;
  }

  written(): peer.Frame[] {
    return this.frames(frames.PREFACE.length);
  }

  ask(method = "GET", last = true): { upstream: Upstream; caller: FakeCaller } {
    const upstream = this.connection.open();
    const caller = new FakeCaller();
    expect(upstream.send(outgoing(requestHead(method, "/"), last), caller)).toBe(ROOM);
    return { upstream, caller };
  }
}

const OK: readonly peer.Field[] = [[":status", "200"]];
const codeOf = (written: peer.Frame | undefined) => frames.errorName(written?.payload.readUInt32BE(0) ?? -1);

describe("ClientConnection", () => {
  it("begins with the preface and refuses pushes", async () => {
    const client = new Client();
    await peer.turn();
    expect(client.raw.text.startsWith(frames.PREFACE.toString("latin1"))).toBe(true);
    const [first] = client.written();
    expect(first?.type).toBe(frames.SETTINGS);
    expect(first?.payload.subarray(0, 6).toString("hex")).toBe("000200000000");
  });

  it("asks and is answered, many at once and in any order", async () => {
    const client = await Client.greeted();
    const [first, second] = [client.ask(), client.ask()];
    await peer.turn();
    const written = client.written();
    expect(written.map(({ id }) => id)).toEqual([1, 3]);
    expect(client.request(written[0] as peer.Frame)).toBe("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    await client.send(headers(3, OK), data(3, "b"), headers(1, OK), data(1, "a", true), data(3, "c", true));
    expect(first.caller).toMatchObject({ body: "a", events: ["response 200", "end", "complete"] });
    expect(second.caller).toMatchObject({ body: "bc", events: ["response 200", "end", "complete"] });
    expect(client.connection.streams).toBe(0);
    expect(client.told).toContain("available");
  });

  it("announces a response with the body that came along", async () => {
    const client = await Client.greeted();
    const { caller } = client.ask();
    const pieces: number[] = [];
    caller.response = (_head, _bytes, start, end, last) => pieces.push(end - start, last ? 1 : 0) > 0;
    await client.send(headers(1, OK), data(1, "hello", true));
    expect(pieces).toEqual([5, 1]);
  });

  it("sends a body with its request, and what follows", async () => {
    const client = await Client.greeted();
    const upstream = client.connection.open();
    const caller = new FakeCaller();
    const pieces = [Buffer.from("he"), Buffer.from("ll")];
    expect(upstream.send(outgoing(requestHead("POST", "/"), false, pieces), caller)).toBe(ROOM);
    upstream.body(Buffer.from("xox"), 1, 2, false);
    upstream.trailers(peer.trailerHead([["x-sum", "1"]]));
    await peer.turn();
    const written = client.written();
    expect(written.map(({ type, flags }) => [type, flags & 1])).toEqual([
      [1, 0],
      [0, 0],
      [0, 0],
      [0, 0],
      [1, 1],
    ]);
    expect(Buffer.concat(written.slice(1, 4).map(({ payload }) => payload)).toString()).toBe("hello");
  });

  it("hands on informational responses and trailers", async () => {
    const client = await Client.greeted();
    const { caller } = client.ask();
    await client.send(
      headers(1, [[":status", "103"]]),
      headers(1, OK),
      headers(1, [["grpc-status", "0"]], true),
    );
    expect(caller.events).toEqual([
      "informational 103",
      "response 200",
      "trailers grpc-status: 0",
      "complete",
    ]);
  });

  it("says what is known of a response to HEAD, which has no body", async () => {
    const client = await Client.greeted();
    const { caller } = client.ask("HEAD");
    await client.send(headers(1, [...OK, ["content-length", "5"]], true));
    expect(caller.events).toEqual(["response 200", "end", "complete"]);
  });

  it.each([
    ["HEAD", "200"],
    ["GET", "204"],
    ["GET", "304"],
  ])("takes no body behind a response to %s with %s, which has none", async (method, status) => {
    const client = await Client.greeted();
    const [whole, more] = [client.ask(method), client.ask(method)];
    await client.send(headers(1, [[":status", status]]), headers(3, [[":status", status]]));
    await client.send(data(1, "", true), data(3, "more", true));
    expect(whole.caller.events).toEqual([`response ${status}`, "end", "complete"]);
    expect(more.caller).toMatchObject({ body: "", events: [`response ${status}`, "failed malformed"] });
  });

  it("holds an endpoint whose response is not taken", async () => {
    const client = await Client.greeted();
    const { upstream, caller } = client.ask();
    caller.room = false;
    await client.send(headers(1, OK));
    const chunk = Buffer.alloc(16_384);
    for (let sent = 0; sent < 8; sent++) await client.send(data(1, chunk, sent === 7));
    expect(caller.bodyBytes).toBe(0);
    expect(client.written().filter(({ type }) => type === frames.WINDOW_UPDATE)).toEqual([]);
    caller.room = true;
    upstream.resume();
    expect(caller.bodyBytes).toBe(8 * chunk.length);
    expect(caller.events.at(-1)).toBe("complete");
    expect(client.budget.held).toBe(0);
  });

  it("opens as many streams as both sides allow", async () => {
    const client = new Client(3);
    expect(client.connection.available).toBe(3);
    await client.send(settings([frames.MAX_CONCURRENT_STREAMS, 2]));
    expect(client.connection.available).toBe(2);
    const held = client.connection.open();
    client.ask();
    expect(client.connection.available).toBe(0);
    held.decline();
    expect(client.connection.available).toBe(1);
    await client.send(settings([frames.MAX_CONCURRENT_STREAMS, 9]));
    expect(client.connection.available).toBe(2);
    expect(new Client().connection.available).toBe(100);
  });

  it.each<[string, Buffer, string, string]>([
    ["a reset", reset(1, frames.INTERNAL_ERROR), "reset", "INTERNAL_ERROR"],
    ["a refusal", reset(1, frames.REFUSED_STREAM), "refused", "REFUSED_STREAM"],
    ["a GOAWAY that leaves it out", goaway(0), "unseen", "REFUSED_STREAM"],
    ["no :status", headers(1, [["a", "b"]]), "malformed", "CANCEL"],
    ["a header that may not be", headers(1, [...OK, ["connection", "close"]]), "malformed", "CANCEL"],
    ["a switch of protocols", headers(1, [[":status", "101"]]), "malformed", "CANCEL"],
    ["a body before the response", data(1, "x"), "malformed", "CANCEL"],
    [
      "a body shorter than it says",
      headers(1, [...OK, ["content-length", "5"]], true),
      "malformed",
      "CANCEL",
    ],
    [
      "a body longer than it says",
      Buffer.concat([headers(1, [...OK, ["content-length", "1"]]), data(1, "xy", true)]),
      "malformed",
      "CANCEL",
    ],
    [
      "trailers that end nothing",
      Buffer.concat([headers(1, OK), headers(1, [["a", "b"]])]),
      "malformed",
      "CANCEL",
    ],
    ["a connection error", data(0, "x"), "reset", "CANCEL"],
  ])("fails a request for %s, and says how", async (_name, bytes, kind, code) => {
    const client = await Client.greeted();
    const { caller } = client.ask();
    await client.send(bytes);
    expect(caller.failure?.kind).toBe(kind);
    expect(frames.errorName(caller.failure?.code ?? -1)).toBe(code);
    expect(caller.events.at(-1)).toBe(`failed ${kind}`);
    expect(client.connection.streams).toBe(0);
  });

  it("says whether the endpoint had answered, and whether the connection had served before", async () => {
    const client = await Client.greeted();
    const [first, second] = [client.ask(), client.ask()];
    await client.send(headers(1, OK));
    client.socket.onClose(undefined);
    expect(first.caller.failure).toMatchObject({ kind: "reset", answered: true, reused: false });
    expect(second.caller.failure).toMatchObject({ kind: "reset", answered: false, reused: true });
    expect(client.told).toEqual(["gone"]);
  });

  it("does not take a stream that the endpoint resets, or answers wrongly, for one on a connection that died", async () => {
    const client = await Client.greeted();
    const [first, second, third] = [client.ask(), client.ask(), client.ask()];
    await client.send(headers(1, OK, true), reset(3, frames.INTERNAL_ERROR), data(5, "no head"));
    expect(first.caller.events.at(-1)).toBe("complete");
    expect(second.caller.failure).toMatchObject({ kind: "reset", answered: false, reused: false });
    expect(third.caller.failure).toMatchObject({ kind: "malformed", answered: false, reused: false });
  });

  it("takes a refusal for what it could not know where the endpoint had not said yet how many it allows", async () => {
    const client = new Client();
    const early = client.ask();
    await client.send(settings([frames.MAX_CONCURRENT_STREAMS, 1]), reset(1, frames.REFUSED_STREAM));
    expect(early.caller.failure?.kind).toBe("unseen");
    const late = client.ask();
    await client.send(reset(3, frames.REFUSED_STREAM));
    expect(late.caller.failure?.kind).toBe("refused");
  });

  it("finishes what the endpoint still serves when it goes away, and then ends", async () => {
    const client = await Client.greeted();
    const [first, second] = [client.ask(), client.ask()];
    await client.send(goaway(1));
    expect(client.told).toContain("draining");
    expect(client.connection.available).toBe(0);
    expect(second.caller.failure?.kind).toBe("unseen");
    await client.send(headers(1, OK, true));
    expect(first.caller.events.at(-1)).toBe("complete");
    expect(client.told.at(-1)).toBe("gone");
    expect(client.raw.ending).toBe("shutdown");
  });

  it("ends in order when it is closed, after its streams", async () => {
    const client = await Client.greeted();
    const { caller } = client.ask();
    client.connection.close();
    expect(client.connection.available).toBe(0);
    expect(client.told).toEqual([]);
    await client.send(headers(1, OK, true));
    expect(caller.events.at(-1)).toBe("complete");
    expect(client.told).toEqual(["gone"]);
    const idle = await Client.greeted();
    idle.connection.close();
    expect(idle.told).toEqual(["gone"]);
  });

  it("resets a request that is given up, and tells nobody", async () => {
    const client = await Client.greeted();
    const { upstream, caller } = client.ask("POST", false);
    await peer.turn();
    client.written();
    upstream.abort();
    await peer.turn();
    expect(codeOf(client.written()[0])).toBe("CANCEL");
    await client.send(headers(1, OK), data(1, "late", true));
    expect(caller.events).toEqual([]);
    expect(client.told).toEqual(["available"]);
  });

  it("stops a request whose response is over", async () => {
    const client = await Client.greeted();
    const { caller } = client.ask("POST", false);
    await peer.turn();
    client.written();
    await client.send(headers(1, [[":status", "413"]], true));
    expect(caller.events).toEqual(["response 413", "end", "complete"]);
    expect(codeOf(client.written()[0])).toBe("NO_ERROR");
  });

  it("sends nothing of a head that is larger than the endpoint takes", async () => {
    const client = await Client.greeted([frames.MAX_HEADER_LIST_SIZE, 100]);
    const upstream = client.connection.open();
    const head = requestHead("GET", "/", [["a", "x".repeat(200)]]);
    expect(upstream.send(outgoing(head), new FakeCaller())).toBe(TOO_LARGE);
    await peer.turn();
    expect(client.written()).toEqual([]);
    expect(client.connection.streams).toBe(0);
  });

  it("lets a large request wait for the endpoint's window, and goes on with it", async () => {
    const client = await Client.greeted([frames.INITIAL_WINDOW_SIZE, 4]);
    const { upstream, caller } = client.ask("POST", false);
    expect(upstream.body(Buffer.from("hello world"), 0, 11, false)).toBe(false);
    await client.send(windowUpdate(1, 7));
    expect(caller.events).toEqual(["writable"]);
    const sent = client.written().filter(({ type }) => type === frames.DATA);
    expect(Buffer.concat(sent.map(({ payload }) => payload)).toString()).toBe("hello world");
  });

  it.each<[string, (client: Client) => void]>([
    ["is gone", (client) => client.socket.onClose(undefined)],
    ["is going away", (client) => client.socket.onData(goaway(0))],
  ])("fails a request that was to go to a connection that %s", async (_name, end) => {
    const client = await Client.greeted();
    const upstream = client.connection.open();
    end(client);
    const caller = new FakeCaller();
    upstream.send(outgoing(requestHead("GET", "/")), caller);
    expect(caller.events).toEqual([]);
    await peer.turn();
    expect(caller.events).toEqual(["failed unseen"]);
  });

  it("says nothing of a request that was given up before its failure was told", async () => {
    const client = await Client.greeted();
    const upstream = client.connection.open();
    client.socket.onClose(undefined);
    const caller = new FakeCaller();
    upstream.send(outgoing(requestHead("GET", "/")), caller);
    upstream.abort();
    await peer.turn();
    expect(caller.events).toEqual([]);
  });

  it("asks an endpoint that has been silent whether it is there", async () => {
    const client = new Client(10, { intervalMs: 1_000, timeoutMs: 5_000 });
    await client.send(settings());
    const { caller } = client.ask();
    const pings = () => client.written().filter(({ type }) => type === frames.PING);
    client.time.advance(2_100);
    await peer.turn();
    const [ping] = pings();
    expect(ping).toBeDefined();
    await client.send(peer.frame(frames.PING, frames.ACK, 0, ping?.payload));
    // Answered: the next question is due after the interval, and its answer after the timeout.
    client.time.advance(1_100);
    await peer.turn();
    expect(pings()).toHaveLength(1);
    client.time.advance(4_800);
    expect(caller.events).toEqual([]);
    client.time.advance(300);
    expect(caller.failure?.kind).toBe("reset");
  });

  it("asks one that it has no requests with, too, and closes it without an answer", async () => {
    const client = new Client(10, { intervalMs: 1_000, timeoutMs: 500 });
    await client.send(settings());
    client.time.advance(2_100);
    expect(client.connection.available).toBe(10);
    client.time.advance(600);
    expect(client.connection.available).toBe(0);
  });

  it("does not let late frames of one request end the others", async () => {
    const client = await Client.greeted();
    const [first, second] = [client.ask(), client.ask()];
    first.upstream.abort();
    await client.send(headers(1, OK), data(1, "x"), headers(1, [["a", "b"]], true), headers(3, OK, true));
    expect(second.caller.events.at(-1)).toBe("complete");
  });
});
