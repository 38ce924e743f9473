import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer as createTcpServer } from "node:net";
import type { TLSSocket } from "node:tls";
import { callAll, callFrom, newAgent, once } from "./call.ts";
import { greeterOverHttp2 } from "./http2.ts";
import { httpProxies } from "./proxy.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Serves until SIGTERM, then answers what is in flight and ends, as a well-behaved application does. */
export async function serve(env: Environment): Promise<void> {
  const port = Number(env.PORT ?? "8080");
  // Before anything listens: the first outbound call of a process must work as soon as it runs.
  const first = env.FIRST_CALL_URL === undefined ? undefined : await firstCall(env.FIRST_CALL_URL);

  const server = createServer((request, response) => void answer(request, response, env, first));
  server.on("upgrade", (request, socket) => {
    const key = String(request.headers["sec-websocket-key"] ?? "");
    const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.on("error", () => socket.destroy());
    socket.pipe(socket); // frames go back as they came, mask and all: enough to see that bytes pass
  });
  server.keepAliveTimeout = 60_000;
  const echo = createTcpServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    socket.pipe(socket);
  });
  const greeter = createTcpServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.end(`220 ${env.SERVICE ?? "app"} ${env.VERSION ?? "v0"} ready\r\n`);
  });
  server.listen(port, "::");
  echo.listen(port + 1000, "::");
  greeter.listen(port + 1001, "::");
  const others = [
    greeterOverHttp2(env.VERSION ?? "v0").listen(port + 1002, "::"),
    ...httpsServers(env, port + 1003),
    ...httpProxies().map((proxy, index) => proxy.listen(port + 1005 + index, "::")),
  ];

  process.on("SIGTERM", () => {
    // Kubernetes takes the pod out of its Services while SIGTERM is under way: go on accepting for a moment.
    setTimeout(() => {
      echo.close();
      greeter.close();
      for (const other of others) other.close();
      server.close(() => process.exit(0));
      server.closeIdleConnections();
      setTimeout(() => process.exit(0), 5_000).unref();
    }, 2_000);
  });
}

/** HTTPS with the certificate in the environment, if there is one; a port further on for clients with certificates alone. */
function httpsServers(env: Environment, port: number): Server[] {
  const { TLS_CERTIFICATE: cert, TLS_KEY: key, TLS_CLIENT_CA: ca } = env;
  if (cert === undefined || key === undefined) return [];
  const clients = ca === undefined ? [] : [{ ca, requestCert: true, rejectUnauthorized: true }];
  return [{}, ...clients].map((options, index) =>
    createHttpsServer({ cert, key, ...options }, (request, response) => {
      void answer(request, response, env, undefined);
    }).listen(port + index, "::"),
  );
}

async function firstCall(url: string): Promise<{ status: number; error?: string; ms: number }> {
  const started = performance.now();
  try {
    const call = callFrom((name, otherwise) => (name === "url" ? url : otherwise), []);
    const { status } = await once(call, newAgent(call));
    return { status, ms: performance.now() - started };
  } catch (error) {
    return { status: 0, error: String(error), ms: performance.now() - started };
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  env: Environment,
  first: object | undefined,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://app");
  const [, kind = "", value = ""] = url.pathname.split("/");
  switch (kind) {
    case "echo":
      response.writeHead(200, {
        "content-type": request.headers["content-type"] ?? "application/octet-stream",
      });
      request.pipe(response);
      return;
    case "bytes":
      response.writeHead(200, { "content-type": "application/octet-stream" });
      response.end(Buffer.alloc(Math.min(Number(value), 1 << 30), "x"));
      return;
    case "delay":
      await new Promise((wake) => setTimeout(wake, Number(value)));
      break;
    case "first-call":
      json(response, first === undefined ? 404 : 200, first ?? { error: "FIRST_CALL_URL is not set" });
      return;
    case "load":
      await load(url, response);
      return;
  }
  // Each workload decides for itself whether it is one that fails, and how unless it is asked for a status.
  const failure = env.FLAKY_STATUS === undefined ? "200" : value || env.FLAKY_STATUS;
  const status = kind === "status" ? value : kind === "flaky" ? failure : "200";
  const socket = request.socket as TLSSocket;
  const asked = headerAskedFor(request, env.VERSION ?? "v0");
  if (asked !== undefined) response.setHeader(...asked);
  json(response, Number(status), {
    service: env.SERVICE ?? "app",
    version: env.VERSION ?? "v0",
    pod: env.HOSTNAME ?? "",
    method: request.method,
    path: request.url,
    protocol: `HTTP/${request.httpVersion}`,
    // Whose connection it came on, and by which name that asked for us.
    peer: `${socket.remoteAddress}:${socket.remotePort}`,
    serverName: socket.servername,
    headers: request.headers,
  });
}

/** `x-answer-VERSION: NAME: VALUE` asks the version for a header of its answer. */
function headerAskedFor(request: IncomingMessage, version: string): [string, string] | undefined {
  const asked = String(request.headers[`x-answer-${version}`] ?? "");
  const colon = asked.indexOf(":");
  return colon < 1 ? undefined : [asked.slice(0, colon), asked.slice(colon + 1).trim()];
}

/** `/load?url=…&count=…`: `app call` asked for over HTTP, for when nobody can `kubectl exec`. */
async function load(url: URL, response: ServerResponse): Promise<void> {
  try {
    const call = callFrom(
      (name, otherwise) => url.searchParams.get(name) ?? otherwise,
      url.searchParams.getAll("header"),
    );
    json(response, 200, await callAll(call));
  } catch (error) {
    json(response, 400, { error: String(error) });
  }
}

function json(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}
