import { describe, expect, it } from "vitest";
import { TestClient } from "../support/client.ts";
import { eventually } from "../support/poll.ts";
import { application, ok, TestServer } from "../support/server.ts";
import { proxyFor } from "../support/web.ts";

/** What becomes of connections when a real proxy is told to end. */
const GET = "GET /x HTTP/1.1\r\nHost: web\r\n\r\n";

describe("a proxy that is told to end", () => {
  it("finishes what runs, closes idle connections, and exits 0", async () => {
    let release: (() => void) | undefined;
    const server = await TestServer.start(
      application((_request, socket) => {
        release = () => socket.write(ok("late"));
        return undefined;
      }),
    );
    await using alone = await proxyFor(server.port);
    using busy = await TestClient.open(alone.port("outbound"));
    using idle = await TestClient.open(alone.port("outbound"));
    busy.send(GET);
    await eventually(() => release !== undefined);
    const exit = alone.stop("SIGTERM");
    expect(await idle.closed()).toBe("end");
    expect(alone.running).toBe(true);
    release?.();
    expect(await busy.responses(1)).toContain("connection: close\r\n\r\nlate");
    expect(await exit).toBe(0);
    await server[Symbol.asyncDispose]();
  });

  it("breaks off what does not end in time, and exits 0", async () => {
    const server = await TestServer.start(() => {});
    await using alone = await proxyFor(server.port);
    using busy = await TestClient.open(alone.port("outbound"));
    busy.send(GET);
    await eventually(() => server.sockets.length > 0);
    expect(await alone.stop("SIGTERM")).toBe(0);
    expect(await busy.closed()).toBe("reset");
    await server[Symbol.asyncDispose]();
  });
});
