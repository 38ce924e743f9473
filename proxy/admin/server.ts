/** The admin ports' HTTP: the same connection code as the data path's, with a table of paths behind it. */
import type { RequestHead } from "../http/request-head.ts";
import { type ConnectionEvents, type DownstreamEvents, NO_ERROR } from "../http/streams.ts";
import type { HeadWriter } from "../http1/head-writer.ts";
import { ServerConnection } from "../http1/server-connection.ts";
import type { Accepted } from "../net/listen.ts";
import type { TimerWheel } from "../net/timer-wheel.ts";

export interface AdminRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: string;
  /** From the pod itself (an exec, a port-forward, the application): some acts are for it alone. */
  readonly local: boolean;
}

export interface AdminResponse {
  readonly status: number;
  readonly body: string;
  readonly contentType?: string;
}

/** Answers a request; a promise is waited for, and a rejection is answered with 500. */
export type AdminHandler = (request: AdminRequest) => AdminResponse | Promise<AdminResponse>;

export interface AdminOptions {
  readonly wheel: TimerWheel;
  readonly writer: HeadWriter;
  refused(code: number): void;
}

/** A scraper or a kubelet that keeps its connection asks again within a minute or two. */
const IDLE_MS = 180_000;
const HEAD_MS = 10_000;

class AdminConnection implements DownstreamEvents, ConnectionEvents {
  readonly #server: ServerConnection;
  readonly #local: boolean;
  readonly #handler: AdminHandler;
  readonly #options: AdminOptions;
  #gone = false;

  constructor({ socket }: Accepted, handler: AdminHandler, options: AdminOptions) {
    this.#local = isLoopback(socket.peerAddress);
    this.#handler = handler;
    this.#options = options;
    const { wheel, writer } = options;
    this.#server = new ServerConnection(
      socket,
      { wheel, writer, idleMs: IDLE_MS, headMs: HEAD_MS },
      this,
      this,
    );
  }

  request(head: RequestHead): void {
    const query = head.path.indexOf("?");
    const path = query < 0 ? head.path : head.path.slice(0, query);
    const request = {
      method: head.method,
      path,
      query: query < 0 ? "" : head.path.slice(query + 1),
      local: this.#local,
    };
    try {
      const response = this.#handler(request);
      if (!(response instanceof Promise)) {
        this.#respond(response);
        return;
      }
      response.then(
        (later) => this.#respond(later),
        (error: unknown) => this.#respond({ status: 500, body: `${String(error)}\n` }),
      );
    } catch (error) {
      this.#respond({ status: 500, body: `${String(error)}\n` });
    }
  }

  #respond({ status, body, contentType }: AdminResponse): void {
    if (this.#gone) return;
    const server = this.#server;
    const headers = contentType === undefined ? "" : `content-type: ${contentType}\r\n`;
    server.reply(status, Buffer.from(body).toString("latin1"), headers);
    server.finish();
  }

  clientWritable(): void {}
  requestTrailers(): void {}

  requestBody(): boolean {
    return true;
  }

  aborted(): void {
    this.#gone = true;
    this.#server.break(NO_ERROR);
  }

  refused(code: number): void {
    this.#options.refused(code);
  }

  closed(): void {
    this.#gone = true;
  }
}

/** What to do with connections accepted on an admin port. */
export function createAdmin(handler: AdminHandler, options: AdminOptions): (accepted: Accepted) => void {
  return (accepted) => {
    new AdminConnection(accepted, handler, options);
  };
}

export function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}
