/** One opaque connection on its way out: dial the endpoint its service's routes choose, then join the two. */
import type { Breaker } from "../breaker/breaker.ts";
import type { Cluster, EndpointHandle, MeshView, Target } from "../config/view.ts";
import type { Dial, DialError } from "../net/listen.ts";
import type { Destination } from "../net/original-destination.ts";
import { proxyHeader } from "../net/proxy-protocol.ts";
import type { Socket, SocketEvents } from "../net/socket.ts";
import { type Splice, splice } from "../net/splice.ts";
import { TimerEntry } from "../net/timer-wheel.ts";
import type { TcpAccess } from "../telemetry/access-log.ts";
import { breakerOf, countOverflow } from "./breakers.ts";
import { connectorOf } from "./connector.ts";
import { ALPN_TCP, type Context, TUNNEL_IDLE_MS } from "./context.ts";
import type { Detection } from "./detecting.ts";
import { countFailure } from "./endpoint-pools.ts";
import { firstView } from "./first-view.ts";
import { hostByPort } from "./outbound-by-port.ts";
import { dialledEndpoint } from "./outbound-layers.ts";
import { BLACKHOLE, type OutboundReport, PASSTHROUGH } from "./outbound-report.ts";
import { plainEndpoint } from "./passthrough.ts";
import { Held, type Spare, type SpareEvents } from "./spare.ts";

const CONNECT_MS = 10_000;
/** Asked after one that takes no connection, as for HTTP by default. */
const MORE_ENDPOINTS = 2;
/** As a status, for outlier detection. */
const CONNECTED = 200;

export class OutboundTcp extends TimerEntry implements SocketEvents, Spare {
  readonly #context: Context;
  readonly #socket: Socket;
  readonly #destination: Destination;
  readonly #report: OutboundReport;
  #first: Buffer | undefined;
  #sni = "";
  #dial: Dial | undefined;
  #cluster: Cluster | undefined;
  #endpoint: EndpointHandle | undefined;
  readonly #tried: EndpointHandle[] = [];
  #hash: number | undefined;
  /** Whose connection it counts as. */
  #breaker: Breaker | undefined;
  #joined: Splice | undefined;
  #flags = "-";
  #dialledAt = 0;
  /** Who waits for the endpoint to speak, while the client is not ours yet. */
  #waiting: SpareEvents | undefined;
  #held: Held | undefined;
  #over = false;
  readonly #acceptedAt: number;

  constructor(context: Context, socket: Socket, destination: Destination, report: OutboundReport) {
    super();
    this.#context = context;
    this.#acceptedAt = context.now();
    this.#socket = socket;
    this.#destination = destination;
    this.#report = report;
  }

  /** Takes the connection on, with what was read of it. */
  start(detection: Pick<Detection, "first" | "sni">): void {
    this.#sni = detection.sni;
    this.#own(detection.first);
    this.#find();
  }

  /** Dials only; the client is somebody else's until `take`. */
  wait(events: SpareEvents): this {
    this.#waiting = events;
    this.#find();
    return this;
  }

  take(first: Buffer | undefined): void {
    this.#waiting = undefined;
    this.#own(first);
    if (this.#held !== undefined) this.#join(this.#held.socket);
  }

  drop(): void {
    this.#waiting = undefined;
    if (this.#over) return;
    this.#over = true;
    this.#dial?.cancel();
    this.#context.wheel.disarm(this);
    this.#held?.socket.abandon();
    this.#held?.socket.end();
    this.#release();
  }

  #own(first: Buffer | undefined): void {
    this.#first = first;
    this.#context.connections.add("outbound", this);
    this.#socket.events = this;
    // Nothing is read until there is somewhere to put it.
    this.#socket.pause();
  }

  #find(): void {
    const { config } = this.#context;
    const view = config.view();
    if (view !== undefined) this.#findTarget(view);
    else
      firstView(config).then((arrived) => {
        if (this.#over) return;
        if (arrived === undefined) this.#refuse("NC");
        else this.#findTarget(arrived);
      });
  }

  #findTarget(view: MeshView): void {
    const { address, port } = this.#destination;
    const dialled = view.target(address, port);
    // Hosts of a ServiceEntry share its addresses: the name tells them apart.
    const target =
      dialled?.external === false || this.#sni === ""
        ? dialled
        : (view.targetByHost(this.#sni, port) ?? dialled);
    if (target === undefined) {
      this.#findByPort(view);
      return;
    }
    if (target.loaded) {
      this.#choose(target);
      return;
    }
    target.load().then(
      (loaded) => this.#over || this.#choose(loaded),
      () => this.#over || this.#refuse("NC"),
    );
  }

  #findByPort(view: MeshView): void {
    const hosts = view.targetsByPort(this.#destination.port);
    if (hosts.length === 0) {
      this.#passThrough(view);
      return;
    }
    hostByPort(hosts, this.#destination, view.egress.outboundTrafficPolicy).then((target) => {
      if (this.#over) return;
      if (target === undefined) this.#passThrough(view);
      else this.#choose(target);
    });
  }

  #choose(target: Target): void {
    const { address, port } = this.#destination;
    this.#cluster = target.tcp({ address, port, sni: this.#sni === "" ? undefined : this.#sni });
    if (this.#cluster === undefined) {
      this.#refuse("NR");
      return;
    }
    if (!this.#enter(breakerOf(this.#cluster))) return;
    this.#hash = this.#cluster.hashPolicy?.ofConnection(this.#socket.peerAddress);
    this.#connect(dialledEndpoint(target, this.#cluster, this.#destination));
  }

  /** One of the cluster's connections from now on; refused when it has as many as it may. */
  #enter(breaker: Breaker): boolean {
    if (breaker.slots.take()) {
      this.#breaker = breaker;
      return true;
    }
    if (this.#waiting === undefined) countOverflow(this.#context.telemetry, "outbound", "connections");
    this.#refuse("UO");
    return false;
  }

  #release(): void {
    this.#breaker?.slots.release();
    this.#breaker = undefined;
  }

  #connect(direct?: EndpointHandle): void {
    const cluster = this.#cluster as Cluster;
    const endpoint = direct ?? cluster.pick(this.#context.now(), this.#tried, this.#hash);
    if (endpoint === undefined) {
      this.#refuse(this.#tried.length > 0 ? "UF" : "UH");
      return;
    }
    this.#endpoint = endpoint;
    this.#dialledAt = this.#context.now();
    const connect = connectorOf(this.#context, cluster, endpoint, ALPN_TCP);
    this.#context.wheel.arm(this, cluster.policy.connectionPool.connectTimeoutMs);
    this.#dial = connect({
      connected: (socket) => this.#join(socket),
      failed: (error) => this.#failed(error),
    });
  }

