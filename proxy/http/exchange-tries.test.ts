import { describe, expect, it } from "vitest";
import { Scene, trailers } from "./exchange.fixture.ts";
import { type BodyCopy, REPLAY_BYTES } from "./sent-body.ts";
import { FakeEndpoint } from "./streams.fake.ts";
import type { Version } from "./streams.ts";

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
