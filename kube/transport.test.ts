import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createFakeClock } from "./clock.fake.ts";
import { systemClock } from "./clock.ts";
import { createTransport } from "./transport.ts";

let server: Server | undefined;
let folder: string | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
  if (folder !== undefined) await rm(folder, { recursive: true });
  server = undefined;
  folder = undefined;
});
async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  server = createServer({ keepAliveTimeout: 0 }, answer);
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/prefix`;
}
const get = { method: "GET", path: "/x", timeoutMs: 5000 };
const open = (url: string, clock = systemClock) =>
  createTransport({ server: url, namespace: "default" }, { userAgent: "weft-test/1", clock });

describe("the transport", () => {
  it("sends everything over one kept-alive connection, below the server's path, with its user agent", async () => {
    const sockets = new Set<unknown>();
    const seen: string[] = [];
    const url = await serve((request, response) => {
      sockets.add(request.socket);
      seen.push(`${request.method} ${request.url} ${request.headers["user-agent"]}`);
      response.end("ok");
    });
    const transport = open(url);
    for (let n = 0; n < 5; n++) expect((await transport.send(get)).body).toBe("ok");
    expect(sockets.size).toBe(1);
    expect(seen[0]).toBe("GET /prefix/x weft-test/1");
    transport.close();
  });

  it("tries once more, on a new connection, when a kept-alive one was closed under it; never for a POST", async () => {
    let requests = 0;
    const url = await serve((request, response) => {
      requests++;
      // Every connection answers once and is cut on its second request.
      if (answered.has(request.socket)) return void request.socket.destroy();
      answered.add(request.socket);
      response.end("ok");
    });
    const answered = new Set<unknown>();
    const transport = open(url);
    await transport.send(get);
    expect((await transport.send(get)).status).toBe(200);
    expect(requests).toBe(3);
    await expect(transport.send({ ...get, method: "POST", body: "{}" })).rejects.toMatchObject({
      name: "ConnectionError",
      code: "ECONNRESET",
    });
    transport.close();
  });

  it("gives up when no answer comes in time", async () => {
    const url = await serve(() => {});
    const clock = createFakeClock();
    const transport = open(url, clock);
    const result = transport.send(get).catch((error: unknown) => error);
    await vi.waitFor(() => expect(clock.pending).toBe(1), 5_000);
    await clock.advance(5000);
    expect(await result).toMatchObject({ name: "ConnectionError", code: "ETIMEDOUT" });
    expect((await result) as Error).toHaveProperty(
      "message",
      expect.stringContaining("no answer within 5000 ms"),
    );
    expect(clock.pending).toBe(0);
    transport.close();
  });

  it("ends a request or a stream with the caller's signal", async () => {
    const url = await serve((_request, response) => void response.write("first\n"));
    const transport = open(url);
    const stop = new AbortController();
    const waiting = transport.send({ ...get, signal: stop.signal }).catch((error: unknown) => error);
    const stream = await transport.open({ ...get, signal: stop.signal });
    const seen: string[] = [];
    const reading = (async () => {
      for await (const chunk of stream.chunks) {
        seen.push(Buffer.from(chunk).toString());
        stop.abort();
      }
    })();
    await reading;
    expect(seen).toEqual(["first\n"]);
    expect(await waiting).toMatchObject({ name: "AbortError" });
    transport.close();
  });

  it("says that nobody answered, and where", async () => {
    const url = await serve(() => {});
    server?.close();
    const transport = open(url);
    await expect(transport.send(get)).rejects.toMatchObject({
      name: "ConnectionError",
      code: "ECONNREFUSED",
    });
    transport.close();
  });

  it("reads a token's file again: after a while, and at once when told that it is stale", async () => {
    const seen: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.end();
    });
    folder = await mkdtemp(join(tmpdir(), "weft-token-"));
    const file = join(folder, "token");
    await writeFile(file, "one\n");
    const clock = createFakeClock();
    const transport = createTransport(
      { server: url, namespace: "default", token: { file } },
      { userAgent: "weft-test/1", clock },
    );
    await transport.send(get);
    await writeFile(file, "two\n");
    await transport.send(get);
    transport.refreshCredentials();
    await transport.send(get);
    await writeFile(file, "three\n");
    await clock.advance(10_000);
    await transport.send(get);
    // A token that vanishes for a moment, as a volume is swapped: the last one serves.
    await rm(file);
    await clock.advance(10_000);
    await transport.send(get);
    expect(seen).toEqual(["Bearer one", "Bearer one", "Bearer two", "Bearer three", "Bearer three"]);
    transport.close();
  });
});
