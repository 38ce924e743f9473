/** What the soak test's clients do, one after the other: each checks what it got, and throws when that is not all right. */
import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { constants } from "node:http2";
import { connect } from "node:net";
import { buffer } from "node:stream/consumers";
import { Http2Client } from "./http2.ts";
import { CHUNK, CHUNKS, OPAQUE, SMALL } from "./soak-application.ts";

/** Within this a client that leaves has left. */
const PATIENCE_MS = 20;
const large = Buffer.alloc(100_000, "weft");

export interface Kind {
  readonly name: string;
  readonly run: (clients: SoakClients, i: number) => Promise<void>;
}

interface Asked {
  readonly method?: string;
  readonly path: string;
  readonly body?: Buffer;
  /** On a connection of its own. */
  readonly close?: boolean;
}

export const kinds: readonly Kind[] = [
  { name: "a small body", run: (clients) => clients.ask({ path: "/small" }, 200, SMALL.length) },
  {
    name: "unlike any before",
    run: (clients, i) => clients.ask({ path: `/small?unlike=${i}` }, 200, SMALL.length),
  },
  {
    name: "a large body there and back",
    run: (clients) => clients.ask({ method: "POST", path: "/echo", body: large }, 200, large.length),
  },
  { name: "chunks", run: (clients) => clients.ask({ path: "/chunks" }, 200, CHUNKS * CHUNK.length) },
  { name: "an error", run: (clients) => clients.ask({ path: "/error" }, 500, 0) },
  {
    name: "a connection for one request",
    run: (clients) => clients.ask({ path: "/small", close: true }, 200, SMALL.length),
  },
  { name: "a client that leaves", run: (clients) => clients.leave("/slow") },
  { name: "HTTP/2: a small body", run: (clients) => clients.ask2({ path: "/small" }, 200, SMALL.length) },
  {
    name: "HTTP/2: a large body there and back",
    run: (clients) => clients.ask2({ method: "POST", path: "/echo", body: large }, 200, large.length),
  },
  { name: "HTTP/2: an error", run: (clients) => clients.ask2({ path: "/error" }, 500, 0) },
  { name: "HTTP/2: a stream that is given up", run: (clients) => clients.leave2("/slow") },
  { name: "opaque bytes there and back", run: (clients) => clients.opaque(large) },
];

export class SoakClients implements Disposable {
  readonly #port: number;
  readonly #agent: Agent;
  readonly #http2: Http2Client;

  constructor(port: number, connections: number) {
    this.#port = port;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
    this.#http2 = new Http2Client(port);
  }

  async ask({ method = "GET", path, body, close = false }: Asked, status: number, bytes: number) {
    const outgoing = request({
      port: this.#port,
      host: "127.0.0.1",
      method,
      path,
      headers: { host: "web", "content-length": String(body?.length ?? 0) },
      agent: close ? false : this.#agent,
    });
    outgoing.end(body);
    const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
    expectAnswer(incoming.statusCode, (await buffer(incoming)).length, status, bytes);
  }

  async leave(path: string) {
    const outgoing = request({
      port: this.#port,
      host: "127.0.0.1",
      path,
      headers: { host: "web" },
      agent: this.#agent,
    });
    const left = new Promise((resolve) => outgoing.once("close", resolve));
    outgoing.on("error", () => {}).end();
    setTimeout(() => outgoing.destroy(), PATIENCE_MS);
    await left;
  }

  /** The one connection that all streams share; a proxy has no reason to end it. */
  get #connection(): Http2Client {
    const { session, goaways } = this.#http2;
    if (session.closed || session.destroyed) throw new Error(`the connection has ended, GOAWAY: ${goaways}`);
    return this.#http2;
  }

  async ask2({ method = "GET", path, body }: Asked, status: number, bytes: number) {
    const answer = await this.#connection.ask({ ":method": method, ":path": path }, body);
    if (answer.reset !== 0) throw new Error(`found a reset with ${answer.reset}`);
    expectAnswer(answer.status, answer.body.length, status, bytes);
  }

  async leave2(path: string) {
    const stream = this.#connection.begin({ ":path": path }, true);
    const left = new Promise((resolve) => stream.once("close", resolve));
    setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), PATIENCE_MS);
    await left;
  }

  async opaque(bytes: Buffer) {
    const socket = connect({ port: this.#port, host: "127.0.0.1", allowHalfOpen: true });
    socket.write(OPAQUE);
    socket.end(bytes);
    const found = (await buffer(socket)).length;
    if (found !== OPAQUE.length + bytes.length)
      throw new Error(`found ${found} bytes; expected ${OPAQUE.length + bytes.length}`);
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
    this.#http2[Symbol.dispose]();
  }
}

function expectAnswer(status: number | undefined, bytes: number, wanted: number, wantedBytes: number): void {
  if (status === wanted && bytes === wantedBytes) return;
  throw new Error(`found ${status} with ${bytes} bytes; expected ${wanted} with ${wantedBytes}`);
}
