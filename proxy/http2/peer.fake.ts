/** Peers of HTTP/2 in memory, for tests: one that sends any frame by hand, and a taker of requests and responses that remembers. */
import { Head } from "../http/head.ts";
import { RequestHead } from "../http/request-head.ts";
import { ResponseHead } from "../http/response-head.ts";
import type {
  Downstream,
  DownstreamEvents,
  OutgoingRequest,
  UpstreamEvents,
  UpstreamFailure,
} from "../http/streams.ts";
import { type FakeRaw, FakeTime, fakeSocket } from "../net/socket.fake.ts";
import type { Socket } from "../net/socket.ts";
import { TimerWheel } from "../net/timer-wheel.ts";
import { ByteBuffer } from "./byte-buffer.ts";
import type { ConnectionOptions } from "./connection.ts";
import * as frames from "./frames.ts";
import { HeadDecoder } from "./head-decoder.ts";
import { Decoder } from "./hpack/decoder.ts";
import { Encoder } from "./hpack/encoder.ts";
import { Turn } from "./output.ts";
import { ReceiveBudget } from "./receive-budget.ts";

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

export function frame(type: number, flags: number, id: number, payload: Buffer | string = ""): Buffer {
  const bytes = typeof payload === "string" ? Buffer.from(payload, "latin1") : payload;
  const out = new ByteBuffer();
  frames.frameHeader(out, bytes.length, type, flags, id);
  out.append(bytes, 0, bytes.length);
  return Buffer.from(out.bytes.subarray(0, out.length));
}

export const settings = (...pairs: (readonly [number, number])[]): Buffer => {
  const out = new ByteBuffer();
  frames.writeSettings(out, pairs);
  return Buffer.from(out.bytes.subarray(0, out.length));
};

export const windowUpdate = (id: number, increment: number): Buffer => {
  const out = new ByteBuffer();
  frames.writeWindowUpdate(out, id, increment);
  return Buffer.from(out.bytes.subarray(0, out.length));
};

export const reset = (id: number, code: number): Buffer => {
  const out = new ByteBuffer();
  frames.writeReset(out, id, code);
  return Buffer.from(out.bytes.subarray(0, out.length));
};

export const goaway = (lastId: number, code = 0): Buffer => {
  const out = new ByteBuffer();
  frames.writeGoaway(out, lastId, code);
  return Buffer.from(out.bytes.subarray(0, out.length));
};

export type Field = readonly [name: string, value: string];

/** A field block that needs no table. */
export function block(fields: readonly Field[]): Buffer {
  const encoder = Encoder.withoutTable();
  const out = new ByteBuffer();
  encoder.begin(out);
  for (const [name, value] of fields) {
    const bytes = Buffer.from(name + value, "latin1");
    encoder.field(out, bytes, 0, name.length, name.length, bytes.length, false);
  }
  return Buffer.from(out.bytes.subarray(0, out.length));
}

export const GET: readonly Field[] = [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "a"],
];
export const POST: readonly Field[] = [[":method", "POST"], ...GET.slice(1)];

export function headers(id: number, fields: readonly Field[], last = false): Buffer {
  return frame(frames.HEADERS, frames.END_HEADERS | (last ? frames.END_STREAM : 0), id, block(fields));
}

export function data(id: number, payload: Buffer | string, last = false): Buffer {
  return frame(frames.DATA, last ? frames.END_STREAM : 0, id, payload);
}

/** What a connection under test is made of, and the frames that it wrote. */
export class Bench {
  readonly time = new FakeTime();
  readonly wheel = new TimerWheel(this.time, 10);
  readonly budget = new ReceiveBudget();
  readonly options: ConnectionOptions = {
    wheel: this.wheel,
    shared: { turn: new Turn(), budget: this.budget, heads: new HeadDecoder() },
    now: () => this.time.now(),
    headMs: 1_000,
  };
  readonly socket: Socket;
  readonly raw: FakeRaw;
  readonly #decoder = new Decoder();
  readonly #heads = new HeadDecoder();
  #read = 0;

  constructor() {
    const { socket, raw } = fakeSocket();
    this.socket = socket;
    this.raw = raw;
  }

  /** Sends bytes as the peer. */
  async send(...pieces: Buffer[]): Promise<void> {
    this.socket.onData(Buffer.concat(pieces));
    await turn();
  }

