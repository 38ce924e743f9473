/**
 * A connection whose protocol its first bytes decide. Keeps them, and hands the socket on with the answer; a client that says
 * nothing for a while is taken to wait for the server to speak first.
 */

import { serverName } from "../detect/client-hello.ts";
import { type Detected, detect } from "../detect/detect.ts";
import type { Socket, SocketEvents } from "../net/socket.ts";
import { TimerEntry } from "../net/timer-wheel.ts";
import type { Side } from "../telemetry/telemetry.ts";
import type { Drainable } from "./connections.ts";
import { type Context, DOWNSTREAM_IDLE_MS } from "./context.ts";

/** What was found out: `first` are the bytes read so far, which the taker must treat as the next ones read. */
export interface Detection {
  readonly protocol: Exclude<Detected, "more">;
  /** Of a TLS connection; "" without. */
  readonly sni: string;
  readonly first: Buffer | undefined;
}

/** A silent client is waited for so long; then its protocol is opaque. */
const DETECT_MS = 5_000;
/** More is not read to find out. */
const MAX_FIRST = 16 * 1024;

class Detecting extends TimerEntry implements SocketEvents, Drainable {
  readonly #socket: Socket;
  readonly #context: Pick<Context, "wheel" | "connections">;
  readonly #side: Side;
  readonly #declared: boolean;
  readonly #decided: (detection: Detection) => void;
  #first: Buffer | undefined;

  constructor(
    socket: Socket,
    context: Pick<Context, "wheel" | "connections">,
    side: Side,
    declared: boolean,
    decided: (detection: Detection) => void,
  ) {
    super();
    this.#declared = declared;
    this.#socket = socket;
    this.#context = context;
    this.#side = side;
    this.#decided = decided;
    context.connections.add(side, this);
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
    if (protocol === "more" && first.length < MAX_FIRST) return;
    this.#settle(protocol === "more" ? "tcp" : protocol, sni);
  }

  expire(): void {
    if (this.#declared) this.#socket.end();
    else this.#settle("tcp", "");
  }

  ended(): void {
    // Connected and left: nothing to do for anyone.
    if (this.#first === undefined) this.#socket.end();
    else this.#settle("tcp", "");
  }

  writable(): void {}

  closed(): void {
    this.#forget();
  }

  drain(now: boolean): void {
    if (now && this.#first === undefined) this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #settle(protocol: Detection["protocol"], sni: string): void {
    this.#forget();
    this.#decided({ protocol, sni, first: this.#first });
  }

  #forget(): void {
    this.#context.wheel.disarm(this);
    this.#context.connections.delete(this.#side, this);
  }
}

/**
 * Reads until the protocol is known, then calls `decided`, which sets new events; never when the client leaves before. On a
 * port whose protocol is `declared` the client speaks first and may take its time.
 */
export function detectProtocol(
  socket: Socket,
  context: Pick<Context, "wheel" | "connections">,
  side: Side,
  declared: boolean,
  decided: (detection: Detection) => void,
): void {
  const detecting = new Detecting(socket, context, side, declared, decided);
  socket.events = detecting;
  context.wheel.arm(detecting, declared ? DOWNSTREAM_IDLE_MS : DETECT_MS);
}
