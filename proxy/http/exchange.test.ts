import { describe, expect, it } from "vitest";
import { Scene, TIMEOUT_MS, trailers } from "./exchange.fixture.ts";
import { FakeEndpoint, responseHead } from "./streams.fake.ts";

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
    expect(scene.exchange.outcome).toBe(-1);
  });

  it("takes a gRPC request's outcome from its trailers", () => {
    const scene = new Scene({ fields: ["content-type: application/grpc"], bodiless: true });
    scene.endpoint.responds(200, "x");
    scene.endpoint.ends(responseHead(200, "grpc-status: 8"));
    expect(scene.exchange.outcome).toBe(429);
  });
});

describe("what is learned of the endpoint", () => {
  const grpc = ["content-type: application/grpc"];

  it.each<[string, number, readonly string[], (scene: Scene) => void]>([
    ["is the status of a whole response", 404, [], ({ endpoint }) => endpoint.responds(404, "x", true)],
    [
      "is a failure when it breaks off behind the head",
      0,
      [],
      ({ endpoint }) => {
        endpoint.responds(200);
        endpoint.fails();
      },
    ],
    [
      "is a failure when it breaks off in a body",
      0,
      [],
      ({ endpoint }) => {
        endpoint.responds(200, "x");
        endpoint.fails("malformed");
      },
    ],
    [
      "is a failure when it breaks off messages of gRPC",
      0,
      grpc,
      ({ endpoint }) => {
        endpoint.responds(200, "x");
        endpoint.fails();
      },
    ],
    ["is nothing where the proxy answers in its place", -1, [], ({ exchange }) => exchange.reply(503, "no")],
    [
      "is nothing where its client cannot take the head",
      -1,
      [],
      ({ client, endpoint }) => {
        client.tooLarge = true;
        endpoint.responds(200, "x");
      },
    ],
  ])("%s", (_, outcome, fields, go) => {
    const scene = new Scene({ fields, bodiless: true });
    go(scene);
    expect(scene.exchange.active).toBe(false);
    expect(scene.exchange.outcome).toBe(outcome);
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
