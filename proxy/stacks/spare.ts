/**
 * A connection to the endpoint that is opened while its client says nothing, in case the server is the one to begin: the two
 * are joined as opaque TCP as soon as either speaks so, and it is dropped when the client begins with a protocol that is served
 * otherwise.
 */
import { greetingOf } from "../detect/first-speaker.ts";
import type { Socket, SocketEvents } from "../net/socket.ts";

/** What its opener hears of it; at most one of these, once. */
export interface SpareEvents {
  /** The server said something, or has ended the connection; `learned` tells that its protocol lets it begin. */
  spoke(learned: boolean): void;
  /** There is no such connection: no endpoint, no configuration, not allowed. */
  lost(): void;
}

export interface Spare {
  /** Takes the client over as well, with what was read of it. */
  take(first: Buffer | undefined): void;
  drop(): void;
}

/** The endpoint's connection meanwhile; `early` is what it has said. */
export class Held implements SocketEvents {
  readonly socket: Socket;
  early: Buffer | undefined;
  readonly #events: SpareEvents;

  constructor(socket: Socket, events: SpareEvents) {
    this.socket = socket;
    this.#events = events;
    socket.events = this;
  }

  data(chunk: Buffer): void {
    this.early = this.early === undefined ? chunk : Buffer.concat([this.early, chunk]);
    // What it says next is for the client, which reads at its own pace.
    this.socket.pause();
    const greeting = greetingOf(this.early);
    if (greeting !== "settings") this.#events.spoke(greeting === "greeting");
  }

  ended(): void {
    this.#events.spoke(false);
  }

  closed(): void {
    this.#events.lost();
  }

  writable(): void {}
}
