/**
 * The way out: from a connection that the application opened to an endpoint of the service it meant.
 *
 *   accept                  nft redirected it here; it is not ours until we know where it wanted to go
 *   original destination    the kernel remembers; without it there is only the request's Host to go by
 *   detect                  the port says what it speaks, else the first bytes of either side do; a silent client's endpoint is
 *                           dialled meanwhile, so that a server that speaks first is heard at once
 *   ├─ HTTP/1 and HTTP/2, per request:
 *   │  takeView             one view from the first layer to the last, so a change never splits a request
 *   │  findTarget           the service: by address, else by Host
 *   │  loadService          the first call to a service waits for its configuration
 *   │  passThrough          what no service claims, as outboundTrafficPolicy says
 *   │  chooseRoute          VirtualService: the first rule that matches
 *   │  injectFault          failures on purpose, before anything is spent and any timeout runs
 *   │  shareOrigin          CORS: preflights end here
 *   │  followRoute          timeout, rewrite and headers; redirects and direct responses end here
 *   │  limitLoad            connectionPool: what is too much at once is refused
 *   │  copyRequest          mirrors: copies for which nobody waits
 *   │  chooseEndpoint       the balancer's choice; a retry begins again here
 *   │  send                 on a pooled connection: mutual TLS to the endpoint's proxy, or plaintext
 *   └─ anything else        OutboundTcp: one endpoint for the connection's life
 */
import type { Protocol } from "../config/view.ts";
import { SERVER_FIRST_PORTS } from "../detect/detect.ts";
import { FirstSpeakers } from "../detect/first-speaker.ts";
import type { Accepted } from "../net/listen.ts";
import type { Destination } from "../net/original-destination.ts";
import type { Workload } from "../telemetry/labels.ts";
import type { Context } from "./context.ts";
import { type Detection, detectProtocol, versionOf } from "./detecting.ts";
import { serveHttp } from "./http-connection.ts";
import { injectFault } from "./outbound/faults.ts";
import { OutboundHttp, type OutboundLayers } from "./outbound/http.ts";
import {
  chooseEndpoint,
  chooseRoute,
  findTarget,
  followRoute,
  limitLoad,
  loadService,
  passThrough,
  send,
  takeView,
} from "./outbound/layers.ts";
import { copyRequest } from "./outbound/mirrors.ts";
import { Passthrough } from "./outbound/passthrough.ts";
import { OutboundReport } from "./outbound/report.ts";
import { shareOrigin } from "./outbound/sharing.ts";
import { OutboundTcp } from "./outbound/tcp.ts";
import type { SpareEvents } from "./spare.ts";

/** Handles connections accepted on 15001; `port` is the listener's, which is nobody's destination. */
export function createOutbound(context: Context, self: Workload): (accepted: Accepted) => void {
  const report = new OutboundReport(context, self);
  const passthrough = new Passthrough(context);
  const layers: OutboundLayers = {
    request: [
      takeView,
      findTarget,
      loadService,
      passThrough(passthrough),
      chooseRoute,
      injectFault,
      shareOrigin,
      followRoute,
      limitLoad,
      copyRequest(),
      chooseEndpoint,
      send,
    ],
    retryFrom: chooseEndpoint,
  };
  const speakers = new FirstSpeakers();
  const { telemetry } = context;
  const counted = {
    http: telemetry.connections.of("outbound", "http"),
    tcp: telemetry.connections.of("outbound", "tcp"),
  };
  const register = context.connections.of("outbound");

  const serve = (socket: Accepted["socket"], destination: Destination, detection: Detection) => {
    const version = versionOf(detection.protocol);
    if (version !== undefined) {
      counted.http.value++;
      const create = () => new OutboundHttp(context, destination, layers, report);
      return serveHttp(context, register, socket, version, detection.first, create);
    }
    counted.tcp.value++;
    if (detection.spare === undefined) new OutboundTcp(context, socket, destination, report).start(detection);
    else detection.spare.take(detection.first);
  };

  return (accepted) => {
    const { socket } = accepted;
    const destination = destinationOf(context, accepted);
    const declared = context.config.view()?.target(destination.address, destination.port)?.protocol ?? "auto";
    if (opaque(declared, destination.port)) {
      return serve(socket, destination, OPAQUE);
    }
    const expected = {
      protocol: declared,
      destination: `${destination.address}|${destination.port}`,
      speakers,
      open: (events: SpareEvents) => new OutboundTcp(context, socket, destination, report).wait(events),
    };
    detectProtocol(socket, context, "outbound", expected, (detection) =>
      serve(socket, destination, detection),
    );
  };
}

/** A connection that is not looked at. */
const OPAQUE: Detection = { protocol: "tcp", sni: "", first: undefined, spare: undefined };

function opaque(protocol: Protocol, port: number): boolean {
  return protocol === "tcp" || (protocol === "auto" && SERVER_FIRST_PORTS.has(port));
}

/** Port 0 when the connection was opened to our listener itself: there is nowhere it wanted to go. */
function destinationOf(context: Context, accepted: Accepted): Destination {
  if (accepted.destination !== undefined) return accepted.destination;
  const destination = context.originalDestination(accepted.fd);
  const own = { address: accepted.localAddress, port: 0 };
  if (destination === undefined) return own;
  const isOurs = destination.port === accepted.localPort && destination.address === accepted.localAddress;
  return isOurs ? own : destination;
}
