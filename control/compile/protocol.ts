/**
 * A port's protocol: `appProtocol` first, else the port's name (`<protocol>` or `<protocol>-<suffix>`), else TCP for
 * the ports of protocols in which the server speaks first, else detection (Istio docs, "Protocol Selection").
 */
import type { Protocol } from "../../crds/service-config.ts";
import type { ServicePort } from "./inputs.ts";

const protocols: ReadonlyMap<string, Protocol> = new Map<string, Protocol>([
  ["http", "http"],
  ["http_proxy", "http"],
  ["http2", "http2"],
  ["grpc", "grpc"],
  ["https", "https"],
  ["tls", "tls"],
  ["tcp", "tcp"],
  // Opaque to the proxy. `udp` on a TCP port is a slip; the bytes still are TCP's.
  ["mongo", "tcp"],
  ["mysql", "tcp"],
  ["redis", "tcp"],
  ["udp", "tcp"],
]);

/** KEP-3726's standard values of `appProtocol`. */
const kubernetesProtocols: ReadonlyMap<string, Protocol> = new Map<string, Protocol>([
  ["kubernetes.io/h2c", "http2"],
  ["kubernetes.io/ws", "http"],
  ["kubernetes.io/wss", "https"],
]);

/** SMTP, DNS, MySQL, MongoDB: detection would wait for a client that waits for the server. */
const serverFirstPorts: ReadonlySet<number> = new Set([25, 53, 3306, 27017]);

export function protocolOf(port: Pick<ServicePort, "name" | "port" | "appProtocol">): Protocol {
  const text = (port.appProtocol ?? port.name ?? "").toLowerCase();
  const standard = kubernetesProtocols.get(text);
  if (standard !== undefined) return standard;
  // gRPC-Web is plain HTTP of either version on the wire; "grpc-web" is the one name with a hyphen of its own.
  if (text.startsWith("grpc-web")) return "http";
  return protocols.get(head(text)) ?? (serverFirstPorts.has(port.port) ? "tcp" : "auto");
}

function head(text: string): string {
  const hyphen = text.indexOf("-");
  return hyphen < 0 ? text : text.slice(0, hyphen);
}

/** The ports that a mesh of TCP proxies serves; UDP and SCTP go past it. */
export function tcpPorts(ports: readonly ServicePort[] | undefined): ServicePort[] {
  return (ports ?? []).filter((port) => (port.protocol ?? "TCP") === "TCP");
}
