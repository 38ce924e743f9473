/** A list/watch server in memory: versions, selectors, bookmarks, compaction, and connections that break on command. */
import { type Api, ApiError, type Query } from "./api.ts";

interface Stored {
  readonly metadata: {
    readonly name: string;
    readonly resourceVersion: string;
    readonly labels: { readonly key: string };
  };
  readonly value: number;
}

interface FakeEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: Stored;
}

interface OpenStream {
  readonly keys: ReadonlySet<string>;
  send(line: object): void;
  break(error?: Error): void;
}

export class FakeApi implements Api {
  readonly requests: { readonly verb: "list" | "watch"; readonly query: Query }[] = [];
  readonly objects = new Map<string, Stored>();
  readonly #events: FakeEvent[] = [];
  readonly #streams = new Set<OpenStream>();
  #version = 0;
  #compacted = 0;
  /** Requests that fail next, with what. */
  failures: Error[] = [];
  /** Turns of the event loop that a request takes to reach the state, and its answer to come back. */
  latency = { before: 0, after: 0 };
  /** What holds a request back. */
  gate: Promise<void> | undefined;
  /** A server without the WatchList feature. */
  withoutWatchList = false;

  get openStreams(): number {
    return this.#streams.size;
  }

  write(key: string, name: string, value: number): void {
    const version = String(++this.#version);
    const type = this.objects.has(name) ? "MODIFIED" : "ADDED";
    const object: Stored = { metadata: { name, resourceVersion: version, labels: { key } }, value };
    this.objects.set(name, object);
    this.#tell({ type, object });
  }

  delete(name: string): void {
    const known = this.objects.get(name);
    if (known === undefined) return;
    this.objects.delete(name);
    this.#tell({
      type: "DELETED",
      object: { ...known, metadata: { ...known.metadata, resourceVersion: String(++this.#version) } },
    });
  }

  bookmark(): void {
    for (const stream of this.#streams) stream.send(this.#bookmark());
  }

  /** Forgets the past: streams cannot resume from before now. */
  compact(): void {
    this.#compacted = this.#version;
  }

  breakStreams(error: Error = new Error("connection reset")): void {
    for (const stream of [...this.#streams]) stream.break(error);
  }

  /** The server's own end of a stream. */
  endStreams(): void {
    for (const stream of [...this.#streams]) stream.break();
  }

  async list(_path: string, query: Query, signal: AbortSignal): Promise<unknown> {
    await this.#admit("list", query, signal);
    const keys = keysOf(query);
    const items = [...this.objects.values()].filter((object) => keys.has(object.metadata.labels.key));
    const version = String(this.#version);
    await turns(this.latency.after);
    return { metadata: { resourceVersion: version }, items };
  }

  async watch(_path: string, query: Query, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    await this.#admit("watch", query, signal);
    if (query.sendInitialEvents !== undefined && this.withoutWatchList)
      throw new ApiError(422, "sendInitialEvents is forbidden");
    const keys = keysOf(query);
    const { stream, output } = createStream(keys, signal, () => this.#streams.delete(stream));
    this.#streams.add(stream);
    if (query.sendInitialEvents === "true") {
      for (const object of this.objects.values()) {
        if (keys.has(object.metadata.labels.key)) stream.send({ type: "ADDED", object });
      }
      stream.send(this.#bookmark({ "k8s.io/initial-events-end": "true" }));
    } else if (Number(query.resourceVersion) < this.#compacted) {
      stream.send({
        type: "ERROR",
        object: { kind: "Status", code: 410, message: "too old resource version" },
      });
    } else {
      for (const event of this.#events) {
        if (Number(event.object.metadata.resourceVersion) > Number(query.resourceVersion))
          this.#send(stream, event);
      }
    }
    await turns(this.latency.after);
    return output;
  }

  async #admit(verb: "list" | "watch", query: Query, signal: AbortSignal): Promise<void> {
    this.requests.push({ verb, query });
    await this.gate;
    await turns(this.latency.before);
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
    signal.throwIfAborted();
  }

  #tell(event: FakeEvent): void {
    this.#events.push(event);
    for (const stream of this.#streams) this.#send(stream, event);
  }

  #send(stream: OpenStream, event: FakeEvent): void {
    if (stream.keys.has(event.object.metadata.labels.key)) stream.send(event);
  }

  #bookmark(annotations?: Record<string, string>): object {
    return {
      type: "BOOKMARK",
      object: { metadata: { resourceVersion: String(this.#version), ...(annotations && { annotations }) } },
    };
  }
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((done) => setImmediate(done));
}

function keysOf(query: Query): Set<string> {
  return new Set((query.keys ?? "").split(","));
}

function createStream(
  keys: ReadonlySet<string>,
  signal: AbortSignal,
  closed: () => void,
): { stream: OpenStream; output: AsyncIterable<Uint8Array> } {
  const encoder = new TextEncoder();
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(given) {
      controller = given;
    },
    cancel: closed,
  });
  let open = true;
  const stream: OpenStream = {
    keys,
    send: (line) => open && controller?.enqueue(encoder.encode(`${JSON.stringify(line)}\n`)),
    break(error) {
      if (!open) return;
      open = false;
      closed();
      if (error === undefined) controller?.close();
      else controller?.error(error);
    },
  };
  signal.addEventListener("abort", () => stream.break(new DOMException("aborted", "AbortError")), {
    once: true,
  });
  return { stream, output: body as unknown as AsyncIterable<Uint8Array> };
}