  #passThrough(view: MeshView): void {
    const { address, port } = this.#destination;
    if (view.egress.outboundTrafficPolicy === "REGISTRY_ONLY" || port === 0) {
      this.#refuse("-");
      return;
    }
    this.#endpoint = plainEndpoint(address, port);
    this.#context.wheel.arm(this, CONNECT_MS);
    this.#dial = this.#context.dialler.plain(address, port, {
      connected: (socket) => this.#join(socket),
      failed: (error) => this.#failed(error),
    });
  }

  expire(): void {
    if (this.#joined !== undefined) {
      // As Envoy flags it: the duration's timeout.
      this.#flags = "DT";
      this.#joined.destroy();
      return;
    }
    this.#dial?.cancel();
    this.#failed({ reason: "timeout", message: "no connection in time" });
  }

  /** Nothing has been sent: another endpoint may have it. */
  #failed(error: DialError): void {
    if (this.#over) return;
    this.#context.wheel.disarm(this);
    countFailure(this.#context, error);
    if (this.#endpoint !== undefined) {
      const now = this.#context.now();
      this.#endpoint.observe(0, now - this.#dialledAt, now);
      this.#tried.push(this.#endpoint);
    }
    if (this.#cluster !== undefined && this.#tried.length <= MORE_ENDPOINTS) {
      this.#connect();
      return;
    }
    this.#refuse("UF");
  }

  /** That it takes connections is all that TCP tells of an endpoint. */
  #connected(): void {
    const now = this.#context.now();
    this.#endpoint?.observe(CONNECTED, now - this.#dialledAt, now);
  }

  #join(endpoint: Socket): void {
    if (this.#over) {
      endpoint.destroy();
      return;
    }
    this.#context.wheel.disarm(this);
    if (this.#held === undefined) this.#connected();
    if (this.#waiting !== undefined) {
      this.#introduce(endpoint);
      this.#held = new Held(endpoint, this.#waiting);
      return;
    }
    const client = this.#socket;
    const handle = this.#endpoint as EndpointHandle;
    const row = this.#report.opened(this.#cluster, handle, PASSTHROUGH, "-");
    handle.begin();
    const early = this.#first?.length ?? 0;
    const pool = this.#cluster?.policy.connectionPool;
    const ms = pool?.tcpIdleTimeoutMs ?? TUNNEL_IDLE_MS;
    const { wheel } = this.#context;
    if (pool?.maxConnectionDurationMs !== undefined) wheel.arm(this, pool.maxConnectionDurationMs);
    if (this.#held === undefined) this.#introduce(endpoint);
    const said = { fromClient: this.#first, fromEndpoint: this.#held?.early };
    this.#held = undefined;
    this.#joined = splice(client, endpoint, said, { wheel, ms }, () => {
      handle.end(-1, 0, this.#context.now());
      this.#report.closed(row, this.#access(this.#flags, client.bytesWritten, endpoint.bytesWritten));
      this.#finish();
    });
    if (early > 0) this.#first = undefined;
  }

  /** Tells an endpoint that asks for it whose connection it is; before anything else is said. */
  #introduce(endpoint: Socket): void {
    const version = this.#cluster?.policy.proxyProtocol;
    if (version === undefined) return;
    const { peerAddress, peerPort } = this.#socket;
    const header = proxyHeader(version, { address: peerAddress, port: peerPort }, this.#destination);
    endpoint.write(header, 0, header.length);
  }

  #refuse(flags: string): void {
    if (this.#waiting !== undefined) {
      const waiting = this.#waiting;
      this.drop();
      waiting.lost();
      return;
    }
    const row = this.#report.opened(this.#cluster, this.#endpoint, BLACKHOLE, flags);
    this.#report.closed(row, this.#access(flags, 0, 0));
    this.#giveUp();
  }

  #access(flags: string, bytesSent: number, bytesReceived: number): Omit<TcpAccess, "at"> {
    const endpoint = this.#endpoint;
    return {
      flags,
      bytesSent,
      bytesReceived,
      durationMs: this.#context.now() - this.#acceptedAt,
      upstreamHost: endpoint === undefined ? "" : `${endpoint.address}:${endpoint.target}`,
      upstreamCluster: this.#cluster?.name ?? "",
      downstream: this.#socket.peerAddress,
    };
  }

  #giveUp(): void {
    if (this.#over) return;
    this.#dial?.cancel();
    this.#socket.abandon();
    this.#socket.destroy();
    this.#finish();
  }

  #finish(): void {
    this.#over = true;
    this.#context.wheel.disarm(this);
    this.#context.connections.delete("outbound", this);
    this.#release();
  }

  /** A connection's end is its application's to say: draining waits for it. */
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
