/** Two connections joined: bytes both ways with backpressure, half-close passed on, a reset on one side a reset on the other. */
import { freeRead } from "./free-read.ts";
import { Socket, type SocketEvents } from "./socket.ts";
import { TimerEntry, type TimerWheel } from "./timer-wheel.ts";

/** One of the two: a socket, or a stream of HTTP/2 that has become a tunnel. */
export interface SpliceEnd {
  events: SocketEvents;
  /** The peer sends no more. */
  readonly ended: boolean;
  /** Written bytes wait. */
  readonly congested: boolean;
  /** False when some of it waits: stop the source until `writable`. */
  write(bytes: Buffer, start: number, end: number): boolean;
  pause(): void;
  resume(): void;
  /** Says no more once everything written is out, and reads on. */
  shutdown(): void;
  /** Closes once everything written is out. */
  end(): void;
  /** Closes now, and not in order. */
  destroy(): void;
}

export interface Splice {
  /** Breaks both off. */
  destroy(): void;
}

/** When two joined sockets have had nothing to say for too long. */
export interface IdleLimit {
  readonly wheel: TimerWheel;
  /** 0: never. */
  readonly ms: number;
}

class Idle extends TimerEntry {
  readonly #expired: () => void;
  constructor(expired: () => void) {
    super();
    this.#expired = expired;
  }
  expire(): void {
    this.#expired();
  }
}

/** One direction's source; `to` is where its bytes go. */
class Half implements SocketEvents {
  readonly #from: SpliceEnd;
  readonly #to: SpliceEnd;
  readonly #touch: () => void;
  readonly #over: (error: Error | undefined) => void;

  constructor(from: SpliceEnd, to: SpliceEnd, touch: () => void, over: (error: Error | undefined) => void) {
    this.#from = from;
    this.#to = to;
    this.#touch = touch;
    this.#over = over;
  }

  data(chunk: Buffer): void {
    // A socket that takes all of it keeps nothing.
    if (this.pass(chunk) && this.#to instanceof Socket) freeRead(chunk);
  }

  /** True when there is room for more. */
  pass(bytes: Buffer): boolean {
    this.#touch();
    const room = this.#to.write(bytes, 0, bytes.length);
    if (!room) this.#from.pause();
    return room;
  }

  /** This side takes bytes again, so the other may send. */
  writable(): void {
    this.#to.resume();
  }

  ended(): void {
    this.#to.shutdown();
  }

  closed(error: Error | undefined): void {
    if (error === undefined) this.#to.end();
    else this.#to.destroy();
    this.#over(error);
  }
}

/**
 * Joins two ends until both are closed; `over` is called once, with the first error. `early` bytes (read of a side
 * before it was joined) go out first. Both are broken off when neither has said anything for as long as `limit` says.
 */
export function splice(
  client: SpliceEnd,
  endpoint: SpliceEnd,
  early: { readonly fromClient?: Buffer | undefined; readonly fromEndpoint?: Buffer | undefined },
  limit: IdleLimit,
  over: (error: Error | undefined) => void,
): Splice {
  const idle = new Idle(() => {
    client.destroy();
    endpoint.destroy();
  });
  const touch = () => {
    if (limit.ms > 0) limit.wheel.arm(idle, limit.ms);
  };
  let open = 2;
  let first: Error | undefined;
  const closed = (error: Error | undefined) => {
    first ??= error;
    if (--open > 0) return;
    limit.wheel.disarm(idle);
    over(first);
  };
  touch();
  const toEndpoint = new Half(client, endpoint, touch, closed);
  const toClient = new Half(endpoint, client, touch, closed);
  client.events = toEndpoint;
  endpoint.events = toClient;
  for (const end of [client, endpoint]) if (end instanceof Socket) end.becomeOpaque();
  if (early.fromClient !== undefined) toEndpoint.pass(early.fromClient);
  if (early.fromEndpoint !== undefined) toClient.pass(early.fromEndpoint);
  // A FIN that came before the sockets were joined is passed on now.
  if (client.ended) endpoint.shutdown();
  if (endpoint.ended) client.shutdown();
  client.resume();
  endpoint.resume();
  if (endpoint.congested) client.pause();
  if (client.congested) endpoint.pause();
  return {
    destroy() {
      client.destroy();
      endpoint.destroy();
    },
  };
}
