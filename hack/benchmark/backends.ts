/** What stands behind the proxies. All are in C but the one of gRPC streams: the cheaper the backend, the more shows of the proxy. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nginxCommand } from "./peers/nginx.ts";
import type { Command } from "./processes.ts";
import type { Site } from "./shape.ts";

export type Backend = "http1" | "http2" | "grpc" | "grpc-stream" | "tcp";

/** The body of most scenarios. */
export const BODY = "x".repeat(66);
export const MEGABYTE = 1_048_576;
/** A gRPC message (PROTOCOL-HTTP2.md of gRPC: flag, length, bytes) of 64 bytes. */
export const MESSAGE = Buffer.concat([Buffer.from([0, 0, 0, 0, 64]), Buffer.alloc(64, 0x0a)]);
export const GRPC_PATH = "/bench.Echo/Unary.grpc";

export function backendCommand(backend: Backend, site: Site): Command {
  const { folder, backendPort: port } = site;
  const listens = { host: "127.0.0.1", port };
  const htdocs = join(folder, "htdocs");
  mkdirSync(htdocs, { recursive: true });
  const nghttpd = (...options: string[]) => [
    "nghttpd",
    "--no-tls",
    `--htdocs=${htdocs}`,
    "--max-concurrent-streams=1024",
    ...options,
    String(port),
  ];
  switch (backend) {
    case "http1": {
      writeFileSync(join(htdocs, "megabyte"), Buffer.alloc(MEGABYTE, "x"));
      const http = `sendfile on; server { listen ${port} reuseport backlog=4096;
        location / { return 200 "${BODY}"; } location = /megabyte { root ${htdocs}; } }`;
      return { argv: nginxCommand(folder, "backend", { http }), listens };
    }
    case "http2":
      writeFileSync(join(htdocs, "index.html"), BODY);
      return { argv: nghttpd(), listens };
    case "grpc": {
      mkdirSync(join(htdocs, "bench.Echo"), { recursive: true });
      writeFileSync(join(htdocs, GRPC_PATH), MESSAGE);
      const types = join(folder, "mime.types");
      writeFileSync(types, "application/grpc grpc\n");
      const options = ["--trailer=grpc-status: 0", `--mime-types-file=${types}`, "--no-content-length"];
      return { argv: nghttpd(...options), listens };
    }
    case "grpc-stream":
      return {
        argv: [join(site.grpc, "server"), "-port", String(port), "-test_name", "server"],
        env: { TMPDIR: folder },
        listens,
      };
    case "tcp":
      return { argv: ["iperf3", "--server", "--port", String(port)], listens };
  }
}
