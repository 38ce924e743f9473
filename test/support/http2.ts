/** Clients and applications of HTTP/2 without TLS, by Node's own implementation. */
import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";

export class Http2App implements AsyncDisposable {
  readonly port: number;
  readonly sessions: Set<ServerHttp2Session>;
  readonly #server: Http2Server;

  private constructor(server: Http2Server, sessions: Set<ServerHttp2Session>) {
    this.#server = server;
    this.sessions = sessions;
    this.port = (server.address() as AddressInfo).port;
  }

  static async start(
    serve: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
    address = "127.0.0.1",
    maxConcurrentStreams = 5_000,
  ): Promise<Http2App> {
    const server = createServer({ settings: { maxConcurrentStreams } });
    const sessions = new Set<ServerHttp2Session>();
    server.on("session", (session) => {
      sessions.add(session);
      session.on("close", () => sessions.delete(session)).on("error", () => {});
    });
    server.on("stream", (stream, headers) => {
      stream.on("error", () => {});
      serve(stream, headers);
    });
    server.listen(0, address);
    await once(server, "listening");
    return new Http2App(server, sessions);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.sessions) session.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}

export interface Http2Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly trailers: IncomingHttpHeaders;
  readonly informational: readonly number[];
  /** RFC 9113 section 7; 0 when the stream ended in order. */
  readonly reset: number;
}

/** A connection of a client; ends when disposed of. */
export class Http2Client implements Disposable {
  readonly session: ClientHttp2Session;
  /** The code of each GOAWAY. */
  readonly goaways: number[] = [];

  constructor(port: number, host = "127.0.0.1") {
    this.session = connect(`http://${host}:${port}`);
    this.session.on("error", () => {}).on("goaway", (code) => this.goaways.push(code));
  }

  begin(headers: OutgoingHttpHeaders, endStream = false): ClientHttp2Stream {
    const stream = this.session.request({ ":authority": "web", ...headers }, { endStream });
    stream.on("error", () => {});
    return stream;
  }

  /** Asks, with `trailers` behind the body when there are some. */
  async ask(
    headers: OutgoingHttpHeaders,
    body?: Buffer | string,
    trailers?: OutgoingHttpHeaders,
  ): Promise<Http2Answer> {
    const stream =
      trailers === undefined
        ? this.begin(headers, body === undefined)
        : this.session.request({ ":authority": "web", ...headers }, { waitForTrailers: true });
    if (trailers !== undefined) stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    const answer = answered(stream);
    if (body !== undefined) stream.end(body);
    return await answer;
  }

  [Symbol.dispose](): void {
    this.session.destroy();
  }
}

/** What comes on a stream until it is closed. */
export async function answered(stream: ClientHttp2Stream): Promise<Http2Answer> {
  let headers: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  const informational: number[] = [];
  const parts: Buffer[] = [];
  stream
    .on("headers", (early) => void informational.push(Number(early[":status"])))
    .on("response", (given) => {
      headers = given;
    })
    .on("trailers", (given) => {
      trailers = given;
    })
    .on("data", (part: Buffer) => void parts.push(part))
    .on("error", () => {});
  if (!stream.destroyed) await new Promise((closed) => stream.once("close", closed));
  const status = Number(headers[":status"] ?? 0);
  return { status, headers, body: Buffer.concat(parts), trailers, informational, reset: stream.rstCode };
}
