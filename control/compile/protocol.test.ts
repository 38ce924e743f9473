import { describe, expect, it } from "vitest";
import { protocolOf, tcpPorts } from "./protocol.ts";

describe("a port's protocol", () => {
  const cases: { rule: string; name?: string; appProtocol?: string; port?: number; protocol: string }[] = [
    { rule: "appProtocol wins over the name", name: "tcp-x", appProtocol: "http", protocol: "http" },
    {
      rule: "an unknown appProtocol hides the name",
      name: "http",
      appProtocol: "acme.io/x",
      protocol: "auto",
    },
    { rule: "the name alone", name: "grpc", protocol: "grpc" },
    { rule: "the name before the hyphen", name: "http2-web", protocol: "http2" },
    { rule: "names have no case", name: "HTTP-web", protocol: "http" },
    { rule: "a prefix without a hyphen is no protocol", name: "httpweb", protocol: "auto" },
    { rule: "grpc-web has a hyphen of its own", name: "grpc-web-x", protocol: "http" },
    { rule: "h2c", appProtocol: "kubernetes.io/h2c", protocol: "http2" },
    { rule: "websocket", appProtocol: "kubernetes.io/ws", protocol: "http" },
    { rule: "websocket over TLS", appProtocol: "kubernetes.io/wss", protocol: "https" },
    { rule: "https", name: "https", protocol: "https" },
    { rule: "tls", name: "tls-x", protocol: "tls" },
    { rule: "databases are opaque", name: "mongo", protocol: "tcp" },
    { rule: "nothing said is detected", name: "web", protocol: "auto" },
    { rule: "no name is detected", protocol: "auto" },
    { rule: "MySQL's port is TCP: the server speaks first", port: 3306, protocol: "tcp" },
    { rule: "a name decides on a server-first port", name: "http", port: 3306, protocol: "http" },
    { rule: "names of Object's own members are none", name: "constructor", protocol: "auto" },
  ];
  it.each(cases)("$rule", ({ name, appProtocol, port, protocol }) => {
    const spec = { port: port ?? 8080, ...(name && { name }), ...(appProtocol && { appProtocol }) };
    expect(protocolOf(spec)).toBe(protocol);
  });

  it("is asked of TCP ports alone", () => {
    const ports = [{ port: 1 }, { port: 2, protocol: "TCP" }, { port: 3, protocol: "UDP" }];
    expect(tcpPorts(ports).map(({ port }) => port)).toEqual([1, 2]);
  });
});
