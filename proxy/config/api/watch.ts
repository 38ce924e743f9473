/**
 * One list/watch on the API server that can grow.
 *
 * It begins with a watch that sends the state first (`sendInitialEvents`, KEP-3157), resumes from the last resourceVersion after
 * every break, and on 410 begins anew: what it is told of then, and nothing else, is what there is.
 *
 * Growing by a key: list the key's objects, no older than what the stream has told; open a second stream for the longer selector,
 * from the older of the two; when the server has answered, leave the first stream. Old keys lose nothing, for the second stream
 * begins where the first one stood; the new key loses nothing, for it begins no later than its list. What comes twice is left
 * out (progress.ts). The new key's objects are here after one round trip, and no other key's are sent again.
 */

import { type Backoff, createBackoff } from "../backoff.ts";
import { type Clock, sleep } from "../clock.ts";
import { ConfigError } from "../errors.ts";
import { type Api, ApiError, type Query } from "./api.ts";
import { isGone, type ListAnswer, versionOf, type WatchEvent } from "./api-answers.ts";
import { lineBatches } from "./lines.ts";
import { Progress } from "./progress.ts";
import { whileHeard } from "./silence.ts";

export interface WatchHandler {
  /** The state is about to be told from the beginning. */
  begin(): void;
  /** An object is there, or has changed. */
  put(object: unknown): void;
  deleted(object: unknown): void;
  /** The state is complete: objects of these keys that were not `put` since `begin` are gone. */
  synced(keys: ReadonlySet<string>): void;
  /** What arrived together has been told. */
  flush(): void;
  /** A request failed or a stream broke; it is tried again after `retryMs`. */
  failed(error: unknown, retryMs: number): void;
}

export interface WatchOptions {
  readonly api: Api;
  readonly path: string;
  /** The selector for some keys; one that does not depend on them for a watch that never grows. */
  readonly selector: (keys: readonly string[]) => Query;
  readonly keyOf: (object: unknown) => string;
  /** Parses the JSON of an event. */
  readonly parse: (line: Uint8Array) => unknown;
  readonly keys: readonly string[];
  readonly handler: WatchHandler;
  readonly clock: Clock;
  readonly random: () => number;
  /** Longest wait between attempts in ms; 10,000 by default. */
  readonly maxRetryMs?: number;
}

export interface Watch {
  /** Tells of these keys from now on, besides the others. */
  extend(keys: Iterable<string>): void;
  close(): Promise<void>;
}

/** The longest wait while nothing answers: asking costs a server that is away nothing, and it is missed when it is back. */
const unansweredRetryMs = 2_000;
/** For an answer to begin: longer than the 3 s that a server waits for its cache to catch up. In ms. */
const answerMs = 15_000;
/** Seconds that a stream lasts; the spread keeps a cluster's proxies from coming back together. */
const streamSeconds = { least: 300, spread: 300 };
/** An object in etcd has at most 1.5 MiB; JSON escapes make it longer. */
const maxLineBytes = 8 * 1024 * 1024;
/** A list's address stays below 8 KB, which every proxy in between takes. */
const keysPerList = 200;

interface Stream {
  readonly batches: AsyncGenerator<Uint8Array[]>;
  readonly keys: ReadonlySet<string>;
  readonly abort: AbortController;
  /** It sends the state first, and has not sent all of it yet. */
  initial: boolean;
}

export function startWatch(options: WatchOptions): Watch {
  return new GrowingWatch(options);
}

