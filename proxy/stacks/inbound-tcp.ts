/** One opaque connection on its way in: authorized once, then joined with the application. */
import type { AuthzRequest } from "../authz/types.ts";
import type { Dial } from "../net/listen.ts";
import type { Socket, SocketEvents } from "../net/socket.ts";
import { splice } from "../net/splice.ts";
import { TimerEntry } from "../net/timer-wheel.ts";
import type { TcpAccess } from "../telemetry/access-log.ts";
import { type Context, TUNNEL_IDLE_MS } from "./context.ts";
import type { InboundConnection } from "./inbound-connection.ts";
import type { InboundReport } from "./inbound-report.ts";

const CONNECT_MS = 10_000;

export class InboundTcp extends TimerEntry implements SocketEvents {
  readonly #context: Context;
  readonly #connection: InboundConnection;
  readonly #report: InboundReport;
  #first: Buffer | undefined;
  #dial: Dial | undefined;
  #over = false;
  readonly #acceptedAt: number;
  #destroy: () => void;

  constructor(context: Context, connection: InboundConnection, report: InboundReport) {
    super();
    this.#context = context;
    this.#acceptedAt = context.now();
    this.#connection = connection;
    this.#report = report;
    this.#destroy = () => this.#giveUp();
    context.connections.add("inbound", this);
  }

  start(first: Buffer | undefined): void {
    const context = this.#context;
    const { socket, address, port } = this.#connection;
    this.#first = first;
    socket.events = this;
    socket.pause();
    const policy = context.config.view()?.inbound(port);
    if (policy === undefined) {
      this.#refuse("NC");
      return;
    }
    if (policy.authorizes && !policy.authorize(this.#authzRequest()).allowed) {
      context.telemetry.denied.of("tcp").value++;
      this.#refuse("-");
      return;
    }
    context.wheel.arm(this, CONNECT_MS);
    this.#dial = context.dialler.plain(address, port, {
      connected: (application) => this.#join(application),
      failed: (error) => {
        context.telemetry.dialFailures.of("inbound", error.reason).value++;
        this.#refuse("UF");
      },
    });
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
    const { socket, caller, port } = this.#connection;
    const row = this.#report.opened(caller, context.config.view()?.inbound(port).service, "-");
    const limit = { wheel: context.wheel, ms: TUNNEL_IDLE_MS };
    const joined = splice(socket, application, { fromClient: this.#first }, limit, () => {
      this.#report.closed(row, this.#access("-", socket.bytesWritten, application.bytesWritten));
      this.#finish();
    });
    this.#destroy = () => joined.destroy();
    this.#first = undefined;
  }

  #refuse(flags: string): void {
    if (this.#over) return;
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
    this.#connection.socket.abandon();
    this.#connection.socket.destroy();
    this.#finish();
  }

  #finish(): void {
    this.#over = true;
    this.#context.wheel.disarm(this);
    this.#context.connections.delete("inbound", this);
  }

  expire(): void {
    this.#dial?.cancel();
    this.#refuse("UF");
  }

  /** A connection's end is its client's to say: draining waits for it. */
  drain(): void {}

  destroy(): void {
    this.#destroy();
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
