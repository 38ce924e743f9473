import { describe, expect, it } from "vitest";
import { createClient } from "./client.ts";
import { createFakeClock } from "./clock.fake.ts";
import { isConflict, isGone } from "./errors.ts";
import { createRateLimiter } from "./limiter.ts";
import { configMaps, leases, namespaces } from "./resources.ts";
import type { Transport, TransportRequest, TransportResponse } from "./transport.ts";

type Answer = { status: number; body?: unknown; headers?: Record<string, string> };

function stand(answers: Answer[], chunks: string[] = []) {
  const clock = createFakeClock();
  const sent: (TransportRequest & { at: number })[] = [];
  let refreshed = 0;
  const transport: Transport = {
    async send(request): Promise<TransportResponse> {
      sent.push({ ...request, at: clock.monotonic() });
      const { status, body = {}, headers = {} } = answers.shift() ?? { status: 200 };
      return { status, headers, body: JSON.stringify(body) };
    },
    async open(request) {
      sent.push({ ...request, at: clock.monotonic() });
      const { status, headers = {} } = answers.shift() ?? { status: 200 };
      return {
        status,
        headers,
        chunks: (async function* () {
          for (const chunk of chunks) yield Buffer.from(chunk);
        })(),
      };
    },
    refreshCredentials: () => {
      refreshed++;
    },
    close() {},
  };
  const limiter = createRateLimiter({ perSecond: 1, burst: 2, clock });
  const config = { server: "https://x", namespace: "default" };
  const client = createClient(config, { userAgent: "weft-test/1.0", clock, transport, limiter });
  return { clock, sent, client, refreshed: () => refreshed };
}
const failure = { kind: "Status", status: "Failure", message: "no", reason: "Conflict", code: 409 };

describe("the client", () => {
  it.each([
    [
      "a core kind in a namespace",
      configMaps,
      { namespace: "a", name: "b" },
      "/api/v1/namespaces/a/configmaps/b",
    ],
    ["a cluster-scoped kind", namespaces, { name: "a" }, "/api/v1/namespaces/a"],
    [
      "a kind of a group",
      leases,
      { namespace: "a", name: "b" },
      "/apis/coordination.k8s.io/v1/namespaces/a/leases/b",
    ],
    [
      "a name that needs escaping",
      configMaps,
      { namespace: "a", name: "b/../c" },
      "/api/v1/namespaces/a/configmaps/b%2F..%2Fc",
    ],
  ] as const)("reads %s", async (_what, resource, target, path) => {
    const { client, sent } = stand([]);
    await client.get(resource, target);
    expect(sent[0]).toMatchObject({ method: "GET", path });
  });

  it("writes with its own name as the field manager, and applies with force", async () => {
    const { client, sent } = stand([]);
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "b", namespace: "a" } };
    await client.apply(configMaps, object, { fieldManager: "me" });
    await client.replace(configMaps, object);
    expect(sent.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "PATCH /api/v1/namespaces/a/configmaps/b?fieldManager=me&force=true",
      "PUT /api/v1/namespaces/a/configmaps/b?fieldManager=weft-test",
    ]);
    expect(sent[0]?.headers?.["content-type"]).toBe("application/apply-patch+yaml");
  });

  it("waits as long as an overloaded server asks, a few times, then gives up with its answer", async () => {
    const busy: Answer = { status: 429, headers: { "retry-after": "2" } };
    const { client, clock, sent } = stand(Array<Answer>(10).fill(busy));
    const result = client.get(configMaps, { namespace: "a", name: "b" }).catch((error: unknown) => error);
    await clock.advance(60_000);
    expect(await result).toMatchObject({ status: 429, retryAfterMs: 2000 });
    expect(sent.map(({ at }) => at)).toEqual([0, 2000, 4000, 6000, 8000, 10_000]);
  });

  it("looks sooner at a server that is starting than it asks for", async () => {
    const starting: Answer = { status: 503, headers: { "retry-after": "5" } };
    const { client, clock, sent } = stand([starting, starting, { status: 200 }]);
    const result = client.get(configMaps, { namespace: "a", name: "b" });
    await clock.advance(10_000);
    await result;
    expect(sent.map(({ at }) => at)).toEqual([0, 200, 600]);
  });

  it("reads its credentials again after a 401, once", async () => {
    const { client, sent, refreshed } = stand([{ status: 401 }, { status: 200 }]);
    await client.get(namespaces, { name: "a" });
    expect([refreshed(), sent.length]).toEqual([1, 2]);
    const rejected = stand([{ status: 401 }, { status: 401 }]);
    await expect(rejected.client.get(namespaces, { name: "a" })).rejects.toMatchObject({ status: 401 });
  });

  it("tells a failure by what was asked, the server's reason and message", async () => {
    const { client } = stand([{ status: 409, body: failure }]);
    const error = await client.get(namespaces, { name: "a" }).catch((caught: unknown) => caught);
    expect(isConflict(error)).toBe(true);
    expect(error).toMatchObject({ message: "GET /api/v1/namespaces/a: no", reason: "Conflict" });
  });

  it("limits its own rate, but never for a lease", async () => {
    const { client, clock, sent } = stand([]);
    const reads = [1, 2, 3, 4].map(() => client.get(namespaces, { name: "a" }));
    const lease = client.get(leases, { namespace: "a", name: "b" });
    await clock.advance(5000);
    await Promise.all([...reads, lease]);
    expect(sent.filter(({ path }) => path.includes("leases")).map(({ at }) => at)).toEqual([0]);
    expect(sent.filter(({ path }) => !path.includes("leases")).map(({ at }) => at)).toEqual([
      0, 0, 1000, 2000,
    ]);
  });
});

describe("a watch", () => {
  const event = (type: string, object: unknown) => `${JSON.stringify({ type, object })}\n`;

  it("yields events however they are cut, and throws the error event's status", async () => {
    const text =
      event("ADDED", { metadata: { name: "ä" } }) +
      event("ERROR", { ...failure, code: 410, reason: "Expired", message: "too old" });
    const { client } = stand([], [...text]);
    const seen: unknown[] = [];
    const watch = async () => {
      for await (const { type, object } of client.watch(configMaps, {}, new AbortController().signal)) {
        seen.push([type, object.metadata.name]);
      }
    };
    const error = await watch().catch((caught: unknown) => caught);
    expect(seen).toEqual([["ADDED", "ä"]]);
    expect(isGone(error)).toBe(true);
  });

  it("asks for bookmarks, and for a streamed list where one is wanted", async () => {
    const { client, sent } = stand([]);
    for await (const _ of client.watch(
      configMaps,
      { sendInitialEvents: true },
      new AbortController().signal,
    ));
    expect(sent[0]?.path).toBe(
      "/api/v1/configmaps?watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
    );
  });
});
