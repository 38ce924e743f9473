/** One opaque connection on its way in: authorized once, then joined with the application. */
import type { AuthzRequest } from "../authz/types.ts";
import type { Dial } from "../net/listen.ts";
import type { Socket, SocketEvents } from "../net/socket.ts";
import { type Splice, splice } from "../net/splice.ts";
import { TimerEntry } from "../net/timer-wheel.ts";
import type { TcpAccess } from "../telemetry/access-log.ts";
import { type ApplicationPool, CONNECT_MS } from "./application-pools.ts";
import { countOverflow } from "./breakers.ts";
import { type Context, TUNNEL_IDLE_MS, withKeepAlive } from "./context.ts";
import type { InboundConnection } from "./inbound-connection.ts";
import type { InboundReport } from "./inbound-report.ts";
import { Held, type Spare, type SpareEvents } from "./spare.ts";

export class InboundTcp extends TimerEntry implements SocketEvents, Spare {
  readonly #context: Context;
  readonly #connection: InboundConnection;
  readonly #report: InboundReport;
  /** The application's port, whose limits the connection goes by. */
  readonly #pool: ApplicationPool;
  #counted = false;
  #joined: Splice | undefined;
  #flags = "-";
  #first: Buffer | undefined;
  #dial: Dial | undefined;
  /** Who waits for the application to speak, while the client is not ours yet. */
  #waiting: SpareEvents | undefined;
  #held: Held | undefined;
  #over = false;
  readonly #acceptedAt: number;

  constructor(context: Context, connection: InboundConnection, pool: ApplicationPool, report: InboundReport) {
    super();
    this.#context = context;
    this.#acceptedAt = context.now();
    this.#connection = connection;
    this.#pool = pool;
    this.#report = report;
  }

  start(first: Buffer | undefined): void {
    this.#own(first);
    if (this.#authorized()) this.#connect();
  }

  /** Dials only, if the connection may be opaque TCP at all; the client is somebody else's until `take`. */
  wait(events: SpareEvents): this {
    this.#waiting = events;
    if (this.#authorized()) this.#connect();
    return this;
  }

  take(first: Buffer | undefined): void {
    this.#waiting = undefined;
    this.#own(first);
    // A policy may have come meanwhile.
    if (this.#authorized() && this.#held !== undefined) this.#join(this.#held.socket);
  }

  drop(): void {
    this.#waiting = undefined;
    if (this.#over) return;
    this.#over = true;
    this.#dial?.cancel();
    this.#context.wheel.disarm(this);
    this.#dropHeld();
    this.#release();
  }

  #dropHeld(): void {
    this.#held?.socket.abandon();
    this.#held?.socket.end();
    this.#held = undefined;
  }

  #own(first: Buffer | undefined): void {
    const { socket } = this.#connection;
    this.#first = first;
    this.#context.connections.add("inbound", this);
    socket.events = this;
    socket.pause();
  }

  /** Whether policies let the connection through; refused when not. */
  #authorized(): boolean {
    const { config, telemetry } = this.#context;
    const policy = config.view()?.inbound(this.#connection.port);
    if (policy === undefined) {
      this.#refuse("NC");
      return false;
    }
    if (policy.dryRun !== undefined && this.#waiting === undefined) {
      const decision = policy.dryRun(this.#authzRequest()).allowed ? "allowed" : "denied";
      telemetry.dryRuns.of("tcp", decision).value++;
    }
    if (!policy.authorizes || policy.authorize(this.#authzRequest()).allowed) return true;
    // What is only waited on may yet be allowed as HTTP.
    if (this.#waiting === undefined) telemetry.denied.of("tcp").value++;
    this.#refuse("-");
    return false;
  }

  #connect(): void {
    const context = this.#context;
    const { address, port } = this.#connection;
    const { breaker, policy } = this.#pool.follow(context.config.view()?.inbound(port));
    this.#counted = breaker.slots.take();
    if (!this.#counted) {
      if (this.#waiting === undefined) countOverflow(context.telemetry, "inbound", "connections");
      this.#refuse("UO");
      return;
    }
    context.wheel.arm(this, policy?.connectTimeoutMs ?? CONNECT_MS);
    const events = withKeepAlive(context, policy, {
      connected: (application) => this.#join(application),
      failed: (error) => {
        context.telemetry.dialFailures.of("inbound", error.reason).value++;
        this.#refuse("UF");
      },
    });
    this.#dial = context.dialler.plain(address, port, events);
  }

  #release(): void {
    if (this.#counted) this.#pool.breaker.slots.release();
    this.#counted = false;
  }

  #authzRequest(): AuthzRequest {
    const { socket, address, port, principal, sni } = this.#connection;
    const { peerAddress } = socket;
    return {
      principal,
      sourceIp: peerAddress,
      remoteIp: peerAddress,
      destinationIp: address,
      destinationPort: port,
      sni,
      http: undefined,
    };
  }

  #join(application: Socket): void {
    if (this.#over) {
      application.destroy();
      return;
    }
    const context = this.#context;
    context.wheel.disarm(this);
    if (this.#waiting !== undefined) {
      this.#held = new Held(application, this.#waiting);
      return;
    }
    const { socket, caller, port } = this.#connection;
    const row = this.#report.opened(caller, context.config.view()?.inbound(port).service, "-");
    const { policy } = this.#pool;
    const limit = { wheel: context.wheel, ms: policy?.tcpIdleTimeoutMs ?? TUNNEL_IDLE_MS };
    if (policy?.maxConnectionDurationMs !== undefined)
      context.wheel.arm(this, policy.maxConnectionDurationMs);
    const said = { fromClient: this.#first, fromEndpoint: this.#held?.early };
    this.#held = undefined;
    this.#joined = splice(socket, application, said, limit, () => {
      this.#report.closed(row, this.#access(this.#flags, socket.bytesWritten, application.bytesWritten));
      this.#finish();
    });
    this.#first = undefined;
  }

  #refuse(flags: string): void {
    if (this.#over) return;
    if (this.#waiting !== undefined) {
      const waiting = this.#waiting;
      this.drop();
      waiting.lost();
      return;
    }
    const { caller, port } = this.#connection;
    const row = this.#report.opened(caller, this.#context.config.view()?.inbound(port).service, flags);
    this.#report.closed(row, this.#access(flags, 0, 0));
    this.#giveUp();
  }

  #access(flags: string, bytesSent: number, bytesReceived: number): Omit<TcpAccess, "at"> {
    const { address, port, socket } = this.#connection;
    return {
      flags,
      bytesSent,
      bytesReceived,
      durationMs: this.#context.now() - this.#acceptedAt,
      upstreamHost: `${address}:${port}`,
      upstreamCluster: `inbound|${port}||`,
      downstream: socket.peerAddress,
    };
  }

  #giveUp(): void {
    if (this.#over) return;
    this.#dial?.cancel();
    this.#dropHeld();
    this.#connection.socket.abandon();
    this.#connection.socket.destroy();
    this.#finish();
  }

  #finish(): void {
    this.#over = true;
    this.#context.wheel.disarm(this);
    this.#context.connections.delete("inbound", this);
    this.#release();
  }

  expire(): void {
    if (this.#joined !== undefined) {
      // As Envoy flags it: the duration's timeout.
      this.#flags = "DT";
      this.#joined.destroy();
      return;
    }
    this.#dial?.cancel();
    this.#refuse("UF");
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
