import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FakeTime } from "../net/socket.fake.ts";
import { TimerWheel } from "../net/timer-wheel.ts";
import { Exchange } from "./exchange.ts";
import type { ExchangeOwner } from "./exchange-owner.ts";
import { type BodyCopy, REPLAY_BYTES } from "./sent-body.ts";
import { FakeClient, FakeEndpoint, requestHead, responseHead } from "./streams.fake.ts";
import type { UpstreamFailure, Version } from "./streams.ts";

const TIMEOUT_MS = 5_000;

interface Options {
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
class Scene implements ExchangeOwner {
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

const trailers = responseHead(200, "x-end: t");

describe("an exchange", () => {
  it("carries a request and its response, with their trailers", () => {
    const scene = new Scene();
    const { client, endpoint, exchange } = scene;
    client.says("ab");
    client.says("cd");
    client.ends(trailers);
    endpoint.informs();
    endpoint.responds(200, "x");
    endpoint.says("y");
    endpoint.ends(trailers);
    expect([endpoint.got, endpoint.trailer]).toEqual(["abcd$", "t"]);
    expect(client.heard).toEqual(["103", "200", "x", "y", "trailers t"]);
    expect([client.end, endpoint.end, scene.idle, exchange.active]).toEqual(["finish", "complete", 1, false]);
    expect(scene.events).toEqual(["ended 200 -"]);
    expect([exchange.requestBytes, exchange.responseBytes]).toEqual([exchange.head.end + 4, 22]);
    expect(scene.wheel.size).toBe(0);
    expect(scene.objections).toEqual([]);
  });

  const stages: [string, (scene: Scene) => void, boolean][] = [
    ["before its body", () => {}, false],
    ["in its body", ({ client }) => client.says("ab"), false],
    ["after its body", ({ client }) => client.says("ab", true), false],
    ["after an informational response", ({ endpoint }) => endpoint.informs(), false],
    ["after the response's head", ({ endpoint }) => endpoint.responds(200), true],
    ["in the response", ({ endpoint }) => endpoint.responds(200, "x"), true],
    [
      "while its client takes nothing",
      ({ client, endpoint }) => {
        client.full = true;
        endpoint.responds(200, "x");
        endpoint.says("y");
      },
      true,
    ],
    [
      "while its endpoint takes nothing",
      ({ client, endpoint }) => {
        endpoint.full = true;
        client.says("ab");
        client.says("cd");
      },
      false,
    ],
  ];

  it.each(stages)("is given up when its client leaves %s", (_, go) => {
    const scene = new Scene();
    go(scene);
    scene.client.leaves();
    expect(scene.endpoint.end).toBe("aborted");
    expect(scene.events).toEqual(["cancelled", expect.stringMatching(/^ended \d+ DC$/)]);
    expect([scene.client.end, scene.idle, scene.wheel.size]).toEqual(["break 8", 1, 0]);
    expect(scene.objections).toEqual([]);
  });

  it.each(stages)("answers or breaks off when its client's body turns out malformed %s", (_, go, begun) => {
    const scene = new Scene();
    go(scene);
    scene.client.leaves("malformed");
    expect(scene.endpoint.end).toBe("aborted");
    expect(scene.client.heard.at(-1)?.startsWith("reply 400")).toBe(!begun);
    expect(scene.client.end).toBe(begun ? "break 8" : "finish");
    expect(scene.events).toEqual(["cancelled", `ended ${begun ? 200 : 400} DPE`]);
    expect(scene.objections).toEqual([]);
  });

  it.each(stages)("ends when its endpoint fails %s", (_, go, begun) => {
    const scene = new Scene();
    go(scene);
    scene.endpoint.fails("reset", 5);
    expect(scene.client.heard.at(-1) === "reply 503 failed").toBe(!begun);
    // What the endpoint gave as its reason is handed on.
    expect(scene.client.end).toBe(begun ? "break 5" : "finish");
    expect(scene.events.at(-1)).toBe(`ended ${begun ? 200 : 503} UC`);
    expect([scene.endings, scene.idle, scene.wheel.size]).toEqual([1, 1, 0]);
    expect(scene.objections).toEqual([]);
  });

  it.each(stages)("ends when its time is up %s", (_, go, begun) => {
    const scene = new Scene();
    go(scene);
    scene.time.advance(TIMEOUT_MS + 50);
    expect(scene.endpoint.end).toBe("aborted");
    expect(scene.client.heard.at(-1) === "reply 504 upstream request timeout").toBe(!begun);
    expect(scene.client.end).toBe(begun ? "break 2" : "finish");
    expect(scene.events).toEqual(["timed out", `ended ${begun ? 200 : 504} UT`]);
    expect(scene.objections).toEqual([]);
  });

  it.each(stages)("says nothing more once it has ended %s, whatever its client still does", (_, go) => {
    const scene = new Scene();
    go(scene);
    scene.exchange.abandon();
    scene.exchange.reply(503, "enough");
    const { client, exchange } = scene;
    const heard = [...client.heard];
    expect(exchange.requestBody(Buffer.from("late"), 0, 4, false)).toBe(false);
    exchange.requestTrailers(trailers);
    exchange.clientWritable();
    exchange.aborted("gone");
    exchange.aborted("malformed");
    exchange.expire();
    exchange.breakOff();
    exchange.reply(500, "again");
    expect(client.heard).toEqual(heard);
    expect([scene.endings, scene.idle, client.end]).toEqual([1, 1, "finish"]);
    expect(scene.objections).toEqual([]);
  });

  it("ends with its response, though the request goes on", () => {
    const scene = new Scene();
    scene.client.says("ab");
    scene.endpoint.responds(200, "x", true);
    expect([scene.client.end, scene.endpoint.got]).toEqual(["finish", "ab"]);
    expect(scene.events).toEqual(["ended 200 -"]);
  });

  it("answers in place of a response whose head its client cannot take", () => {
    const scene = new Scene();
    scene.client.tooLarge = true;
    scene.endpoint.responds(200, "x");
    expect(scene.client.heard).toEqual(["reply 502 the response's head is larger than the client takes"]);
    expect([scene.client.end, scene.endpoint.end, scene.outcome]).toEqual(["finish", "aborted", "502 UPE"]);
    expect(scene.objections).toEqual([]);
  });

  it("refuses a request whose head its endpoint cannot take", () => {
    const endpoint = new FakeEndpoint();
    endpoint.tooLarge = true;
    const scene = new Scene({ endpoints: [endpoint] });
    expect(scene.client.heard[0]).toMatch(/^reply 431 /);
    expect([scene.client.end, scene.outcome]).toEqual(["finish", "431 DPE"]);
    expect(scene.objections).toEqual([]);
  });

  it("answers a gRPC client in its own terms", () => {
    const scene = new Scene({ fields: ["content-type: application/grpc"], bodiless: true });
    scene.endpoint.fails();
    expect(scene.client.heard).toEqual([
      "reply 200 content-type: application/grpc;grpc-status: 14;grpc-message: failed;",
    ]);
    expect(scene.exchange.outcome).toBe(503);
  });

  it("takes a gRPC request's outcome from its trailers", () => {
    const scene = new Scene({ fields: ["content-type: application/grpc"], bodiless: true });
    scene.endpoint.responds(200, "x");
    scene.endpoint.ends(responseHead(200, "grpc-status: 8"));
    expect(scene.exchange.outcome).toBe(429);
  });
});

describe("a request that is tried again", () => {
  const two = () => [new FakeEndpoint(), new FakeEndpoint()];

  it.each<[string, (endpoint: FakeEndpoint) => void]>([
    ["fails", (endpoint) => endpoint.fails()],
    ["refuses", (endpoint) => endpoint.fails("refused")],
    ["answers with what is retried", (endpoint) => endpoint.responds(503, "no")],
    ["answers whole with what is retried", (endpoint) => endpoint.responds(503, "no", true)],
  ])("is sent as it was when the first endpoint %s", (_, go) => {
    const scene = new Scene({ endpoints: two(), retried: [503] });
    scene.client.says("ab");
    scene.client.says("cd");
    go(scene.endpoint);
    scene.client.says("ef", true);
    scene.endpoint.responds(200, "x", true);
    expect(scene.endpoint.got).toBe("abcdef$");
    expect(scene.client.heard).toEqual(["200", "x$"]);
    expect([scene.outcome, scene.endings]).toEqual(["200 -", 1]);
    expect(scene.objections).toEqual([]);
  });

  it.each([
    [REPLAY_BYTES, true],
    [REPLAY_BYTES + 1, false],
  ])("may have had a body of %d bytes: %s", (length, again) => {
    const scene = new Scene({ endpoints: two() });
    scene.client.says("a".repeat(length - 1));
    scene.client.says("a", true);
    expect(scene.exchange.replayable).toBe(again);
    scene.endpoint.fails();
    expect(scene.client.heard).toEqual(again ? [] : ["reply 503 failed"]);
    if (again) expect(scene.endpoint.got).toBe(`${"a".repeat(length)}$`);
    expect(scene.objections).toEqual([]);
  });

  it("is not one with trailers", () => {
    const scene = new Scene({ endpoints: two() });
    scene.client.ends(trailers);
    scene.endpoint.fails();
    expect(scene.client.heard).toEqual(["reply 503 failed"]);
  });

  it("is given up when trailers come between two tries, and its owner stops waiting for a connection", () => {
    const scene = new Scene({ endpoints: two(), patient: true });
    scene.client.says("ab");
    scene.endpoint.fails();
    scene.client.ends(trailers);
    scene.retry();
    expect(scene.client.heard[0]).toMatch(/^reply 503 the endpoint failed before the request's trailers/);
    expect(scene.events).toEqual(["failed reset", "cancelled", "ended 503 UC"]);
    expect(scene.objections).toEqual([]);
  });

  it("gets what came while it waited for its turn, and holds its client meanwhile", () => {
    const scene = new Scene({ endpoints: two(), patient: true });
    const { client } = scene;
    client.says("ab");
    scene.endpoint.fails();
    client.says("cd");
    client.says("ef");
    expect([client.held, client.waiting]).toEqual([true, "ef"]);
    scene.retry();
    expect([client.held, scene.endpoint.got]).toEqual([false, "abcdef"]);
    client.says("gh", true);
    expect(scene.endpoint.got).toBe("abcdefgh$");
    expect(scene.objections).toEqual([]);
  });

  it("is never sent with a hole: what came beyond the limit between two tries can be sent once", () => {
    const scene = new Scene({ endpoints: [...two(), new FakeEndpoint()], patient: true });
    const { client } = scene;
    client.says("a".repeat(REPLAY_BYTES - 1));
    scene.endpoint.fails();
    client.says("bb");
    scene.retry();
    expect(scene.endpoint.got).toBe(`${"a".repeat(REPLAY_BYTES - 1)}bb`);
    expect(scene.exchange.replayable).toBe(true);
    client.says("cc");
    expect(scene.exchange.replayable).toBe(false);
    scene.endpoint.fails();
    expect(client.heard).toEqual(["reply 503 failed"]);
  });

  it("keeps nothing once its response has begun", () => {
    const scene = new Scene();
    scene.endpoint.responds(200, "x");
    scene.client.says("ab");
    expect(scene.exchange.replayable).toBe(false);
  });

  it.each<[string, Version, readonly string[], string]>([
    ["has no body", 1, [], "$"],
    ["has a body with a length", 1, ["content-length: 4"], "abcd$"],
  ])("goes to an endpoint of the other version where it %s", (_, version, fields, got) => {
    const endpoints = [new FakeEndpoint(1), new FakeEndpoint(2)];
    const scene = new Scene({ version, fields, endpoints, bodiless: got === "$" });
    scene.client.says("ab");
    scene.endpoint.fails();
    scene.client.says("cd", true);
    expect(scene.endpoint.got).toBe(got);
    expect(scene.objections).toEqual([]);
  });

  it("is refused where its chunks were taken as they are and the next endpoint has no such thing", () => {
    const scene = new Scene({ version: 1, endpoints: [new FakeEndpoint(1), new FakeEndpoint(2)] });
    scene.client.says("ab");
    scene.endpoint.fails();
    expect(scene.endpoint.end).toBe("declined");
    expect(scene.client.heard[0]).toMatch(/^reply 503 the next endpoint speaks another version/);
    expect(scene.objections).toEqual([]);
  });

  it("is copied once, with its end", () => {
    const copied: string[] = [];
    const copy: BodyCopy = {
      begin: (_, whole) => copied.push(`begin${whole ? "$" : ""}`),
      body: (bytes, start, end, last) =>
        copied.push(`${bytes.toString("latin1", start, end)}${last ? "$" : ""}`),
      trailers: () => copied.push("trailers"),
      broken: () => copied.push("over"),
    };
    const scene = new Scene({ endpoints: two(), copies: [copy] });
    const { client } = scene;
    client.says("ab");
    scene.endpoint.full = true;
    client.says("cd");
    // The end waits in the client's stream when the next try takes it from there.
    client.says("ef", true);
    scene.endpoint.fails();
    expect(scene.endpoint.got).toBe("abcdef$");
    scene.endpoint.responds(200, "", true);
    expect(copied).toEqual(["begin", "ab", "cd", "ef$", "over"]);
    scene.exchange.requestBody(Buffer.from("late"), 0, 4, true);
    expect(copied.at(-1)).toBe("over");
  });
});

describe("backpressure", () => {
  it("holds the client while its endpoint takes nothing, and goes on after", () => {
    const scene = new Scene();
    const { client, endpoint } = scene;
    endpoint.full = true;
    client.says("ab");
    client.says("cd");
    expect([client.held, endpoint.got]).toEqual([true, "ab"]);
    endpoint.drains();
    expect([client.held, endpoint.got]).toEqual([false, "abcd"]);
  });

  it("holds the client when its endpoint has no room even for the head", () => {
    const endpoint = new FakeEndpoint();
    endpoint.full = true;
    const { client } = new Scene({ endpoints: [endpoint] });
    client.says("ab");
    expect([client.held, endpoint.got]).toEqual([true, ""]);
    endpoint.drains();
    expect([client.held, endpoint.got]).toEqual([false, "ab"]);
  });

  it("holds the endpoint while its client takes nothing, and goes on after", () => {
    const scene = new Scene();
    const { client, endpoint } = scene;
    client.full = true;
    endpoint.responds(200);
    endpoint.says("x");
    expect([endpoint.held, client.heard]).toEqual([true, ["200"]]);
    client.drains();
    expect([endpoint.held, client.heard]).toEqual([false, ["200", "x"]]);
  });

  it("does not outlast the endpoint that caused it", () => {
    const endpoints = [new FakeEndpoint(), new FakeEndpoint()];
    const scene = new Scene({ endpoints });
    const { client } = scene;
    scene.endpoint.full = true;
    client.says("ab");
    expect(client.held).toBe(true);
    scene.endpoint.fails();
    expect(client.held).toBe(false);
    client.says("cd", true);
    expect(scene.endpoint.got).toBe("abcd$");
  });
});

describe("whatever happens, in whatever order", () => {
  type Act = (scene: Scene, text: string) => void;
  const acts: Readonly<Record<string, Act>> = {
    "client says": ({ client }, text) => client.says(text),
    "client says the last": ({ client }, text) => client.says(text, true),
    "client ends": ({ client }) => client.ends(trailers),
    "client leaves": ({ client }) => client.leaves(),
    "client is malformed": ({ client }) => client.leaves("malformed"),
    "client is full": ({ client }) => {
      client.full = true;
    },
    "client drains": ({ client }) => client.drains(),
    "endpoint informs": ({ endpoint }) => endpoint.informs(),
    "endpoint responds": ({ endpoint }, text) => endpoint.responds(200, text),
    "endpoint responds whole": ({ endpoint }, text) => endpoint.responds(200, text, true),
    "endpoint has nothing": ({ endpoint }, text) => endpoint.responds(503, text),
    "endpoint says": ({ endpoint }, text) => endpoint.says(text),
    "endpoint says the last": ({ endpoint }, text) => endpoint.says(text, true),
    "endpoint ends": ({ endpoint }) => endpoint.ends(trailers),
    "endpoint fails": ({ endpoint }) => endpoint.fails(),
    "endpoint refuses": ({ endpoint }) => endpoint.fails("refused"),
    "endpoint is full": ({ endpoint }) => {
      endpoint.full = true;
    },
    "endpoint drains": ({ endpoint }) => endpoint.drains(),
    "retry's turn": (scene) => scene.retry(),
    "time goes by": ({ time }) => time.advance(1_000),
  };
  const frequent = Object.keys(acts).filter((name) => /says$|full|drains|responds$|turn/.test(name));
  const act = fc.oneof(fc.constantFrom(...frequent), fc.constantFrom(...Object.keys(acts)));

  it("a request ends once, nothing comes after, nothing stays paused, and no byte is lost or doubled", () => {
    fc.assert(
      fc.property(
        fc.array(act, { maxLength: 30 }),
        fc.constantFrom<Version>(1, 2),
        fc.boolean(),
        (names, version, patient) => {
          const scene = new Scene({
            version,
            patient,
            retried: [503],
            endpoints: [new FakeEndpoint(version), new FakeEndpoint(version), new FakeEndpoint(version)],
          });
          const { client, exchange } = scene;
          let sent = "";
          for (const [index, name] of names.entries()) {
            const text = `<${index}>`;
            if (/client says/.test(name) && !/\$|!/.test(sent))
              sent += name.endsWith("last") ? `${text}$` : text;
            else if (name === "client ends" && !/\$|!/.test(sent)) sent += "!";
            else if (/^client (says|ends)/.test(name)) continue;
            acts[name]?.(scene, text);
            // Each endpoint has a beginning of what was said, without a hole.
            for (const { got } of scene.endpoints) expect(sent.replace("!", "$").startsWith(got)).toBe(true);
          }
          const { endings } = scene;
          expect(endings).toBe(exchange.active ? 0 : 1);
          client.drains();
          scene.retry();
          scene.working?.drains();
          if (exchange.active && scene.working !== undefined) {
            expect([client.held, scene.working.held, client.waiting]).toEqual([false, false, ""]);
            expect(scene.working.got).toBe(sent.replace("!", "$"));
          }
          if (exchange.active) scene.time.advance(TIMEOUT_MS + 50);
          expect([scene.endings, scene.idle, exchange.active]).toEqual([1, 1, false]);
          expect(client.end).not.toBe("");
          expect(scene.working).toBeUndefined();
          expect(scene.wheel.size).toBe(0);
          expect(scene.objections).toEqual([]);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
