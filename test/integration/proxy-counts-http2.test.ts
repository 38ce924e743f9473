import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { allocatedPerRequest, countCalls, WITHOUT_COLLECTOR } from "../support/counts.ts";
import {
  ACK,
  END_HEADERS,
  END_STREAM,
  frame,
  framesIn,
  get,
  PREFACE,
  settings,
  TYPE,
} from "../support/http2-frames.ts";
import { TestProxy } from "../support/proxy.ts";
import { TestServer } from "../support/server.ts";
import { CALLS_WEB, webAt, webObjects } from "../support/web.ts";

/** As `proxy-counts.test.ts`, for HTTP/2 on both sides: one request after another, each a stream of its own. */
const REQUESTS = 1_000;
/** Found: 1,650 to 1,840, however busy the machine is. */
const MOST_BYTES = 2_300;

let app: TestServer;
let plain: TestProxy;
let growing: TestProxy;

beforeAll(async () => {
  app = await TestServer.start(serve);
  const options = {
    file: CALLS_WEB,
    objects: webObjects([webAt(app.port)], { ports: [{ port: 80, protocol: "http2" }] }),
  };
  plain = await TestProxy.start(options);
  growing = await TestProxy.start({ ...options, env: WITHOUT_COLLECTOR });
});
afterAll(async () => {
  for (const each of [plain, growing, app]) await each?.[Symbol.asyncDispose]();
});

/** Hands the whole frames of a stream of bytes to `take`. */
function reader(take: (each: ReturnType<typeof framesIn>[number]) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const frames = framesIn(rest);
    rest = rest.subarray(frames.reduce((sum, each) => sum + 9 + each.payload.length, 0));
    for (const each of frames) take(each);
  };
}

const OK = Buffer.from([0x88]); // :status 200 of the static table

/** An application whose answers are one write each: head, body, end. */
function serve(socket: Socket): void {
  socket.setNoDelay(true);
  const read = reader(({ type, flags, stream }) => {
    if (type === TYPE.settings && flags !== ACK) socket.write(frame(TYPE.settings, ACK, 0));
    if (type === TYPE.ping && flags !== ACK) throw new Error("expected no PING");
    if (type !== TYPE.headers) return;
    const body = frame(TYPE.data, END_STREAM, stream, Buffer.from("hello"));
    socket.write(Buffer.concat([frame(TYPE.headers, END_HEADERS, stream, OK), body]));
  });
  socket.write(settings());
  let preface = PREFACE.length;
  socket.on("data", (chunk: Buffer) => {
    const skipped = Math.min(preface, chunk.length);
    preface -= skipped;
    read(chunk.subarray(skipped));
  });
}

/** Makes requests one after another on one connection; rejects when one is not answered with 200. */
function requests(port: number, count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let stream = 1;
    const socket = connect({ port, host: "127.0.0.1", noDelay: true }, () =>
      socket.write(Buffer.concat([PREFACE, settings(), get(stream, "/x")])),
    );
    socket.on(
      "data",
      reader(({ type, flags, payload }) => {
        if (type === TYPE.settings && flags !== ACK) socket.write(frame(TYPE.settings, ACK, 0));
        if (type === TYPE.headers && payload[0] !== 0x88)
          reject(new Error(`found ${payload.toString("hex")}; expected 200`));
        if (type !== TYPE.data || (flags & END_STREAM) === 0) return;
        stream += 2;
        if (stream < 2 * count) {
          socket.write(get(stream, "/x"));
          return;
        }
        socket.destroy();
        resolve();
      }),
    );
    socket.once("error", reject);
    socket.once("close", () => reject(new Error(`closed at stream ${stream}`)));
  });
}

describe("a request over HTTP/2 on kept connections", () => {
  it("takes one write for each message, one read, one wait", async () => {
    const port = plain.port("outbound");
    await requests(port, 100);
    const counts = await countCalls(plain.pid, () => requests(port, REQUESTS));
    const found = Object.fromEntries(Object.entries(counts).map(([kind, count]) => [kind, count / REQUESTS]));
    console.log(`calls a request: ${JSON.stringify(found)}`);
    expect(found.writes, "one write for the request, one for the response").toBeLessThanOrEqual(2.1);
    expect(found.reads, "one read for the request, one for the response").toBeLessThanOrEqual(2.1);
    expect(found.waits, "one wait for each").toBeLessThanOrEqual(2.2);
    expect(found.changes, "nobody waits for writability").toBeLessThanOrEqual(0.05);
    expect(found.connects, "connections are kept").toBeLessThanOrEqual(0.05);
  });

  it(`allocates at most ${MOST_BYTES} bytes`, async () => {
    const port = growing.port("outbound");
    const bytes = await allocatedPerRequest(growing.pid, (count) => requests(port, count));
    console.log(`${bytes.toFixed(0)} bytes a request`);
    expect(bytes).toBeLessThanOrEqual(MOST_BYTES);
  });
});
