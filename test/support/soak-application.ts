/** The application of the soak test: HTTP/1.1, HTTP/2 and an echo of bytes on one port, as its clients begin. */
import { once } from "node:events";
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from "node:http";
import {
  createServer as createHttp2,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import { type AddressInfo, createServer, type Socket } from "node:net";

/** What an opaque connection begins with. */
export const OPAQUE = "OPAQUE\n";
/** What every connection of HTTP/2 begins with (RFC 9113 section 3.4). */
const PREFACE = "PRI * HTTP/2.0";
export const SMALL = "small";
export const CHUNKS = 5;
export const CHUNK = Buffer.alloc(10_000, "weft");

type Incoming = IncomingMessage | Http2ServerRequest;
type Outgoing = (ServerResponse | Http2ServerResponse) & NodeJS.WritableStream;

export async function startSoakApplication(
  address: string,
): Promise<{ readonly port: number } & AsyncDisposable> {
  const answering = (incoming: Incoming, response: unknown) => answer(incoming, response as Outgoing);
  const http = createHttp(answering);
  // Clients give up streams all the time: Node would take that for a flood, by default of 33 a second, and end the connection.
  const unlimited = { streamResetBurst: 1e9, streamResetRate: 1e9 };
  const http2 = createHttp2({ settings: { maxConcurrentStreams: 5_000 }, ...unlimited }, answering);
  const sessions = new Set<ServerHttp2Session>();
  http2.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session)).on("error", () => {});
  });
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => {});
    socket.once("data", (first: Buffer) => {
      if (first.toString("latin1", 0, OPAQUE.length) === OPAQUE) {
        socket.write(first);
        socket.pipe(socket);
        return;
      }
      socket.pause();
      socket.unshift(first);
      // Node's HTTP/2 takes what was read from the socket itself, its HTTP/1.1 as the socket flows.
      if (first.toString("latin1", 0, PREFACE.length) === PREFACE) http2.emit("connection", socket);
      else {
        http.emit("connection", socket);
        socket.resume();
      }
    });
  });
  server.listen(0, address);
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function answer(incoming: Incoming, response: Outgoing): void {
  response.on("error", () => {});
  switch ((incoming.url ?? "").split("?")[0]) {
    case "/echo":
      incoming.pipe(response);
      return;
    case "/chunks":
      for (let i = 0; i < CHUNKS; i++) response.write(CHUNK);
      response.end();
      return;
    case "/error":
      response.statusCode = 500;
      response.end();
      return;
    case "/slow":
      // Its client leaves before.
      setTimeout(() => response.end("late"), 5_000).unref();
      return;
    default:
      response.end(SMALL);
  }
}
