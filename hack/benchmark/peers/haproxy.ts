/** HAProxy, one thread. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "../processes.ts";
import { type Address, endpointAddresses, type Peer, routePath, type Shape } from "../shape.ts";

export const haproxy: Peer = {
  name: "haproxy",
  commands(shape, site) {
    const { front, mutual, identities, backendPort, folder } = site;
    const h2 = shape.protocol === "http2" || shape.protocol === "grpc";
    const alpn = h2 ? "alpn h2" : shape.protocol === "tcp" ? "" : "alpn http/1.1";
    const clear = h2 ? "proto h2" : "";
    const server = () =>
      process(shape, folder, "server", mutual, {
        bind: `${at(mutual)} ssl crt ${identities.server.both} ca-file ${identities.server.trust} verify required ssl-min-ver TLSv1.3 ${alpn}`,
        servers: [`127.0.0.1:${backendPort} ${clear}`],
        routes: 1,
      });
    if (shape.layout === "inbound") return [server()];
    const secure = `ssl crt ${identities.client.both} ca-file ${identities.client.trust} verify required ssl-min-ver TLSv1.3 ${alpn}`;
    const client = process(shape, folder, "client", front, {
      bind: `${at(front)} ${clear}`,
      servers:
        shape.layout === "pair"
          ? [`${at(mutual)} ${secure}`]
          : endpointAddresses(shape, site).map((host) => `${host}:${backendPort} ${clear}`),
      routes: shape.routes,
    });
    return shape.layout === "pair" ? [client, server()] : [client];
  },
};

const at = ({ host, port }: Address) => `${host}:${port}`;

function process(
  shape: Shape,
  folder: string,
  role: string,
  listens: Address,
  { bind, servers, routes }: { bind: string; servers: readonly string[]; routes: number },
): Command {
  const file = join(folder, `haproxy-${role}.cfg`);
  const map = join(folder, `haproxy-${role}.map`);
  writeFileSync(map, Array.from({ length: routes }, (_, i) => `${routePath(i)} out\n`).join(""));
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 8192
  tune.ssl.default-dh-param 2048
defaults
  mode ${shape.protocol === "tcp" ? "tcp" : "http"}
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  ${shape.protocol === "tcp" ? "" : "http-reuse always"}
frontend in
  bind ${bind}
  ${routes === 1 ? "default_backend out" : `use_backend %[path,map_beg(${map})]`}
backend out
  balance leastconn
${servers.map((each, i) => `  server s${i} ${each}`).join("\n")}
`,
  );
  return { argv: ["haproxy", "-db", "-f", file], listens };
}
