/**
 * A connection whose protocol its first bytes decide. Keeps them, and hands the socket on with the answer; a client that says
 * nothing for a while is taken to wait for the server to speak first.
 */

import { serverName } from "../detect/client-hello.ts";
import { type Detected, detect } from "../detect/detect.ts";
import type { Socket, SocketEvents } from "../net/socket.ts";
import { TimerEntry, type TimerWheel } from "../net/timer-wheel.ts";

/** What was found out: `first` are the bytes read so far, which the taker must treat as the next ones read. */
export interface Detection {
  readonly protocol: Exclude<Detected, "more">;
  /** Of a TLS connection; "" without. */
  readonly sni: string;
  readonly first: Buffer | undefined;
}

/** A silent client is waited for so long; then its protocol is opaque. */
export const DETECT_MS = 5_000;
/** More is not read to find out. */
const MAX_FIRST = 16 * 1024;

class Detecting extends TimerEntry implements SocketEvents {
  readonly #socket: Socket;
  readonly #wheel: TimerWheel;
  readonly #decided: (detection: Detection) => void;
  readonly #gone: () => void;
  #first: Buffer | undefined;

  constructor(socket: Socket, wheel: TimerWheel, decided: (detection: Detection) => void, gone: () => void) {
    super();
    this.#socket = socket;
    this.#wheel = wheel;
    this.#decided = decided;
    this.#gone = gone;
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
    this.#settle("tcp", "");
  }

  ended(): void {
    if (this.#first === undefined) {
      // Connected and left: nothing to do for anyone.
      this.#wheel.disarm(this);
      this.#socket.end();
      return;
    }
    this.#settle("tcp", "");
  }

  writable(): void {}

  closed(): void {
    this.#wheel.disarm(this);
    this.#gone();
  }

  #settle(protocol: Detection["protocol"], sni: string): void {
    this.#wheel.disarm(this);
    this.#decided({ protocol, sni, first: this.#first });
  }
}

/** Reads until the protocol is known, then calls `decided`, which sets new events; or `gone` when the client left before. */
export function detectProtocol(
  socket: Socket,
  wheel: TimerWheel,
  timeoutMs: number,
  decided: (detection: Detection) => void,
  gone: () => void,
): void {
  const detecting = new Detecting(socket, wheel, decided, gone);
  socket.events = detecting;
  if (timeoutMs > 0) wheel.arm(detecting, timeoutMs);
}