  /** The frames written since the last look; `skip` bytes of a client's preface. */
  frames(skip = 0): Frame[] {
    const all = Buffer.concat(this.raw.written);
    const result: Frame[] = [];
    let at = Math.max(this.#read, skip);
    while (at + 9 <= all.length) {
      const end = at + 9 + all.readUIntBE(at, 3);
      if (end > all.length) break;
      const id = all.readUInt32BE(at + 5);
      result.push({
        type: all[at + 3] ?? 0,
        flags: all[at + 4] ?? 0,
        id,
        payload: all.subarray(at + 9, end),
      });
      at = end;
    }
    this.#read = at;
    return result;
  }

  /** A head that was written, as text. */
  response({ payload }: Frame): string {
    const head = new ResponseHead();
    this.#heads.response(this.#decoder, payload, 0, payload.length, head);
    return lines(head);
  }

  request({ payload }: Frame): string {
    const head = new RequestHead();
    this.#heads.request(this.#decoder, payload, 0, payload.length, head);
    return lines(head);
  }

  trailers({ payload }: Frame): string {
    const head = new Head();
    this.#heads.trailers(this.#decoder, payload, 0, payload.length, head);
    return lines(head);
  }
}

export function lines(head: Head): string {
  return Buffer.from(head.bytes).toString("latin1", head.start, head.end);
}

/** Lets what is to be written at the end of the turn be written. */
export async function turn(): Promise<void> {
  await Promise.resolve();
  await Promise.resolve();
}

/** A server of one stream, that does what a test tells it to. */
export class FakeService implements DownstreamEvents {
  readonly stream: Downstream;
  readonly events: string[] = [];
  body = "";
  bodyBytes = 0;
  room = true;
  constructor(stream: Downstream) {
    this.stream = stream;
  }
  request(head: RequestHead): void {
    this.events.push(`${head.method} ${head.path}`);
  }
  requestBody(bytes: Buffer, start: number, end: number, last: boolean): boolean {
    this.bodyBytes += end - start;
    if (this.bodyBytes < 100_000) this.body += bytes.toString("latin1", start, end);
    if (last) this.events.push("end");
    return this.room;
  }
  requestTrailers(trailers: Head): void {
    this.events.push(`trailers ${lines(trailers).trim()}`);
  }
  clientWritable(): void {
    this.events.push("writable");
  }
  aborted(reason: string): void {
    this.events.push(`aborted ${reason}`);
  }
}

/** Who asked, and what became of it. */
export class FakeCaller implements UpstreamEvents {
  readonly events: string[] = [];
  body = "";
  bodyBytes = 0;
  room = true;
  failure: UpstreamFailure | undefined;
  informational(head: ResponseHead): void {
    this.events.push(`informational ${head.status}`);
  }
  response(head: ResponseHead, bytes: Buffer, start: number, end: number, last: boolean): boolean {
    this.events.push(`response ${head.status}`);
    return this.responseBody(bytes, start, end, last);
  }
  responseBody(bytes: Buffer, start: number, end: number, last: boolean): boolean {
    this.bodyBytes += end - start;
    if (this.bodyBytes < 100_000) this.body += bytes.toString("latin1", start, end);
    if (last) this.events.push("end");
    return this.room;
  }
  responseTrailers(trailers: Head): void {
    this.events.push(`trailers ${lines(trailers).trim()}`);
  }
  complete(): void {
    this.events.push("complete");
  }
  switched(): void {
    this.events.push("switched");
  }
  failed(failure: UpstreamFailure): void {
    this.failure = failure;
    this.events.push(`failed ${failure.kind}`);
  }
  endpointWritable(): void {
    this.events.push("writable");
  }
}

export function requestHead(method: string, path: string, fields: readonly Field[] = []): RequestHead {
  const bytes = block([
    [":method", method],
    [":scheme", "http"],
    [":path", path],
    [":authority", "a"],
    ...fields,
  ]);
  const head = new RequestHead();
  new HeadDecoder().request(new Decoder(), bytes, 0, bytes.length, head);
  return head;
}

export function responseHead(status: number, fields: readonly Field[] = []): ResponseHead {
  const bytes = block([[":status", String(status)], ...fields]);
  const head = new ResponseHead();
  new HeadDecoder().response(new Decoder(), bytes, 0, bytes.length, head);
  return head;
}

export function trailerHead(fields: readonly Field[]): Head {
  const bytes = block(fields);
  const head = new Head();
  new HeadDecoder().trailers(new Decoder(), bytes, 0, bytes.length, head);
  return head;
}

export function outgoing(head: RequestHead, last = true, pieces: readonly Buffer[] = []): OutgoingRequest {
  return { head, edits: undefined, drop: 0, additions: "", framed: false, pieces, last };
}
