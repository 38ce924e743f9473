/** Both sides of an exchange by hand for tests: they note what they are told, and object to what the contract forbids. */
import { readRequest } from "../http1/read-request.ts";
import { readResponse } from "../http1/read-response.ts";
import type { Head } from "./head.ts";
import { RequestHead } from "./request-head.ts";
import { ResponseHead } from "./response-head.ts";
import type {
  Downstream,
  DownstreamEvents,
  OutgoingRequest,
  Sent,
  Upstream,
  UpstreamEvents,
  UpstreamFailure,
  Version,
} from "./streams.ts";
import { CANCEL, FULL, ROOM } from "./streams.ts";

interface Piece {
  readonly text: string;
  readonly last: boolean;
}

/** A head of these lines; a request's without Host gets one. */
export function requestHead(line: string, ...fields: readonly string[]): RequestHead {
  const bytes = Buffer.from([`${line} HTTP/1.1`, "host: a", ...fields, "", ""].join("\r\n"), "latin1");
  const head = new RequestHead();
  if (readRequest(head, bytes, 0, bytes.length) !== bytes.length) throw new Error(`no request: ${line}`);
  return head;
}

export function responseHead(status: number, ...fields: readonly string[]): ResponseHead {
  const bytes = Buffer.from([`HTTP/1.1 ${status} Any`, ...fields, "", ""].join("\r\n"), "latin1");
  const head = new ResponseHead();
  if (readResponse(head, bytes, 0, bytes.length) !== bytes.length) throw new Error(`no response: ${status}`);
  return head;
}

export class FakeClient implements Downstream {
  readonly version: Version;
  readonly head: RequestHead;
  readonly peerAddress = "198.18.0.9";
  readonly peerPort = 40_000;
  readonly headBytes = 20;
  /** What was written to it, in order. */
  readonly heard: string[] = [];
  /** What no exchange may do. */
  readonly objections: string[] = [];
  /** It takes no more of the response for now. */
  full = false;
  /** The response is larger than a head may be. */
  tooLarge = false;
  /** How it was left: at most once. */
  end = "";
  readonly #events: DownstreamEvents;
  readonly #waiting: Piece[] = [];
  #trailers: Head | undefined;
  #open = false;
  #held = false;
  #done: boolean;
  #gone = false;

  constructor(events: DownstreamEvents, head: RequestHead, version: Version = 2, bodiless = false) {
    this.#events = events;
    this.head = head;
    this.version = version;
    this.#done = bodiless;
  }

  // What the client does.

