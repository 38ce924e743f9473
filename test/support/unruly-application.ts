/** An application that does to its clients whatever an application can do to them; what it does when is drawn from a fixed seed. */
import { once } from "node:events";
import { createServer as createHttp1, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttp2, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

let seed = 20_26;
/** 0 ≤ x < below. */
export function random(below: number): number {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
  return (seed >> 8) % below;
}
export const among = <T>(...each: readonly T[]): T => each[random(each.length)] as T;

type Incoming = IncomingMessage | Http2ServerRequest;
type Outgoing = (ServerResponse | Http2ServerResponse) & NodeJS.WritableStream;

/** Speaks both versions on one port, as its path says; what is not HTTP it sends back. */
export class UnrulyApplication {
  /** Requests that are answered when they are told to. */
  readonly held: Outgoing[] = [];
  readonly #failed = new Set<string>();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor() {
    const serve = (request: Incoming, response: unknown) => this.#serve(request, response as Outgoing);
    const http1 = createHttp1({ keepAliveTimeout: 300 }, serve).on("upgrade", (_request, socket) => {
      socket.on("error", () => {});
      socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
      socket.pipe(socket);
    });
    const http2 = createHttp2({ settings: { maxConcurrentStreams: 50 } }, serve).on("session", (session) => {
      session.on("error", () => {});
      // It goes away now and then.
      if (random(4) === 0) setTimeout(() => session.close(), random(200));
      else if (random(8) === 0) setTimeout(() => session.destroy(), random(200));
    });
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {}).on("close", () => this.#sockets.delete(socket));
      // One that has nothing to say.
      socket.once("end", () => socket.bytesRead === 0 && socket.end());
      socket.once("data", (first: Buffer) => {
        socket.pause();
        socket.unshift(first);
        const text = first.toString("latin1");
        if (text.startsWith("PRI")) http2.emit("connection", socket);
        else if (text.includes(" HTTP/1.1")) http1.emit("connection", socket);
        else socket.pipe(socket);
        process.nextTick(() => socket.resume());
      });
    });
  }

  static async start(): Promise<UnrulyApplication> {
    const application = new UnrulyApplication();
    application.#server.listen(0, "0.0.0.0");
    await once(application.#server, "listening");
    return application;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #serve(request: Incoming, response: Outgoing): void {
    request.on("error", () => {});
    response.on("error", () => {});
    const reset = () => {
      if ("stream" in response && response.stream) response.stream.close(among(2, 7, 8));
      else request.socket.destroy();
    };
    const path = request.url?.slice(1) ?? "";
    switch (path) {
      case "hold":
        this.held.push(response);
        return;
      case "echo":
        request.pipe(response);
        return;
      case "slow":
        setTimeout(() => response.end("late"), random(60));
        return;
      case "silent":
        return;
      case "reset":
        setTimeout(reset, random(10));
        return;
      case "half":
        response.write("half");
        setTimeout(reset, random(10));
        return;
      case "large":
        response.end(Buffer.alloc(300_000));
        return;
      case "fail":
        response.statusCode = 503;
        response.end();
        return;
      case "early":
        // Before the request's body is in.
        response.end("early");
        return;
      default:
        // Anything else fails once.
        if (this.#failed.has(path)) this.held.push(response);
        else {
          this.#failed.add(path);
          response.statusCode = 503;
          response.end();
        }
    }
  }

  async close(): Promise<void> {
    for (const each of this.#sockets) each.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}