class GrowingWatch implements Watch {
  readonly #options: WatchOptions;
  readonly #keys: Set<string>;
  /** Keys whose state has been told. */
  readonly #covered = new Set<string>();
  readonly #progress = new Progress();
  readonly #backoff: Backoff;
  readonly #unanswered: Backoff;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #current: Stream | undefined;
  #growth: Promise<void> | undefined;
  /** Servers without the WatchList feature take a list first. */
  #listsFirst = false;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#keys = new Set(options.keys);
    this.#backoff = createBackoff(options.random, { maxMs: options.maxRetryMs ?? 10_000 });
    this.#unanswered = createBackoff(options.random, { maxMs: unansweredRetryMs });
    this.#running = this.#run();
  }

  extend(keys: Iterable<string>): void {
    for (const key of keys) this.#keys.add(key);
    this.#grow();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#current?.abort.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      let told = false;
      let failure: unknown = new Error("the stream ended before it told anything");
      try {
        // One at a time: two lists of the same key could arrive in the wrong order.
        await this.#growth;
        this.#current ??= await this.#open();
        this.#grow();
        told = await this.#read(this.#current);
      } catch (error) {
        failure = error;
      }
      if (!told) await this.#retreat(failure);
    }
    await this.#growth;
  }

  async #retreat(error: unknown): Promise<void> {
    if (this.#closing.signal.aborted) return;
    if (isGone(error)) this.#progress.restart(undefined);
    const retryMs = (error instanceof ConfigError ? this.#backoff : this.#unanswered).next();
    this.#options.handler.failed(error, retryMs);
    await sleep(this.#options.clock, retryMs, this.#closing.signal);
  }

  /** Begins to grow if there are keys that the current stream does not tell of; failures are tried again. */
  #grow(): void {
    const before = this.#current;
    if (this.#growth !== undefined || before === undefined || before.initial) return;
    if ([...this.#keys].every((key) => before.keys.has(key))) return;
    this.#growth = this.#replace(before).then(() => {
      this.#growth = undefined;
      this.#grow();
    });
  }

  async #replace(before: Stream): Promise<void> {
    try {
      const next = await this.#open();
      if (this.#current !== before) return next.abort.abort();
      this.#current = next;
      before.abort.abort();
    } catch (error) {
      // From the beginning, with all keys: the current stream has to go.
      if (isGone(error)) before.abort.abort(error);
      else if (this.#current === before) await this.#retreat(error);
    }
  }

  /** Opens a stream for all keys. Keys whose state has not been told are listed first, unless the stream will tell it. */
  async #open(): Promise<Stream> {
    const { selector, random } = this.#options;
    const keys = new Set(this.#keys);
    if (this.#progress.version !== undefined) await this.#listNew(keys);
    else if (this.#listsFirst) await this.#listAll(keys);
    const from = this.#progress.resumeFrom;
    const query = {
      ...selector([...keys]),
      timeoutSeconds: String(Math.floor(streamSeconds.least + random() * streamSeconds.spread)),
      ...(from === undefined
        ? { sendInitialEvents: "true", resourceVersionMatch: "NotOlderThan" }
        : { resourceVersion: String(from) }),
    };
    try {
      return { ...(await this.#watch(query)), keys, initial: from === undefined };
    } catch (error) {
      const unsupported = error instanceof ApiError && (error.status === 400 || error.status === 422);
      if (from !== undefined || !unsupported) throw error;
      this.#listsFirst = true;
      return this.#open();
    }
  }

  async #watch(query: Query): Promise<Pick<Stream, "batches" | "abort">> {
    const { api, path, clock } = this.#options;
    const abort = new AbortController();
    const bytes = await this.#bounded(abort, () => api.watch(path, query, abort.signal));
    return { abort, batches: lineBatches(whileHeard(bytes, clock, abort), maxLineBytes) };
  }

  async #listNew(keys: ReadonlySet<string>): Promise<void> {
    const { handler } = this.#options;
    const fresh = [...keys].filter((key) => !this.#covered.has(key));
    for (let at = 0; at < fresh.length; at += keysPerList) {
      const some = fresh.slice(at, at + keysPerList);
      const since = { resourceVersion: String(this.#progress.version), resourceVersionMatch: "NotOlderThan" };
      const { items, version } = await this.#list(some, since);
      for (const item of items) handler.put(item);
      for (const key of some) {
        this.#progress.list(key, version);
        this.#covered.add(key);
      }
      handler.flush();
    }
  }

  async #listAll(keys: ReadonlySet<string>): Promise<void> {
    const { handler } = this.#options;
    const { items, version } = await this.#list([...keys], {});
    handler.begin();
    for (const item of items) handler.put(item);
    this.#complete(keys, version);
    handler.flush();
  }

  async #list(
    keys: readonly string[],
    since: Query,
  ): Promise<{ items: readonly unknown[]; version: number }> {
    const { api, path, selector } = this.#options;
    const abort = new AbortController();
    const answer = await this.#bounded(abort, () =>
      api.list(path, { ...selector(keys), ...since }, abort.signal),
    );
    const list = answer as ListAnswer;
    return { items: list.items ?? [], version: versionOf(list) };
  }

  /** A request that ends when the watch is closed or no answer has come in time. */
  async #bounded<T>(abort: AbortController, request: () => Promise<T>): Promise<T> {
    const close = () => abort.abort();
    const cancel = this.#options.clock.after(answerMs, () =>
      abort.abort(new Error(`no answer within ${answerMs} ms`)),
    );
    this.#closing.signal.addEventListener("abort", close);
    try {
      return await request();
    } finally {
      cancel();
      this.#closing.signal.removeEventListener("abort", close);
    }
  }

  #complete(keys: ReadonlySet<string>, version: number): void {
    this.#covered.clear();
    for (const key of keys) this.#covered.add(key);
    this.#progress.restart(version);
    this.#options.handler.synced(keys);
  }

  /** Tells what a stream says until it ends or another has taken its place; true when it said anything or was replaced. */
  async #read(stream: Stream): Promise<boolean> {
    const { handler } = this.#options;
    let told = false;
    if (stream.initial) handler.begin();
    try {
      for await (const lines of stream.batches) {
        if (this.#current !== stream) return true;
        told = true;
        this.#backoff.reset();
        this.#unanswered.reset();
        for (const line of lines) this.#event(stream, this.#options.parse(line) as WatchEvent);
        handler.flush();
        this.#grow();
      }
      return told || this.#current !== stream;
    } catch (error) {
      if (this.#current !== stream) return true;
      const { reason } = stream.abort.signal;
      throw reason instanceof ApiError ? reason : error;
    } finally {
      stream.abort.abort();
      if (this.#current === stream) this.#current = undefined;
    }
  }

  #event(stream: Stream, { type, object }: WatchEvent): void {
    const { handler, keyOf } = this.#options;
    if (type === "ERROR") throw new ApiError(object.code ?? 500, `watch: ${object.code} ${object.message}`);
    const version = versionOf(object);
    if (type === "BOOKMARK") {
      if (!stream.initial) this.#progress.advance(stream.keys, version);
      else if (object.metadata?.annotations?.["k8s.io/initial-events-end"] === "true") {
        stream.initial = false;
        this.#complete(stream.keys, version);
      }
      return;
    }
    // The state at the beginning is told in no order of versions.
    const news = stream.initial || this.#progress.isNews(keyOf(object), version);
    if (!stream.initial) this.#progress.advance(stream.keys, version);
    if (!news) return;
    if (type === "DELETED") handler.deleted(object);
    else handler.put(object);
  }
}
