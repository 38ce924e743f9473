/** One opaque connection on its way in: authorized once, then joined with the application. */
import type { AuthzRequest } from "../../authz/types.ts";
import type { Flow } from "../../telemetry/labels.ts";
import { countOverflow } from "../breakers.ts";
import { type Context, withKeepAlive } from "../context.ts";
import { OpaqueConnection, type OpaqueLimits } from "../opaque-connection.ts";
import { type ApplicationPool, CONNECT_MS } from "./application-pools.ts";
import type { InboundConnection } from "./connection.ts";
import type { InboundReport } from "./report.ts";

export class InboundTcp extends OpaqueConnection {
  readonly #connection: InboundConnection;
  readonly #report: InboundReport;
  /** The application's port, whose limits the connection goes by. */
  readonly #pool: ApplicationPool;
  #counted = false;

  constructor(context: Context, connection: InboundConnection, pool: ApplicationPool, report: InboundReport) {
    super(context, "inbound", connection.socket);
    this.#connection = connection;
    this.#pool = pool;
    this.#report = report;
  }

  start(first: Buffer | undefined): void {
    this.begin(first);
  }

  /** Dials if the connection may be opaque TCP at all. */
  protected find(): void {
    if (this.admitted()) this.#connect();
  }

  /** Whether policies let the connection through; refused when not. */
  protected override admitted(): boolean {
    const { config, telemetry } = this.context;
    const policy = config.view()?.inbound(this.#connection.port);
    if (policy === undefined) {
      this.refuse("NC");
      return false;
    }
    if (policy.dryRun !== undefined && !this.spare) {
      const decision = policy.dryRun(this.#authzRequest()).allowed ? "allowed" : "denied";
      telemetry.dryRuns.of("tcp", decision).value++;
    }
    if (!policy.authorizes || policy.authorize(this.#authzRequest()).allowed) return true;
    // What is only waited on may yet be allowed as HTTP.
    if (!this.spare) telemetry.denied.of("tcp").value++;
    this.refuse("-");
    return false;
  }

  #connect(): void {
    const { context } = this;
    const { address, port } = this.#connection;
    const { breaker, policy } = this.#pool.follow(context.config.view()?.inbound(port));
    this.#counted = breaker.slots.take();
    if (!this.#counted) {
      if (!this.spare) countOverflow(context.telemetry, "inbound", "connections");
      this.refuse("UO");
      return;
    }
    context.wheel.arm(this, policy?.connectTimeoutMs ?? CONNECT_MS);
    const events = withKeepAlive(context, policy, {
      connected: (application) => this.join(application),
      failed: (error) => {
        context.telemetry.dialFailures.of("inbound", error.reason).value++;
        this.refuse("UF");
      },
    });
    this.dial = context.dialler.plain(address, port, events);
  }

  protected late(): void {
    this.refuse("UF");
  }

  protected release(): void {
    if (this.#counted) this.#pool.breaker.slots.release();
    this.#counted = false;
  }

  protected flow(refusal = "-"): Flow {
    const { caller, port } = this.#connection;
    return this.#report.tcp(caller, this.context.config.view()?.inbound(port).service, refusal);
  }

  protected get limits(): OpaqueLimits | undefined {
    return this.#pool.policy;
  }

  protected get upstream(): { upstreamHost: string; upstreamCluster: string } {
    const { address, port } = this.#connection;
    return { upstreamHost: `${address}:${port}`, upstreamCluster: `inbound|${port}||` };
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
}
