/**
 * One opaque connection, whichever way it goes: another is dialled for it, at first perhaps only in case its server is the one to
 * begin (`Spare`), and the two are joined. Whether, and where to, its direction says.
 */
import type { Dial } from "../net/listen.ts";
import type { Socket, SocketEvents } from "../net/socket.ts";
import { type Splice, splice } from "../net/splice.ts";
import { TimerEntry } from "../net/timer-wheel.ts";
import { type TcpAccess, tcpEntry } from "../telemetry/access-log.ts";
import type { Flow } from "../telemetry/labels.ts";
import { CLOSED, OPENED, RECEIVED_BYTES, SENT_BYTES } from "../telemetry/tcp-metrics.ts";
import { type Context, TUNNEL_IDLE_MS } from "./context.ts";
import { Held, type Spare, type SpareEvents } from "./spare.ts";

/** What policies say of a connection's life; undefined: as by default. */
export interface OpaqueLimits {
  readonly tcpIdleTimeoutMs?: number | undefined;
  readonly maxConnectionDurationMs?: number | undefined;
}

export abstract class OpaqueConnection extends TimerEntry implements SocketEvents, Spare {
  protected readonly context: Context;
  /** The client's. */
  protected readonly socket: Socket;
  protected dial: Dial | undefined;
  readonly #side: "inbound" | "outbound";
  readonly #acceptedAt: number;
  #first: Buffer | undefined;
  /** Who waits for the endpoint to speak, while the client is not ours yet. */
  #waiting: SpareEvents | undefined;
  #held: Held | undefined;
  #joined: Splice | undefined;
  #flags = "-";
  #over = false;

  constructor(context: Context, side: "inbound" | "outbound", socket: Socket) {
    super();
    this.context = context;
    this.socket = socket;
    this.#side = side;
    this.#acceptedAt = context.now();
  }

  // What its direction knows.

  /** Finds out where it goes and dials, or refuses. */
  protected abstract find(): void;
  /** The time for a connection, on the wheel, is up. */
  protected abstract late(): void;
  /** Gives back its place among the connections that there may be. */
  protected abstract release(): void;
  /** Whom metrics count it for; with Envoy's flag for why when it is refused. */
  protected abstract flow(refusal: string | undefined): Flow;
  protected abstract get limits(): OpaqueLimits | undefined;
  protected abstract get upstream(): Pick<TcpAccess, "upstreamHost" | "upstreamCluster">;

  /** Whether it may still be joined when a client that was waited for has spoken; refused when not. */
  protected admitted(): boolean {
    return true;
  }
  /** An endpoint has taken the connection. */
  protected met(): void {}
  /** The two are being joined, and then apart. */
  protected joining(): void {}
  protected parted(): void {}

  // Its life.

  protected get over(): boolean {
    return this.#over;
  }

  /** Only waited on: the client is somebody else's, and may turn out to be no opaque one. */
  protected get spare(): boolean {
    return this.#waiting !== undefined;
  }

  /** Takes the client on, with what was read of it. */
  protected begin(first: Buffer | undefined): void {
    this.#own(first);
    this.find();
  }

  /** Dials only; the client is somebody else's until `take`. */
  wait(events: SpareEvents): this {
    this.#waiting = events;
    this.find();
    return this;
  }

  take(first: Buffer | undefined): void {
    this.#waiting = undefined;
    this.#own(first);
    if (this.admitted() && this.#held !== undefined) this.join(this.#held.socket);
  }

  drop(): void {
    this.#waiting = undefined;
    if (this.#over) return;
    this.#over = true;
    this.dial?.cancel();
    this.context.wheel.disarm(this);
    this.#dropHeld();
    this.release();
  }

  #own(first: Buffer | undefined): void {
    this.#first = first;
    this.context.connections.add(this.#side, this);
    this.socket.events = this;
    // Nothing is read until there is somewhere to put it.
    this.socket.pause();
  }

  #dropHeld(): void {
    this.#held?.socket.abandon();
    this.#held?.socket.end();
    this.#held = undefined;
  }

  /** The dial has led to this connection. */
  protected join(endpoint: Socket): void {
    if (this.#over) {
      endpoint.destroy();
      return;
    }
    const { wheel } = this.context;
    wheel.disarm(this);
    if (this.#held === undefined) this.met();
    if (this.#waiting !== undefined) {
      this.#held = new Held(endpoint, this.#waiting);
      return;
    }
    const client = this.socket;
    const row = this.#opened(undefined);
    this.joining();
    const { tcpIdleTimeoutMs: ms = TUNNEL_IDLE_MS, maxConnectionDurationMs } = this.limits ?? {};
    if (maxConnectionDurationMs !== undefined) wheel.arm(this, maxConnectionDurationMs);
    const said = { fromClient: this.#first, fromEndpoint: this.#held?.early };
    this.#held = undefined;
    this.#joined = splice(client, endpoint, said, { wheel, ms }, () => {
      this.parted();
      this.#closed(row, this.#flags, client.bytesWritten, endpoint.bytesWritten);
      this.#finish();
    });
    this.#first = undefined;
  }

  /** Ends it, with Envoy's flag for why; one that is only waited on is merely not there. */
  protected refuse(flags: string): void {
    if (this.#over) return;
    if (this.#waiting !== undefined) {
      const waiting = this.#waiting;
      this.drop();
      waiting.lost();
      return;
    }
    this.#closed(this.#opened(flags), flags, 0, 0);
    this.#giveUp();
  }

  // What is told of it.

  #opened(refusal: string | undefined): number {
    const { tcp } = this.context.telemetry;
    const row = tcp.bind(this.flow(refusal));
    tcp.add(row, OPENED, 1);
    return row;
  }

  #closed(row: number, flags: string, bytesSent: number, bytesReceived: number): void {
    const { telemetry, accessLog, now, unixNow } = this.context;
    telemetry.tcp.add(row, CLOSED, 1);
    telemetry.tcp.add(row, SENT_BYTES, bytesSent);
    telemetry.tcp.add(row, RECEIVED_BYTES, bytesReceived);
    if (!accessLog.enabled) return;
    const durationMs = now() - this.#acceptedAt;
    const at = unixNow() - durationMs;
    const downstream = this.socket.peerAddress;
    accessLog.record(
      tcpEntry({ at, flags, bytesSent, bytesReceived, durationMs, ...this.upstream, downstream }),
    );
  }

  // The end.

  #giveUp(): void {
    if (this.#over) return;
    this.dial?.cancel();
    this.#dropHeld();
    this.socket.abandon();
    this.socket.destroy();
    this.#finish();
  }

  #finish(): void {
    this.#over = true;
    this.context.wheel.disarm(this);
    this.context.connections.delete(this.#side, this);
    this.release();
  }

  expire(): void {
    if (this.#joined === undefined) {
      this.dial?.cancel();
      this.late();
      return;
    }
    // As Envoy flags it: the duration's timeout.
    this.#flags = "DT";
    this.#joined.destroy();
  }

  /** A connection's end is its client's to say: draining waits for it. */
  drain(): void {}

  destroy(): void {
    if (this.#joined === undefined) this.#giveUp();
    else this.#joined.destroy();
  }

  // Until the two are joined.

  data(chunk: Buffer): void {
    this.#first = this.#first === undefined ? chunk : Buffer.concat([this.#first, chunk]);
  }
  writable(): void {}
  ended(): void {}
  closed(): void {
    this.#giveUp();
  }
}
