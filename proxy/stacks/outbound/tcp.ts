/** One opaque connection on its way out: dial the endpoint its service's routes choose, then join the two. */
import type { Breaker } from "../../breaker/breaker.ts";
import type { Cluster, EndpointHandle, MeshView, Target } from "../../config/view.ts";
import type { DialError } from "../../net/listen.ts";
import type { Destination } from "../../net/original-destination.ts";
import type { Socket } from "../../net/socket.ts";
import type { Flow } from "../../telemetry/labels.ts";
import { breakerOf, countOverflow } from "../breakers.ts";
import { connectorOf } from "../connector.ts";
import { ALPN_TCP, type Context } from "../context.ts";
import type { Detection } from "../detecting.ts";
import { countFailure } from "../endpoint-pools.ts";
import { firstView } from "../first-view.ts";
import { OpaqueConnection, type OpaqueLimits } from "../opaque-connection.ts";
import { openedForClient } from "../opened-for.ts";
import { hostByPort } from "./by-port.ts";
import { dialledEndpoint } from "./layers.ts";
import { plainEndpoint } from "./passthrough.ts";
import { BLACKHOLE, type OutboundReport, PASSTHROUGH } from "./report.ts";

const CONNECT_MS = 10_000;
/** Asked after one that takes no connection, as for HTTP by default. */
const MORE_ENDPOINTS = 2;
/** As a status, for outlier detection. */
const CONNECTED = 200;

export class OutboundTcp extends OpaqueConnection {
  readonly #destination: Destination;
  readonly #report: OutboundReport;
  #sni = "";
  #cluster: Cluster | undefined;
  #endpoint: EndpointHandle | undefined;
  /** The only one that it may go to, as its client has dialled that itself. */
  #direct: EndpointHandle | undefined;
  readonly #tried: EndpointHandle[] = [];
  #hash: number | undefined;
  /** Whose connection it counts as. */
  #breaker: Breaker | undefined;
  #dialledAt = 0;

  constructor(context: Context, socket: Socket, destination: Destination, report: OutboundReport) {
    super(context, "outbound", socket);
    this.#destination = destination;
    this.#report = report;
  }

  /** Takes the connection on, with what was read of it. */
  start(detection: Pick<Detection, "first" | "sni">): void {
    this.#sni = detection.sni;
    this.begin(detection.first);
  }

  protected find(): void {
    const { config } = this.context;
    const view = config.view();
    if (view !== undefined) this.#findTarget(view);
    else
      firstView(config).then((arrived) => {
        if (this.over) return;
        if (arrived === undefined) this.refuse("NC");
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
      (loaded) => this.over || this.#choose(loaded),
      () => this.over || this.refuse("NC"),
    );
  }

  #findByPort(view: MeshView): void {
    const hosts = view.targetsByPort(this.#destination.port);
    if (hosts.length === 0) {
      this.#passThrough(view);
      return;
    }
    hostByPort(hosts, this.#destination, view.egress.outboundTrafficPolicy).then((target) => {
      if (this.over) return;
      if (target === undefined) this.#passThrough(view);
      else this.#choose(target);
    });
  }

  #choose(target: Target): void {
    const { address, port } = this.#destination;
    this.#cluster = target.tcp({ address, port, sni: this.#sni === "" ? undefined : this.#sni });
    if (this.#cluster === undefined) {
      this.refuse("NR");
      return;
    }
    if (!this.#enter(breakerOf(this.#cluster))) return;
    this.#hash = this.#cluster.hashPolicy?.ofConnection(this.socket.peerAddress);
    this.#direct = dialledEndpoint(target, this.#cluster, this.#destination);
    this.#connect();
  }

  /** One of the cluster's connections from now on; refused when it has as many as it may. */
  #enter(breaker: Breaker): boolean {
    if (breaker.slots.take()) {
      this.#breaker = breaker;
      return true;
    }
    if (!this.spare) countOverflow(this.context.telemetry, "outbound", "connections");
    this.refuse("UO");
    return false;
  }

  protected release(): void {
    this.#breaker?.slots.release();
    this.#breaker = undefined;
  }

  #connect(): void {
    const cluster = this.#cluster as Cluster;
    const endpoint = this.#direct ?? cluster.pick(this.context.now(), this.#tried, this.#hash);
    if (endpoint === undefined) {
      this.refuse(this.#tried.length > 0 ? "UF" : "UH");
      return;
    }
    this.#endpoint = endpoint;
    this.#dialledAt = this.context.now();
    const { proxyProtocol } = cluster.policy;
    const opened = proxyProtocol && openedForClient(this.socket, this.#destination, proxyProtocol);
    const connect = connectorOf(this.context, cluster, endpoint, ALPN_TCP, opened);
    this.context.wheel.arm(this, cluster.policy.connectionPool.connectTimeoutMs);
    this.dial = connect({
      connected: (socket) => this.join(socket),
      failed: (error) => this.#failed(error),
    });
  }

  #passThrough(view: MeshView): void {
    const { address, port } = this.#destination;
    if (view.egress.outboundTrafficPolicy === "REGISTRY_ONLY" || port === 0) {
      this.refuse("-");
      return;
    }
    this.#endpoint = plainEndpoint(address, port);
    this.context.wheel.arm(this, CONNECT_MS);
    this.dial = this.context.dialler.plain(address, port, {
      connected: (socket) => this.join(socket),
      failed: (error) => this.#failed(error),
    });
  }

  protected late(): void {
    this.#failed({ reason: "timeout", message: "no connection in time" });
  }

  /** Nothing has been sent: another endpoint may have it. */
  #failed(error: DialError): void {
    if (this.over) return;
    this.context.wheel.disarm(this);
    countFailure(this.context, error);
    if (this.#endpoint !== undefined) {
      const now = this.context.now();
      this.#endpoint.observe(0, now - this.#dialledAt, now);
      this.#tried.push(this.#endpoint);
    }
    if (this.#cluster !== undefined && this.#direct === undefined && this.#tried.length <= MORE_ENDPOINTS) {
      this.#connect();
      return;
    }
    this.refuse("UF");
  }

  protected override met(): void {
    // That it takes connections is all that TCP tells of an endpoint.
    const now = this.context.now();
    this.#endpoint?.observe(CONNECTED, now - this.#dialledAt, now);
  }

  protected override joining(): void {
    this.#endpoint?.begin();
  }

  protected override parted(): void {
    this.#endpoint?.end(-1, 0, this.context.now());
  }

  protected flow(refusal: string | undefined): Flow {
    const unclaimed = refusal === undefined ? PASSTHROUGH : BLACKHOLE;
    return this.#report.tcp(this.#cluster, this.#endpoint, unclaimed, refusal ?? "-");
  }

  protected get limits(): OpaqueLimits | undefined {
    return this.#cluster?.policy.connectionPool;
  }

  protected get upstream(): { upstreamHost: string; upstreamCluster: string } {
    const endpoint = this.#endpoint;
    return {
      upstreamHost: endpoint === undefined ? "" : `${endpoint.address}:${endpoint.target}`,
      upstreamCluster: this.#cluster?.name ?? "",
    };
  }
}
