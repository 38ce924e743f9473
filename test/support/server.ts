/** Servers and HTTP/1.1 applications behind proxies, down to the bytes that they send. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

/** Lets a server listen on a port that the system chooses; resolves with it. */
export async function listen(server: Server, host = "127.0.0.1"): Promise<number> {
  server.listen(0, host);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** Nobody is there, and the system gives it to nobody who lets it choose. */
export const NOBODYS_PORT = 1;

/** A TCP server that hands each connection to `serve`. */
export class TestServer implements AsyncDisposable {
  readonly port: number;
  readonly sockets: Socket[] = [];
  readonly #server: Server;

  private constructor(server: Server, sockets: Socket[]) {
    this.#server = server;
    this.sockets = sockets;
    const address = server.address();
    this.port = typeof address === "object" && address !== null ? address.port : 0;
  }

  static async start(serve: (socket: Socket) => void, host = "127.0.0.1", port = 0): Promise<TestServer> {
    const sockets: Socket[] = [];
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
      serve(socket);
    });
    server.listen(port, host);
    await once(server, "listening");
    return new TestServer(server, sockets);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}

/** The bytes that answer a request, if any does. */
export type Respond = (request: string, socket: Socket) => string | undefined;

/** An HTTP/1.1 application for tests: answers each request through `answer` with raw bytes, and keeps it in `requests` if given. */
export function application(answer: Respond, requests?: string[]): (socket: Socket) => void {
  return (socket) => {
    let buffered = "";
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      buffered += text;
      for (;;) {
        const request = takeRequest(buffered);
        if (request === undefined) return;
        buffered = buffered.slice(request.length);
        requests?.push(request);
        const response = answer(request, socket);
        if (response !== undefined) socket.write(response, "latin1");
      }
    });
    socket.on("end", () => socket.end());
  };
}

/** The first whole request of a stream. */
function takeRequest(text: string): string | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const head = text.slice(0, end).toLowerCase();
  if (/\r\ntransfer-encoding: *chunked/.test(head)) {
    const last = text.indexOf("\r\n0\r\n", end);
    const over = last < 0 ? -1 : text.indexOf("\r\n\r\n", last + 3);
    return over < 0 ? undefined : text.slice(0, over + 4);
  }
  const length = Number(/\r\ncontent-length: *(\d+)/.exec(head)?.[1] ?? 0);
  return text.length < end + 4 + length ? undefined : text.slice(0, end + 4 + length);
}

/** A response with a body. */
export function ok(body: string, headers = ""): string {
  return `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n${headers}\r\n${body}`;
}
