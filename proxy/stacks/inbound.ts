/**
 * The way in: from a connection to this pod to its application.
 *
 *   15008  mutual TLS       net/ has proved the peer's identity; ALPN names the protocol inside, SNI the container port
 *   15006  plaintext        nft redirected it here; a STRICT port closes it, and says so in a metric
 *   detect                  for plaintext: the port's declared protocol, else the first bytes of either side
 *   ├─ HTTP/1 and HTTP/2, per request:
 *   │  admit                the port's mode, and the path in normal form
 *   │  admitInboundConnect  a tunnel only where nothing judges requests
 *   │  authenticate         RequestAuthentication: 401 for a token that is not good; none at all passes
 *   │  authorize            AuthorizationPolicy, by the peer's identity, the token's and the request: 403
 *   │  limitRate            local rate limits: 429
 *   │  limitBody            413 for a body larger than an EnvoyFilter's buffer takes
 *   │  limitLoad            connectionPool: what is too much at once is refused
 *   │  sendToApplication    on a pooled connection to the pod's own address, which nft leaves alone for our user id, in the
 *   │                       version that the port declares, else the client's
 *   └─ anything else        InboundTcp: authorized once, for the connection
 */
import { SERVER_FIRST_PORTS } from "../detect/detect.ts";
import { FirstSpeakers } from "../detect/first-speaker.ts";
import type { Version } from "../http/streams.ts";
import type { Accepted } from "../net/listen.ts";
import type { AcceptedPeer } from "../net/tls.ts";
import type { Workload } from "../telemetry/labels.ts";
import type { Register } from "./connections.ts";
import { ALPN_HTTP2, ALPN_TCP, type Context, OWN_PORTS, portOfSni } from "./context.ts";
import { detectProtocol, versionOf } from "./detecting.ts";
import { serveHttp } from "./http-connection.ts";
import { IdlePeers, mostIdlePeers, type Peer } from "./idle-peers.ts";
import { ApplicationPools } from "./inbound/application-pools.ts";
import { admitInboundConnect } from "./inbound/connect.ts";
import { type InboundConnection, mutualConnection, plaintextConnection } from "./inbound/connection.ts";
import { type InboundLayer, InboundRequest } from "./inbound/http.ts";
import {
  admit,
  authenticate,
  authorize,
  limitBody,
  limitLoad,
  limitRate,
  sendToApplication,
} from "./inbound/layers.ts";
import { InboundReport } from "./inbound/report.ts";
import { InboundTcp } from "./inbound/tcp.ts";
import type { Spare, SpareEvents } from "./spare.ts";

export interface Inbound {
  /** Handles connections accepted on 15006. */
  plaintext(accepted: Accepted): void;
  /** Handles connections accepted on 15008. */
  mutual(peer: AcceptedPeer): void;
}

export function createInbound(context: Context, self: Workload): Inbound {
  const report = new InboundReport(context, self);
  const layers: readonly InboundLayer[] = [
    admit,
    admitInboundConnect,
    authenticate,
    authorize,
    limitRate,
    limitBody,
    limitLoad,
    sendToApplication,
  ];
  const pools = new ApplicationPools(context);
  const { telemetry } = context;
  const counted = {
    http: telemetry.connections.of("inbound", "http"),
    tcp: telemetry.connections.of("inbound", "tcp"),
  };

  const register = context.connections.of("inbound");
  const peers = new IdlePeers(register, mostIdlePeers(context.memoryBytes), () => {
    telemetry.idlePeersEnded.of().value++;
  });

  const serveRequests = (
    connection: InboundConnection,
    version: Version,
    first: Buffer | undefined,
    at: Register<Peer> = register,
  ) => {
    counted.http.value++;
    const pool = pools.of(connection.address, connection.port);
    const create = () => new InboundRequest(context, connection, pool, layers, report);
    serveHttp(context, at, connection.socket, version, first, create);
  };
  const serveTcp = (connection: InboundConnection, first: Buffer | undefined, spare?: Spare) => {
    counted.tcp.value++;
    if (spare === undefined)
      new InboundTcp(context, connection, pools.of(connection.address, connection.port), report).start(first);
    else spare.take(first);
  };
  const speakers = new FirstSpeakers();

  return {
    plaintext(accepted) {
      const { socket, localAddress, localPort } = accepted;
      const destination = accepted.destination ?? context.originalDestination(accepted.fd);
      // Dialled directly: there is no application behind our own listener.
      if (destination === undefined || destination.port === localPort || OWN_PORTS.has(destination.port)) {
        return socket.destroy();
      }
      const connection = plaintextConnection(socket, destination.address || localAddress, destination.port);
      const policy = context.config.view()?.inbound(destination.port);
      if (policy === undefined || policy.mtls === "STRICT") {
        if (policy !== undefined) telemetry.plaintextRefused.of().value++;
        return socket.destroy();
      }
      const { protocol } = policy;
      if (protocol === "tcp" || (protocol === "auto" && SERVER_FIRST_PORTS.has(destination.port))) {
        return serveTcp(connection, undefined);
      }
      const expected = {
        protocol,
        destination: String(destination.port),
        speakers,
        open: (events: SpareEvents) =>
          new InboundTcp(context, connection, pools.of(connection.address, connection.port), report).wait(
            events,
          ),
      };
      detectProtocol(socket, context, "inbound", expected, ({ protocol: found, first, spare }) => {
        const version = versionOf(found);
        if (version !== undefined) serveRequests(connection, version, first);
        else serveTcp(connection, first, spare);
      });
    },

    mutual(peer) {
      const port = portOfSni(peer.sni);
      if (port === undefined || OWN_PORTS.has(port)) {
        telemetry.handshakeFailures.of("sni").value++;
        return peer.socket.destroy();
      }
      const connection = mutualConnection(peer, port, context.identity.current()?.spiffeId);
      if (peer.alpn === ALPN_TCP) serveTcp(connection, undefined);
      else serveRequests(connection, peer.alpn === ALPN_HTTP2 ? 2 : 1, undefined, peers);
    },
  };
}
