/** One small HTTP/1.1 request of the proxy's own (a probe, a scrape), with limits on time and size; no pool. */
import type { UpstreamEvents } from "../http/streams.ts";
import { ResponseConnection } from "../http1/response-connection.ts";
import type { Dial, DialEvents } from "../net/listen.ts";
import type { Socket } from "../net/socket.ts";

export interface Question {
  readonly connect: (events: DialEvents) => Dial;
  readonly method: string;
  readonly path: string;
  /** Host first, as it goes into the head. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly timeoutMs: number;
  readonly maxBytes: number;
  /** Runs once after so many ms; the result cancels. */
  readonly after: (ms: number, run: () => void) => () => void;
}

export interface Answer {
  readonly status: number;
  /** latin1. */
  readonly contentType: string;
  readonly body: Buffer;
}

/** Asks, and resolves with the whole answer. Rejects with what went wrong: no connection, no answer in time, too large. */
export function ask(question: Question): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let connection: ResponseConnection | undefined;
    let settled = false;
    const settle = (act: () => void) => {
      if (settled) return;
      settled = true;
      cancel();
      dial.cancel();
      act();
    };
    const fail = (message: string) => {
      connection?.abort();
      settle(() => reject(new Error(message)));
    };
    const cancel = question.after(question.timeoutMs, () =>
      fail(`no answer within ${question.timeoutMs} ms`),
    );
    const dial = question.connect({
      connected(socket) {
        if (settled) return socket.destroy();
        connection = new ResponseConnection(socket, {
          free: (each) => each.close(),
          gone() {},
          switched() {},
        });
        const collector = new Collector(question.maxBytes, (answer) => settle(() => resolve(answer)), fail);
        connection.begin(collector, question.method === "HEAD");
        const lines = question.headers.map(([name, value]) => `${name}: ${clean(value)}\r\n`).join("");
        const head = Buffer.from(
          `${question.method} ${clean(question.path)} HTTP/1.1\r\n${lines}connection: close\r\n\r\n`,
          "latin1",
        );
        socket.write(head, 0, head.length);
        connection.requestDone();
      },
      failed: (error) => fail(error.message),
    });
  });
}

/** What comes from a manifest must not begin a line of its own. */
function clean(text: string): string {
  return text.replace(/[\r\n\0]/g, " ");
}

class Collector implements UpstreamEvents {
  readonly #max: number;
  readonly #done: (answer: Answer) => void;
  readonly #fail: (message: string) => void;
  readonly #parts: Buffer[] = [];
  #size = 0;
  #status = 0;
  #contentType = "";

  constructor(max: number, done: (answer: Answer) => void, fail: (message: string) => void) {
    this.#max = max;
    this.#done = done;
    this.#fail = fail;
  }

  informational(): void {}
  response(
    head: Parameters<UpstreamEvents["response"]>[0],
    bytes: Buffer,
    start: number,
    end: number,
  ): boolean {
    this.#status = head.status;
    this.#contentType = head.header("content-type") ?? "";
    return this.#take(bytes, start, end);
  }
  responseBody(bytes: Buffer, start: number, end: number): boolean {
    return this.#take(bytes, start, end);
  }
  #take(bytes: Buffer, start: number, end: number): boolean {
    this.#size += end - start;
    if (this.#size > this.#max) this.#fail(`the answer is larger than ${this.#max} bytes`);
    else if (end > start) this.#parts.push(bytes.subarray(start, end));
    return true;
  }
  responseTrailers(): void {}
  complete(): void {
    this.#done({
      status: this.#status,
      contentType: this.#contentType,
      body: Buffer.concat(this.#parts),
    });
  }
  switched(socket: Socket): void {
    socket.destroy();
    this.#fail("the answer switched protocols");
  }
  failed({ message }: Parameters<UpstreamEvents["failed"]>[0]): void {
    this.#fail(message);
  }
  endpointWritable(): void {}
}
