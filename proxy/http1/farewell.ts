/**
 * The last of a client's connection: everything is said, and what still comes is read and dropped for a moment, because
 * closing on unread bytes would send a reset that destroys what we said last.
 */
import { LINGER_MS, type Socket, type SocketEvents } from "../net/socket.ts";
import { TimerEntry, type TimerWheel } from "../net/timer-wheel.ts";

class Farewell extends TimerEntry implements SocketEvents {
  readonly #socket: Socket;
  readonly #wheel: TimerWheel;
  readonly #closed: () => void;

  constructor(socket: Socket, wheel: TimerWheel, closed: () => void) {
    super();
    this.#socket = socket;
    this.#wheel = wheel;
    this.#closed = closed;
  }

  data(): void {}
  writable(): void {}
  ended(): void {
    this.#socket.end();
  }
  expire(): void {
    this.#socket.end();
  }
  closed(): void {
    this.#wheel.disarm(this);
    this.#closed();
  }
}

/** Takes the socket over and closes it, once what was written is out; `closed` is called when it is gone. */
export function farewell(socket: Socket, wheel: TimerWheel, closed: () => void): void {
  const last = new Farewell(socket, wheel, closed);
  socket.events = last;
  if (socket.ended) {
    socket.end();
    return;
  }
  socket.shutdown();
  socket.resume();
  wheel.arm(last, LINGER_MS);
}
