/**
 * One HTTPS request of the proxy's own, with a streamed answer: what list, watch and certificates need and no more. It stands on
 * the data path's sockets and parser, which are in memory anyway; the runtime's `fetch` takes 2 MB and two threads of its own.
 */
import type { ResponseHead } from "../http/response-head.ts";
import type { UpstreamEvents, UpstreamFailure } from "../http/streams.ts";
import { ResponseConnection } from "../http1/response-connection.ts";
import type { Dial, DialEvents } from "../net/listen.ts";
import { dialVerified } from "../net/tls-verified.ts";

export interface HttpsRequest {
  readonly method: "GET" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** PEM. */
  readonly anchors: string;
  /** Ends the request, or the answer's stream, with the signal's reason. */
  readonly signal: AbortSignal;
}

export interface HttpsAnswer {
  readonly status: number;
  /** To be read to its end or left by `return`: either closes the connection. The parts are the reader's, their memory too. */
  readonly body: AsyncIterable<Uint8Array>;
}

export type DialVerified = (host: string, port: number, anchors: string, events: DialEvents) => Dial;

/** Beyond this many bytes unread the server has to wait. */
const maxUnread = 256 * 1024;

/** Sends a request; resolves when the answer's head is in. Rejects with the signal's reason or a transport error. */
export function request(options: HttpsRequest, dial: DialVerified = dialVerified): Promise<HttpsAnswer> {
  return new Promise((resolve, reject) => {
    const { url, signal } = options;
    signal.throwIfAborted();
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const port = Number(url.port === "" ? 443 : url.port);
    const exchange = new Exchange(signal, resolve, reject);
    exchange.start(
      dial(host, port, options.anchors, {
        connected(socket) {
          const head = headOf(options);
          exchange.connected(
            new ResponseConnection(socket, { free: (each) => each.close(), gone() {}, switched() {} }),
          );
          socket.write(head, 0, head.length);
        },
        failed: ({ message }) => exchange.fail(new Error(message)),
      }),
    );
  });
}

/** The whole body; rejects when it is larger than `maxBytes`. */
export async function readAll(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body) {
    size += part.length;
    if (size > maxBytes) throw new RangeError(`an answer is larger than ${maxBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function headOf({ method, url, headers, body = "" }: HttpsRequest): Buffer {
  const length = method === "POST" ? { "content-length": String(Buffer.byteLength(body)) } : {};
  const fields = { host: url.host, ...headers, ...length, connection: "close" };
  const lines = Object.entries(fields).map(
    ([name, value]) => `${name}: ${value.replace(/[\r\n\0]/g, "")}\r\n`,
  );
  return Buffer.from(`${method} ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
}

/** The answer as events, handed on as a promise of its head and an iterable of its body. */
class Exchange implements UpstreamEvents {
  readonly #signal: AbortSignal;
  readonly #resolve: (answer: HttpsAnswer) => void;
  readonly #reject: (error: unknown) => void;
  #dial: Dial | undefined;
  #connection: ResponseConnection | undefined;
  readonly #parts: Uint8Array[] = [];
  #unread = 0;
  #paused = false;
  #ended = false;
  #error: unknown;
  #wake: () => void = () => {};
  readonly #abort = () => this.fail(this.#signal.reason);

  constructor(signal: AbortSignal, resolve: (answer: HttpsAnswer) => void, reject: (error: unknown) => void) {
    this.#signal = signal;
    this.#resolve = resolve;
    this.#reject = reject;
    signal.addEventListener("abort", this.#abort);
  }

  start(dial: Dial): void {
    this.#dial = dial;
  }

  connected(connection: ResponseConnection): void {
    if (this.#ended) {
      connection.abort();
      return;
    }
    this.#connection = connection;
    connection.begin(this, false);
    connection.requestDone();
  }

  fail(error: unknown): void {
    if (this.#ended) return;
    this.#error = error;
    this.#end();
    this.#reject(error);
  }

  informational(): void {}

  response(head: ResponseHead, bytes: Buffer, start: number, end: number): boolean {
    this.#resolve({ status: head.status, body: { [Symbol.asyncIterator]: () => this.#read() } });
    return this.responseBody(bytes, start, end);
  }

  responseBody(bytes: Buffer, start: number, end: number): boolean {
    if (end > start) {
      this.#parts.push(bytes.subarray(start, end));
      this.#unread += end - start;
    }
    if (this.#parts.length > 0) this.#wake();
    this.#paused = this.#unread > maxUnread;
    return !this.#paused;
  }

  responseTrailers(): void {}
  complete(): void {
    this.#end();
  }

  switched(): void {
    this.fail(new Error("the server switched protocols"));
  }

  failed({ message }: UpstreamFailure): void {
    this.fail(new Error(message));
  }

  endpointWritable(): void {}

  async *#read(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const part = this.#parts.shift();
        if (part !== undefined) {
          this.#unread -= part.length;
          yield part;
        } else if (this.#ended) {
          if (this.#error !== undefined) throw this.#error;
          return;
        } else {
          if (this.#paused) this.#connection?.resume();
          this.#paused = false;
          await new Promise<void>((wake) => {
            this.#wake = wake;
          });
        }
      }
    } finally {
      this.#end();
    }
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#signal.removeEventListener("abort", this.#abort);
    this.#dial?.cancel();
    this.#connection?.abort();
    this.#wake();
  }
}
