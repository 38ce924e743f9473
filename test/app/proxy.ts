/** HTTP proxies in miniature, for opaque connections: one is asked by CONNECT, one by POST, whose bodies are the connection's bytes. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import type { Duplex, Readable } from "node:stream";

export function httpProxies(): [byConnect: Server, byPost: Server] {
  const byConnect = createServer(refuse);
  byConnect.on("connect", (request: IncomingMessage, client: Duplex) => {
    const to = reach(request.url, client, () => {
      client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      client.pipe(to);
      to.pipe(client);
    });
  });
  const byPost = createServer((request, response) => {
    if (request.method !== "POST") {
      refuse(request, response);
      return;
    }
    const to = reach(request.headers.host, request, () => {
      response.writeHead(200);
      response.flushHeaders();
      request.pipe(to);
      to.pipe(response);
    });
  });
  byPost.on("connect", (_: IncomingMessage, client: Duplex) => {
    client.end("HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n");
  });
  return [byConnect, byPost];
}

function refuse(_: IncomingMessage, response: ServerResponse): void {
  response.writeHead(405).end();
}

/** A connection to `host:port`; either side's failure is the other's end. */
function reach(authority: string | undefined, client: Readable, connected: () => void): Socket {
  const { hostname, port } = new URL(`tcp://${authority}`);
  const server = connect(Number(port), hostname, connected);
  client.on("error", () => server.destroy());
  server.on("error", () => client.destroy());
  return server;
}
