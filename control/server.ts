import type { AddressInfo } from "node:net";
import { createSecureContext } from "node:tls";
import Fastify, { type FastifyInstance, type FastifyPluginAsync } from "fastify";
import { type Log, messageOf } from "../kube/index.ts";
import type { AdmissionReview } from "../webhook/index.ts";
import type { ServingCertificate } from "./ca/index.ts";
import type { ControlMetrics } from "./metrics.ts";

export interface Ports {
  readonly webhooks: number;
  readonly certificates: number;
  readonly health: number;
}
export const defaultPorts: Ports = { webhooks: 15017, certificates: 15012, health: 15014 };

export interface Servers {
  /** Listens on all three ports; resolves with the ports taken, of use where 0 was asked for. */
  listen(): Promise<Ports>;
  /** Serves new TLS handshakes with this certificate; one that does not work leaves the last one in place. */
  setCertificate(certificate: ServingCertificate): void;
  /** Takes no more connections, answers what is in flight, closes what is idle. */
  close(): Promise<void>;
}

/** The API server caps an object at about 3 MB of JSON; a review holds it twice on updates. */
const reviewBytes = 8 << 20;
/** Longer than the API server's own idle time, so that it is never the one to write on a closing connection. */
const keepAliveMs = 120_000;
/** Longer than any webhook's timeout here (5 s): what takes more has been given up already. */
const requestMs = 10_000;

/** Admission on one port, certificates on another, health and metrics in the clear on a third. */
export function createServers(options: {
  ports: Ports;
  /** Address to listen on. Default: every address, IPv6 where there is any. */
  host?: string;
  inject: (review: unknown) => AdmissionReview;
  validate: (review: unknown) => AdmissionReview;
  certificates: FastifyPluginAsync;
  /** What is not ready yet; undefined when all is. */
  notReady: () => string | undefined;
  metrics: ControlMetrics;
  log: Log;
}): Servers {
  const { ports, log, metrics } = options;
  const common = {
    logger: false,
    keepAliveTimeout: keepAliveMs,
    requestTimeout: requestMs,
    forceCloseConnections: "idle",
  } as const;
  const tls = { ...common, https: { minVersion: "TLSv1.2" }, bodyLimit: reviewBytes } as const;
  const webhooks = Fastify(tls);
  const certificates = Fastify(tls);
  const health = Fastify(common);

  for (const [path, answer] of [
    ["/inject", options.inject],
    ["/validate", options.validate],
  ] as const) {
    webhooks.post(path, (request, reply) => {
      const started = performance.now();
      const review = answer(request.body);
      metrics.webhook(path, review.response?.allowed === true, performance.now() - started);
      return reply.send(review);
    });
  }
  webhooks.setErrorHandler((error, request, reply) => {
    const status =
      error instanceof Error && "statusCode" in error && typeof error.statusCode === "number"
        ? error.statusCode
        : 500;
    if (status >= 500) log.error("an admission review failed", { path: request.url, error });
    return reply.code(status).send({ error: messageOf(error) });
  });
  certificates.register(options.certificates);

  health.get("/healthz", (_request, reply) => reply.send("ok\n"));
  health.get("/readyz", (_request, reply) => {
    const missing = options.notReady();
    return missing === undefined ? reply.send("ok\n") : reply.code(503).send(`not ready: ${missing}\n`);
  });
  health.get("/metrics", async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );

  return {
    async listen() {
      const [webhookPort, certificatePort, healthPort] = await Promise.all([
        listen(webhooks, ports.webhooks, options.host),
        listen(certificates, ports.certificates, options.host),
        listen(health, ports.health, options.host),
      ]);
      return { webhooks: webhookPort, certificates: certificatePort, health: healthPort };
    },
    setCertificate({ key, cert }) {
      try {
        createSecureContext({ key, cert });
      } catch (error) {
        log.error("the new serving certificate does not work; the last one stays", { error });
        return;
      }
      for (const app of [webhooks, certificates])
        app.server.setSecureContext({ key, cert, minVersion: "TLSv1.2" });
    },
    async close() {
      await Promise.all([webhooks.close(), certificates.close(), health.close()]);
    },
  };
}

/** Not on "localhost" or by name: fastify then makes a second server, which would not get new certificates. */
async function listen(
  app: Pick<FastifyInstance, "listen" | "server">,
  port: number,
  host?: string,
): Promise<number> {
  try {
    await app.listen({ port, host: host ?? "::" });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (host !== undefined || (code !== "EAFNOSUPPORT" && code !== "EADDRNOTAVAIL")) throw error;
    await app.listen({ port, host: "0.0.0.0" });
  }
  const address = app.server.address() as AddressInfo | null;
  return address?.port ?? port;
}