  begins(): void {
    this.#events.request(this.head);
  }
  /** A part of the body; it waits where it may not be handed on. */
  says(text: string, last = false): void {
    if (this.#gone || this.#done) return;
    this.#waiting.push({ text, last });
    this.#pass();
  }
  ends(trailers: Head): void {
    if (this.#gone || this.#done) return;
    this.#trailers = trailers;
    this.#pass();
  }
  leaves(reason: "gone" | "malformed" = "gone"): void {
    if (this.#gone) return;
    if (reason === "gone") this.#gone = true;
    this.#events.aborted(reason);
  }
  /** Takes the response again. */
  drains(): void {
    this.full = false;
    if (!this.#gone) this.#events.clientWritable();
  }
  /** Its body stands still, though its taker was opened. */
  get held(): boolean {
    return this.#open && this.#held;
  }
  get waiting(): string {
    return this.#waiting.map(({ text }) => text).join("");
  }

  #pass(): void {
    while (this.#open && !this.#held && this.end === "" && !this.#gone) {
      const piece = this.#waiting.shift();
      if (piece === undefined) {
        if (this.#trailers === undefined || this.#done) return;
        this.#done = true;
        this.#events.requestTrailers(this.#trailers);
        return;
      }
      if (piece.last) this.#done = true;
      this.#held = !this.#events.requestBody(Buffer.from(piece.text), 0, piece.text.length, piece.last);
    }
  }

  // What the exchange does.

  get requestDone(): boolean {
    return this.#done;
  }
  takeBody(): Buffer | undefined {
    const piece = this.#waiting.shift();
    if (piece === undefined) return undefined;
    if (piece.last) this.#done = true;
    return Buffer.from(piece.text);
  }
  openBody(_framed: boolean, room: boolean): void {
    if (this.#done) this.objections.push("the body of a request that is done is opened");
    this.#open = true;
    this.#held = !room;
    this.#pass();
  }
  resume(): void {
    this.#held = false;
    this.#pass();
  }
  #hears(what: string): boolean {
    if (this.end !== "") this.objections.push(`${what} after ${this.end}`);
    else if (!this.#gone) this.heard.push(what);
    return !this.full;
  }
  informational(head: ResponseHead): void {
    this.#hears(String(head.status));
  }
  respond(head: ResponseHead, _: unknown, bytes: Buffer, start: number, end: number, last: boolean): Sent {
    if (this.tooLarge) return -1;
    const room = this.#hears(String(head.status));
    if (end > start || last) this.body(bytes, start, end, last);
    return room ? ROOM : FULL;
  }
  body(bytes: Buffer, start: number, end: number, last: boolean): boolean {
    return this.#hears(`${bytes.toString("latin1", start, end)}${last ? "$" : ""}`);
  }
  trailers(trailers: Head): void {
    this.#hears(`trailers ${trailers.header("x-end")}`);
  }
  reply(status: number, body: string, headers: string): void {
    this.#hears(`reply ${status} ${body.trim()}${headers.replaceAll("\r\n", ";")}`);
  }
  switch(): undefined {
    return undefined;
  }
  finish(): void {
    this.#left("finish");
  }
  break(code: number): void {
    this.#left(`break ${code}`);
  }
  #left(how: string): void {
    if (this.end !== "") this.objections.push(`${how} after ${this.end}`);
    this.end = how;
  }
}

export class FakeEndpoint implements Upstream {
  readonly version: Version;
  readonly fresh = true;
  /** The request's body as it came; `$` is its end. */
  got = "";
  trailer: string | undefined;
  readonly objections: string[] = [];
  /** It takes no more of the request for now. */
  full = false;
  /** Of the request's head. */
  tooLarge = false;
  /** "" while it works. */
  end: "" | "complete" | "failed" | "aborted" | "declined" = "";
  responded = false;
  #events: UpstreamEvents | undefined;
  readonly #waiting: Piece[] = [];
  #held = false;

  constructor(version: Version = 2) {
    this.version = version;
  }

  // What the exchange does.

  send(request: OutgoingRequest, events: UpstreamEvents): Sent {
    if (this.tooLarge) {
      this.end = "declined";
      return -1;
    }
    this.#events = events;
    for (const piece of request.pieces) this.got += piece.toString("latin1");
    if (request.last) this.got += "$";
    return this.full ? FULL : ROOM;
  }
  body(bytes: Buffer, start: number, end: number, last: boolean): boolean {
    this.#expectWork("body");
    this.got += `${bytes.toString("latin1", start, end)}${last ? "$" : ""}`;
    return !this.full;
  }
  trailers(trailers: Head): void {
    this.#expectWork("trailers");
    this.trailer = trailers.header("x-end");
    this.got += "$";
  }
  resume(): void {
    this.#held = false;
    this.#pass();
  }
  abort(): void {
    this.#expectWork("abort");
    this.end = "aborted";
  }
  decline(): void {
    if (this.#events !== undefined) this.objections.push("declined after it was sent");
    this.end = "declined";
  }
  #expectWork(what: string): void {
    if (this.end !== "" || this.got.endsWith("$")) {
      if (this.end !== "" || what !== "abort") this.objections.push(`${what} after ${this.end || "the end"}`);
    }
  }

  // What the endpoint does, while somebody listens.

  get #listener(): UpstreamEvents | undefined {
    return this.end === "" ? this.#events : undefined;
  }
  /** The response stands still. */
  get held(): boolean {
    return this.#held;
  }
  informs(status = 103): void {
    if (!this.responded) this.#listener?.informational(responseHead(status));
  }
  responds(status: number, text = "", last = false, fields: readonly string[] = []): void {
    const events = this.#listener;
    if (events === undefined || this.responded) return;
    this.responded = true;
    const bytes = Buffer.from(text);
    this.#held = !events.response(responseHead(status, ...fields), bytes, 0, bytes.length, last);
    if (last) this.#complete();
  }
  says(text: string, last = false): void {
    if (!this.responded) return;
    this.#waiting.push({ text, last });
    this.#pass();
  }
  ends(trailers: Head): void {
    if (!this.responded || this.#held) return;
    this.#listener?.responseTrailers(trailers);
    this.#complete();
  }
  fails(kind: UpstreamFailure["kind"] = "reset", code: number = CANCEL): void {
    const events = this.#listener;
    if (events === undefined) return;
    this.end = "failed";
    events.failed({ kind, answered: this.responded, reused: false, refused: 0, code, message: kind });
  }
  /** Takes the request again. */
  drains(): void {
    this.full = false;
    this.#listener?.endpointWritable();
  }
  #pass(): void {
    while (!this.#held) {
      const piece = this.#waiting.shift();
      const events = this.#listener;
      if (piece === undefined || events === undefined) return;
      this.#held = !events.responseBody(Buffer.from(piece.text), 0, piece.text.length, piece.last);
      if (piece.last) this.#complete();
    }
  }
  #complete(): void {
    const events = this.#listener;
    if (events === undefined) return;
    this.end = "complete";
    events.complete();
  }
}

/** Whom nothing interests that an endpoint does. */
export const indifferent: UpstreamEvents = {
  informational() {},
  response: () => true,
  responseBody: () => true,
  responseTrailers() {},
  complete() {},
  switched() {},
  failed() {},
  endpointWritable() {},
};
