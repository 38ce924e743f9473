import { describe, expect, it } from "vitest";
import { Scene } from "./exchange.fixture.ts";
import { type BodyCopy, REPLAY_BYTES } from "./sent-body.ts";
import { FakeEndpoint } from "./streams.fake.ts";
import type { Version } from "./streams.ts";

/** As read of a connection, with memory of its own. */
const read = () => Buffer.from(new ArrayBuffer(REPLAY_BYTES + 1));
const copy: BodyCopy = { begin() {}, body() {}, trailers() {}, broken() {} };

function begun(version: Version, endpointVersion: Version, copies: readonly BodyCopy[] = []): Scene {
  return new Scene({ version, endpoints: [new FakeEndpoint(endpointVersion)], copies });
}

describe("the memory of a body that an exchange hands on", () => {
  it("is freed when both sides speak HTTP/1.1 and have room for more", () => {
    const { exchange, endpoint } = begun(1, 1);
    const [up, down] = [read(), read()];
    const length = up.length;
    expect(exchange.requestBody(up, 0, length, false)).toBe(true);
    endpoint.responds(200);
    expect(exchange.responseBody(down, 0, length, false)).toBe(true);
    expect([up.length, down.length]).toEqual([0, 0]);
    expect(endpoint.got).toHaveLength(length);
  });

  it.each([
    [1, 2],
    [2, 1],
    [2, 2],
  ] satisfies [Version, Version][])(
    "stays where HTTP/2 may hold a part of it: from %i to %i",
    (client, server) => {
      const { exchange, endpoint } = begun(client, server);
      const [up, down] = [read(), read()];
      exchange.requestBody(up, 0, up.length, false);
      endpoint.responds(200);
      exchange.responseBody(down, 0, down.length, false);
      expect([up, down]).toEqual([read(), read()]);
    },
  );

  it("stays while a side has no room: a part of it waits there", () => {
    const { exchange, endpoint, client } = begun(1, 1);
    const [up, down] = [read(), read()];
    endpoint.full = true;
    client.full = true;
    exchange.requestBody(up, 0, up.length, false);
    endpoint.responds(200);
    exchange.responseBody(down, 0, down.length, false);
    expect([up, down]).toEqual([read(), read()]);
  });

  it("stays while the request could be sent again", () => {
    const { exchange } = begun(1, 1);
    const kept = Buffer.from(new ArrayBuffer(REPLAY_BYTES));
    exchange.requestBody(kept, 0, kept.length, false);
    expect([kept.length, exchange.replayable]).toEqual([REPLAY_BYTES, true]);
  });

  it("stays while others get copies of the request", () => {
    const { exchange } = begun(1, 1, [copy]);
    const up = read();
    exchange.requestBody(up, 0, up.length, false);
    expect(up).toEqual(read());
  });

  it("stays when bytes around it are not a part of the body", () => {
    const { exchange, endpoint } = begun(1, 1);
    const down = read();
    endpoint.responds(200);
    exchange.responseBody(down, 1, down.length, false);
    exchange.responseBody(down, 0, down.length - 1, false);
    expect(down).toEqual(read());
  });
});
