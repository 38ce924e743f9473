/**
 * A connection whose protocol its first bytes decide. Keeps them, and hands the socket on with the answer.
 *
 * A client that says nothing may be waiting for the server to speak first. So after a short silence the endpoint is dialled as
 * for opaque TCP (`Spare`), while the client is listened to as before: whoever speaks first decides. Where a server has spoken
 * first before, the dial does not wait at all; where clients speak HTTP, it waits long.
 */

import type { Protocol } from "../config/view.ts";
import { serverName } from "../detect/client-hello.ts";
import { type Detected, detect } from "../detect/detect.ts";
import type { FirstSpeakers } from "../detect/first-speaker.ts";
import type { Version } from "../http/streams.ts";
import type { Socket, SocketEvents } from "../net/socket.ts";
import { TimerEntry } from "../net/timer-wheel.ts";
import type { Side } from "../telemetry/telemetry.ts";
import type { Drainable } from "./connections.ts";
import { type Context, DOWNSTREAM_IDLE_MS, HEAD_MS } from "./context.ts";
import type { Spare, SpareEvents } from "./spare.ts";

/** What was found out: `first` are the bytes read so far, which the taker must treat as the next ones read. */
export interface Detection {
  readonly protocol: Exclude<Detected, "more">;
  /** Of a TLS connection; "" without. */
  readonly sni: string;
  readonly first: Buffer | undefined;
  /** For opaque TCP, the endpoint's connection that is open already or being opened. */
  readonly spare: Spare | undefined;
}

/** What is known of the connection's port beforehand. */
export interface Expected {
  /** What the port says is spoken; other than "auto", its client speaks first and may take its time. */
  readonly protocol: Protocol;
  /** Whose first speakers are learned. */
  readonly destination: string;
  readonly speakers: FirstSpeakers;
  /** Dials as for opaque TCP without taking the client over. */
  open(events: SpareEvents): Spare;
}

/** Who refuses what is neither, on a port that says requests are spoken. */
const REFUSED_AS: Readonly<Partial<Record<Protocol, "http1" | "http2">>> = {
  http: "http1",
  http2: "http2",
  grpc: "http2",
};
/** A client that speaks first does so at once: its connection was taken by this very host. */
const SILENCE_MS = 10;
/** Where clients speak HTTP, one that is silent has opened a connection for later. */
const HTTP_SILENCE_MS = 5_000;
/** A client whose endpoint cannot be reached is told so after that; so long may a first line be in coming. */
const LOST_MS = 5_000;
/** More is not read to find out. */
const MAX_FIRST = 16 * 1024;

class Detecting extends TimerEntry implements SocketEvents, Drainable, SpareEvents {
  readonly #socket: Socket;
  readonly #context: Pick<Context, "wheel" | "connections">;
  readonly #side: Side;
  readonly #expected: Expected;
  readonly #decided: (detection: Detection) => void;
  #first: Buffer | undefined;
  #spare: Spare | undefined;
  /** What the deadline that is armed is for. */
  #deadline: "silence" | "lost" | "idle" = "silence";

  constructor(
    socket: Socket,
    context: Pick<Context, "wheel" | "connections">,
    side: Side,
    expected: Expected,
    decided: (detection: Detection) => void,
  ) {
    super();
    this.#socket = socket;
    this.#context = context;
    this.#side = side;
    this.#expected = expected;
    this.#decided = decided;
  }

  start(): void {
    this.#socket.events = this;
    this.#context.connections.add(this.#side, this);
    const { speakers, destination } = this.#expected;
    const speaker = speakers.of(destination);
    if (this.#declared) this.#arm("idle", DOWNSTREAM_IDLE_MS);
    else if (speaker === "server") this.#open();
    else this.#arm("silence", speaker === "client" ? HTTP_SILENCE_MS : SILENCE_MS);
  }

  data(chunk: Buffer): void {
    const first = this.#first === undefined ? chunk : Buffer.concat([this.#first, chunk]);
    this.#first = first;
    let protocol = detect(first);
    let sni = "";
    if (protocol === "tls") {
      const name = serverName(first);
      if (name === undefined) protocol = "more";
      else sni = name;
    }
    if (protocol === "more" && first.length < MAX_FIRST) {
      if (this.#declared) this.#arm("idle", HEAD_MS);
      else this.#arm("lost", LOST_MS);
      return;
    }
    this.#settle(protocol === "more" ? "tcp" : protocol, sni);
  }

  /** The spare: a server that interrupts a client's first line ends the guessing as well. */
  spoke(learned: boolean): void {
    if (learned && this.#first === undefined)
      this.#expected.speakers.learn(this.#expected.destination, "server");
    this.#settle("tcp", "");
  }

  /** Also when the dial failed: the client, if it begins after all, is served with an error of its protocol. */
  lost(): void {
    this.#spare = undefined;
    this.#arm("lost", LOST_MS);
  }

  expire(): void {
    if (this.#deadline === "silence") this.#open();
    else if (this.#deadline === "lost") this.#settle("tcp", "");
    else this.#socket.end();
  }

  ended(): void {
    // Connected and left, where the client has to begin: nothing to do for anyone.
    if (this.#declared && this.#first === undefined) this.#socket.end();
    else this.#settle("tcp", "");
  }

  writable(): void {}

  closed(): void {
    this.#forget();
    this.#spare?.drop();
  }

  drain(now: boolean): void {
    if (now && this.#first === undefined) this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #open(): void {
    this.#arm("idle", DOWNSTREAM_IDLE_MS);
    const spare = this.#expected.open(this);
    // It may be lost before it is had.
    if (this.#deadline === "idle") this.#spare = spare;
  }

  get #declared(): boolean {
    return this.#expected.protocol !== "auto";
  }

  #settle(found: Detection["protocol"], sni: string): void {
    this.#forget();
    // What is no request on a port of requests is refused as a malformed one, not carried past routes and policies.
    const protocol = found === "tcp" ? (REFUSED_AS[this.#expected.protocol] ?? found) : found;
    const spare = protocol === "tcp" ? this.#spare : undefined;
    if (spare === undefined) this.#spare?.drop();
    const { speakers, destination } = this.#expected;
    if (!this.#declared && (protocol === "http1" || protocol === "http2"))
      speakers.learn(destination, "client");
    this.#decided({ protocol, sni, first: this.#first, spare });
  }

  #arm(deadline: "silence" | "lost" | "idle", ms: number): void {
    this.#deadline = deadline;
    this.#context.wheel.arm(this, ms);
  }

  #forget(): void {
    this.#context.wheel.disarm(this);
    this.#context.connections.delete(this.#side, this);
  }
}

/** Reads until the protocol is known, then calls `decided`, which sets new events; never when the client leaves before. */
export function detectProtocol(
  socket: Socket,
  context: Pick<Context, "wheel" | "connections">,
  side: Side,
  expected: Expected,
  decided: (detection: Detection) => void,
): void {
  new Detecting(socket, context, side, expected, decided).start();
}

/** The version of HTTP that was found; undefined for another protocol. */
export function versionOf(protocol: Detection["protocol"]): Version | undefined {
  if (protocol === "http1") return 1;
  return protocol === "http2" ? 2 : undefined;
}
