import { createServer, type Server } from "node:http";
import type { Registry } from "prom-client";

/** What the operator answers on its plain HTTP port. */
export interface Health {
  /** The process works: false makes the kubelet restart it. */
  readonly isAlive: () => boolean;
  readonly isReady: () => boolean;
  readonly registry: Registry;
}

/** `/healthz`, `/readyz` and `/metrics`; everything else is 404. */
export function createHealthServer(health: Health): Server {
  const server = createServer((request, response) => {
    const answer = (status: number, text: string, type = "text/plain; charset=utf-8") => {
      response.writeHead(status, { "content-type": type }).end(text);
    };
    const path = (request.url ?? "").replace(/\?.*/, "");
    if (request.method !== "GET" && request.method !== "HEAD")
      return answer(405, "found another method; expected GET\n");
    if (path === "/healthz") return health.isAlive() ? answer(200, "ok\n") : answer(503, "not alive\n");
    if (path === "/readyz") return health.isReady() ? answer(200, "ok\n") : answer(503, "not ready\n");
    if (path !== "/metrics")
      return answer(404, "found no such path; expected /healthz, /readyz or /metrics\n");
    health.registry.metrics().then(
      (text) => answer(200, text, health.registry.contentType),
      () => answer(500, "metrics could not be collected\n"),
    );
  });
  server.requestTimeout = 10_000;
  server.headersTimeout = 5_000;
  return server;
}
