/** An exchange between a client and endpoints that tests play. */
import { FakeTime } from "../net/socket.fake.ts";
import { TimerWheel } from "../net/timer-wheel.ts";
import { Exchange } from "./exchange.ts";
import type { ExchangeOwner } from "./exchange-owner.ts";
import type { BodyCopy } from "./sent-body.ts";
import { FakeClient, FakeEndpoint, requestHead, responseHead } from "./streams.fake.ts";
import type { UpstreamFailure, Version } from "./streams.ts";

/** Of its one request. */
export const TIMEOUT_MS = 5_000;

export interface Options {
  readonly fields?: readonly string[];
  readonly version?: Version;
  readonly bodiless?: boolean;
  /** Tries, one after another. */
  readonly endpoints?: readonly FakeEndpoint[];
  /** Statuses that are tried again. */
  readonly retried?: readonly number[];
  /** A retry waits for `retry`. */
  readonly patient?: boolean;
  readonly copies?: readonly BodyCopy[];
}

/** One request: it goes to one endpoint after another as long as there are some and it can be sent again. */
export class Scene implements ExchangeOwner {
  readonly time = new FakeTime();
  readonly wheel = new TimerWheel(this.time, 10);
  readonly exchange = new Exchange({ wheel: this.wheel, now: () => this.time.now() }, this);
  readonly client: FakeClient;
  readonly events: string[] = [];
  readonly endpoints: readonly FakeEndpoint[];
  endings = 0;
  idle = 0;
  #next = 0;
  #waits = false;
  readonly #options: Options;

  constructor(options: Options = {}) {
    this.#options = options;
    this.endpoints = options.endpoints ?? [new FakeEndpoint()];
    const head = requestHead("POST /", ...(options.fields ?? ["transfer-encoding: chunked"]));
    this.client = new FakeClient(this.exchange, head, options.version, options.bodiless);
    this.exchange.downstream = this.client;
    this.exchange.idle = () => this.idle++;
    this.client.begins();
  }

  get endpoint(): FakeEndpoint {
    const endpoint = this.endpoints[Math.max(0, this.#next - 1)];
    if (endpoint === undefined) throw new Error("there is no endpoint");
    return endpoint;
  }
  /** The endpoint that has the request, if any does. */
  get working(): FakeEndpoint | undefined {
    return this.endpoint.end === "" ? this.endpoint : undefined;
  }
  get objections(): readonly string[] {
    return [...this.client.objections, ...this.endpoints.flatMap(({ objections }) => objections)];
  }
  get outcome(): string {
    return `${this.exchange.status} ${this.exchange.flags}`;
  }

  request(): void {
    this.exchange.limit(TIMEOUT_MS);
    this.exchange.copies = this.#options.copies ?? [];
    this.#send();
  }
  #send(): void {
    const endpoint = this.endpoints[this.#next++];
    if (endpoint === undefined) throw new Error("there is no endpoint left");
    this.exchange.send(endpoint, undefined, 0, "");
  }
  #again(): boolean {
    if (this.#next >= this.endpoints.length || !this.exchange.replayable) return false;
    this.#waits = true;
    return true;
  }
  /** The next try's turn. */
  retry(): void {
    if (!this.#waits || !this.exchange.active) return;
    this.#waits = false;
    this.#send();
  }
  failed(failure: UpstreamFailure): void {
    this.events.push(`failed ${failure.kind}`);
    if (!this.#again()) {
      this.exchange.flags = "UC";
      this.exchange.reply(503, "failed");
    } else if (this.#options.patient !== true) this.retry();
  }
  responding({ status }: { status: number }): boolean {
    if (this.#options.retried?.includes(status) !== true || !this.#again()) return true;
    this.exchange.abandon();
    if (this.#options.patient !== true) this.retry();
    return false;
  }
  cancelled(timedOut: boolean): void {
    this.events.push(timedOut ? "timed out" : "cancelled");
  }
  ended(): void {
    this.endings++;
    this.events.push(`ended ${this.outcome}`);
  }
  refused(): void {}
  tunnel(): void {}
}

export const trailers = responseHead(200, "x-end: t");
