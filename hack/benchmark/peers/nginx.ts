/** nginx, one worker. It speaks no HTTP/2 to backends, except for gRPC. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "../processes.ts";
import { type Address, endpointAddresses, type Peer, routePath, type Shape } from "../shape.ts";

export const nginx: Peer = {
  name: "nginx",
  commands(shape, site) {
    if (shape.protocol === "http2" || (shape.protocol === "grpc" && shape.layout !== "hop")) return undefined;
    if (shape.protocol === "tcp" && shape.layout !== "hop") return undefined;
    const { front, mutual, identities, folder, backendPort } = site;
    const server = () =>
      process(folder, "server", mutual, {
        http: http(shape, [`127.0.0.1:${backendPort}`], {
          listen: `${mutual.host}:${mutual.port} ssl`,
          inside: `ssl_certificate ${identities.server.certificate}; ssl_certificate_key ${identities.server.key};
            ssl_client_certificate ${identities.server.trust}; ssl_verify_client on; ssl_protocols TLSv1.3;
            ssl_session_cache shared:tls:10m; ssl_session_tickets on;`,
        }),
      });
    if (shape.layout === "inbound") return [server()];
    const endpoints = endpointAddresses(shape, site).map((host) => `${host}:${backendPort}`);
    const listen = `${front.host}:${front.port}`;
    if (shape.layout === "hop") {
      if (shape.protocol !== "tcp")
        return [process(folder, "client", front, { http: http(shape, endpoints, { listen }) })];
      const stream = `upstream b { ${endpoints.map((each) => `server ${each};`).join(" ")} }
        server { listen ${listen}; proxy_pass b; }`;
      return [process(folder, "client", front, { stream })];
    }
    // Its check of names knows no URI, so it verifies no identity here: a little less work than the others do.
    const inside = `proxy_ssl_certificate ${identities.client.certificate}; proxy_ssl_certificate_key ${identities.client.key};
      proxy_ssl_protocols TLSv1.3; proxy_ssl_verify off;`;
    const through = http(shape, [`${mutual.host}:${mutual.port}`], { listen, inside, scheme: "https" });
    return [process(folder, "client", front, { http: through }), server()];
  },
};

interface Options {
  readonly listen: string;
  readonly inside?: string;
  readonly scheme?: "http" | "https";
}

function http(
  shape: Shape,
  endpoints: readonly string[],
  { listen, inside = "", scheme = "http" }: Options,
): string {
  const pass =
    shape.protocol === "grpc"
      ? "grpc_pass grpc://b;"
      : `proxy_pass ${scheme}://b; proxy_http_version 1.1; proxy_set_header Connection "";`;
  const paths = shape.routes === 1 ? ["/"] : Array.from({ length: shape.routes }, (_, i) => routePath(i));
  return `upstream b { ${endpoints.map((each) => `server ${each};`).join(" ")} keepalive 1024; keepalive_requests 1000000000; }
    server { listen ${listen} ${shape.protocol === "grpc" ? "http2" : ""}; ${inside}
      ${paths.map((path) => `location ${path} { ${pass} }`).join("\n")} }`;
}

function process(
  folder: string,
  role: string,
  listens: Address,
  blocks: { http?: string; stream?: string },
): Command {
  return { argv: nginxCommand(folder, `nginx-${role}`, blocks), listens };
}

/** The command of an nginx with these blocks; the backends are such, too. */
export function nginxCommand(
  folder: string,
  name: string,
  blocks: { http?: string; stream?: string },
): string[] {
  const file = join(folder, `${name}.conf`);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (each) => `${each}_temp_path ${folder};`,
  );
  const block = blocks.stream === undefined ? "" : `stream { ${blocks.stream} }`;
  const httpBlock =
    blocks.http === undefined
      ? ""
      : `http { access_log off; keepalive_requests 1000000000; server_tokens off; variables_hash_max_size 4096;
         http2_max_concurrent_streams 1024; ${temporary.join(" ")} ${blocks.http} }`;
  writeFileSync(
    file,
    `${blocks.stream === undefined ? "" : "load_module /usr/lib/nginx/modules/ngx_stream_module.so;"}
     worker_processes 1; worker_rlimit_nofile 65536; daemon off; master_process off; pid ${file}.pid; error_log ${file}.log;
     events { worker_connections 32768; } ${httpBlock} ${block}`,
  );
  return ["nginx", "-c", file, "-p", folder, "-e", `${file}.log`];
}
