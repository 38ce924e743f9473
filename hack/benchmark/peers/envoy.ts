/** Envoy, one worker, with nothing but its router: none of a mesh's filters. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "../processes.ts";
import { type Address, endpointAddresses, type Peer, routePath, type Shape, type Site } from "../shape.ts";

const type = (name: string) => `type.googleapis.com/envoy.${name}`;

export const envoy: Peer = {
  name: "envoy",
  commands(shape, site) {
    if (site.envoy === "") return undefined;
    const { front, mutual, backendPort } = site;
    const server = () =>
      process(shape, site, "server", mutual, [{ host: "127.0.0.1", port: backendPort }], {
        downstream: tls(site, "server", shape),
      });
    if (shape.layout === "inbound") return [server()];
    if (shape.layout === "pair") {
      return [
        process(shape, site, "client", front, [mutual], { upstream: tls(site, "client", shape) }),
        server(),
      ];
    }
    const endpoints = endpointAddresses(shape, site).map((host) => ({ host, port: backendPort }));
    return [process(shape, site, "client", front, endpoints, {})];
  },
};

const isHttp2 = ({ protocol }: Shape) => protocol === "http2" || protocol === "grpc";
const address = ({ host, port }: Address) => ({ socket_address: { address: host, port_value: port } });

/** The transport socket of one side. */
function tls(site: Site, role: "client" | "server", shape: Shape): object {
  const files = site.identities[role];
  const peer = site.identities[role === "client" ? "server" : "client"];
  const context = {
    alpn_protocols: shape.protocol === "tcp" ? [] : [isHttp2(shape) ? "h2" : "http/1.1"],
    tls_params: { tls_minimum_protocol_version: "TLSv1_3", tls_maximum_protocol_version: "TLSv1_3" },
    tls_certificates: [
      { certificate_chain: { filename: files.certificate }, private_key: { filename: files.key } },
    ],
    validation_context: {
      trusted_ca: { filename: files.trust },
      match_typed_subject_alt_names: [{ san_type: "URI", matcher: { exact: peer.id } }],
    },
  };
  const kind = role === "client" ? "UpstreamTlsContext" : "DownstreamTlsContext";
  return {
    name: "envoy.transport_sockets.tls",
    typed_config: {
      "@type": type(`extensions.transport_sockets.tls.v3.${kind}`),
      common_tls_context: context,
      ...(role === "server" ? { require_client_certificate: true } : { sni: "web.demo.svc.cluster.local" }),
    },
  };
}

function process(
  shape: Shape,
  site: Site,
  role: "client" | "server",
  listens: Address,
  endpoints: readonly Address[],
  sockets: { readonly downstream?: object; readonly upstream?: object },
): Command {
  const chain = {
    filters: [shape.protocol === "tcp" ? tcpProxy() : manager(shape, role)],
    ...(sockets.downstream === undefined ? {} : { transport_socket: sockets.downstream }),
  };
  const cluster = {
    name: "b",
    connect_timeout: "5s",
    type: "STATIC",
    lb_policy: "LEAST_REQUEST",
    circuit_breakers: {
      thresholds: [
        { max_connections: 32768, max_pending_requests: 32768, max_requests: 32768, max_retries: 1024 },
      ],
    },
    load_assignment: {
      cluster_name: "b",
      endpoints: [{ lb_endpoints: endpoints.map((each) => ({ endpoint: { address: address(each) } })) }],
    },
    ...(sockets.upstream === undefined ? {} : { transport_socket: sockets.upstream }),
    ...(isHttp2(shape) ? { typed_extension_protocol_options: http2Upstream } : {}),
  };
  const file = join(site.folder, `envoy-${role}.json`);
  writeFileSync(
    file,
    JSON.stringify({
      static_resources: {
        listeners: [{ name: "in", address: address(listens), filter_chains: [chain] }],
        clusters: [cluster],
      },
    }),
  );
  // Every Envoy of a machine needs a base id of its own.
  const id = "--use-dynamic-base-id";
  return { argv: [site.envoy, "-c", file, id, "--concurrency", "1", "--log-level", "error"], listens };
}

const http2Upstream = {
  "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
    "@type": type("extensions.upstreams.http.v3.HttpProtocolOptions"),
    explicit_http_config: { http2_protocol_options: {} },
  },
};

function tcpProxy(): object {
  return {
    name: "envoy.filters.network.tcp_proxy",
    typed_config: {
      "@type": type("extensions.filters.network.tcp_proxy.v3.TcpProxy"),
      stat_prefix: "in",
      cluster: "b",
    },
  };
}

function manager(shape: Shape, role: "client" | "server"): object {
  const prefixes =
    shape.routes === 1 || role === "server"
      ? ["/"]
      : Array.from({ length: shape.routes }, (_, i) => routePath(i));
  return {
    name: "envoy.filters.network.http_connection_manager",
    typed_config: {
      "@type": type("extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"),
      stat_prefix: "in",
      codec_type: isHttp2(shape) ? "HTTP2" : "HTTP1",
      http_filters: [
        {
          name: "envoy.filters.http.router",
          typed_config: { "@type": type("extensions.filters.http.router.v3.Router") },
        },
      ],
      route_config: {
        virtual_hosts: [
          {
            name: "all",
            domains: ["*"],
            routes: prefixes.map((prefix) => ({ match: { prefix }, route: { cluster: "b", timeout: "0s" } })),
          },
        ],
      },
    },
  };
}
