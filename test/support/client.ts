/** Clients of proxies: raw connections, so that a test says each byte that it sends and sees each that comes back. */
import { connect, type Socket } from "node:net";
import { eventually } from "./poll.ts";

/** A raw connection that keeps all that it is sent. */
export class TestClient implements Disposable {
  readonly socket: Socket;
  #received = "";
  #ended: "open" | "end" | "reset" = "open";

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      this.#received += text;
    });
    socket.on("end", () => {
      this.#ended = "end";
    });
    socket.on("error", () => {
      this.#ended = "reset";
    });
    socket.on("close", () => {
      if (this.#ended === "open") this.#ended = "reset";
    });
  }

  /** `from` is the client's own address. */
  static async open(port: number, host = "127.0.0.1", from?: string): Promise<TestClient> {
    const own = from === undefined ? {} : { localAddress: from };
    const socket = connect({ port, host, allowHalfOpen: true, ...own });
    const client = new TestClient(socket);
    await new Promise((resolve) => {
      socket.once("connect", resolve);
      socket.once("close", resolve);
    });
    return client;
  }

  get received(): string {
    return this.#received;
  }

  get ended(): "open" | "end" | "reset" {
    return this.#ended;
  }

  send(text: string): this {
    this.socket.write(text, "latin1");
    return this;
  }

  /** Waits until `until` holds of what was received, or the connection has ended. */
  async until(until: (received: string) => boolean, timeoutMs = 5_000): Promise<string> {
    await eventually(
      () => until(this.#received) || this.#ended !== "open",
      timeoutMs,
      () => `received: ${JSON.stringify(this.#received)}`,
    );
    return this.#received;
  }

  /** Waits for so many responses with their bodies, by Content-Length or chunks. */
  async responses(count: number, timeoutMs = 5_000): Promise<string> {
    return this.until((text) => countResponses(text) >= count, timeoutMs);
  }

  /** Waits for the end of the connection. */
  async closed(timeoutMs = 5_000): Promise<"end" | "reset"> {
    await eventually(
      () => this.#ended !== "open",
      timeoutMs,
      () => `received: ${JSON.stringify(this.#received)}`,
    );
    return this.#ended === "end" ? "end" : "reset";
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** Sends bytes on a new connection; resolves with what came back until the connection ended or a response was whole. */
export async function exchange(port: number, text: string, host = "127.0.0.1"): Promise<string> {
  using client = await TestClient.open(port, host);
  return await client.send(text).responses(1);
}

/** The status code of a response. */
export function statusOf(response: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(response)?.[1] ?? 0);
}

function countResponses(text: string): number {
  let count = 0;
  let at = 0;
  for (;;) {
    const end = text.indexOf("\r\n\r\n", at);
    if (end < 0) return count;
    const head = text.slice(at, end).toLowerCase();
    const length = /\r\ncontent-length: *(\d+)/.exec(head)?.[1];
    if (/\r\ntransfer-encoding: *chunked/.test(head)) {
      const last = text.indexOf("\r\n0\r\n", end + 2);
      if (last < 0) return count;
      const over = text.indexOf("\r\n\r\n", last + 3);
      if (over < 0) return count;
      at = over + 4;
    } else {
      at = end + 4 + Number(length ?? 0);
      if (at > text.length) return count;
    }
    count++;
  }
}
