import { readFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { subset, view } from "../../proxy/config/testdata.ts";
import type { ConnectionPool } from "../../proxy/config/view.ts";
import { exchange, statusOf, TestClient } from "../support/client.ts";
import { eventually } from "../support/poll.ts";
import { TestProxy } from "../support/proxy.ts";
import { application, ok, TestServer } from "../support/server.ts";
import { webAt, webObjects } from "../support/web.ts";

/** Each limit of `connectionPool`, seen by a client and by the application behind a real proxy. */
const GET = "GET /x HTTP/1.1\r\nHost: web\r\n\r\n";

const cleanUp: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of cleanUp.splice(0).reverse()) await each[Symbol.asyncDispose]();
});
function use<T extends AsyncDisposable>(resource: T): T {
  cleanUp.push(resource);
  return resource;
}

/** An application that answers when it is told to, and knows its connections. */
class Held {
  readonly waiting: Socket[] = [];
  requests = 0;
  readonly server: TestServer;
  private constructor(server: TestServer) {
    this.server = server;
  }
  static async start(): Promise<Held> {
    const serve = application((_request, socket) => {
      held.requests++;
      held.waiting.push(socket);
      return undefined;
    });
    const held: Held = new Held(use(await TestServer.start(serve)));
    return held;
  }
  /** Answers the request that has waited for longest. */
  answer(): void {
    this.waiting.shift()?.write(ok("held"));
  }
  get open(): number {
    return this.server.sockets.filter((each) => !each.destroyed && !each.readableEnded).length;
  }
}

const objects = (port: number, pool: Partial<ConnectionPool>, protocol: "http" | "tcp" = "http") => {
  const connectionPool = { connectTimeoutMs: 10_000, ...pool };
  return webObjects([webAt(port)], {
    ports: [{ port: 80, protocol }],
    service: { common: view({ clusters: [subset("", { connectionPool })] }) },
    client: { ports: [{ port, protocol, mtls: "PERMISSIVE", connectionPool }] },
  });
};

/** A proxy in front of the application; `port` is its listener on the side that is tested. */
async function limited(
  side: "outbound" | "inbound",
  port: number,
  pool: Partial<ConnectionPool>,
  protocol: "http" | "tcp" = "http",
): Promise<{ proxy: TestProxy; port: number }> {
  const listener = {
    outbound: { outbound: [{ listen: "127.0.0.1:0", destination: "10.0.0.1:80" }] },
    inbound: { inbound: [{ listen: "127.0.0.1:0", destination: `127.0.0.1:${port}` }] },
  }[side];
  const proxy = use(
    await TestProxy.start({
      file: { ...listener, admin: "127.0.0.1:0" },
      objects: objects(port, pool, protocol),
    }),
  );
  return { proxy, port: proxy.port(side) };
}

async function ask(port: number): Promise<TestClient> {
  const client = await TestClient.open(port);
  cleanUp.push({ [Symbol.asyncDispose]: async () => client[Symbol.dispose]() });
  return client.send(GET);
}

describe.each(["outbound", "inbound"] as const)("on the way %s", (side) => {
  it("a request too many under way is refused at once, and there is room again when one ends", async () => {
    const app = await Held.start();
    const { proxy, port } = await limited(side, app.server.port, { http2MaxRequests: 1 });
    const first = await ask(port);
    await eventually(() => app.requests === 1);
    const refused = await exchange(port, GET);
    expect(statusOf(refused)).toBe(503);
    expect(refused).toContain("x-envoy-overloaded: true\r\n");
    expect(refused).toContain("http2MaxRequests");
    expect(app.requests).toBe(1);
    expect(await proxy.metric("weft_overflows_total", { side, limit: "requests" })).toBe(1);
    expect(await proxy.metric("istio_requests_total", { response_flags: "UO" })).toBe(1);
    app.answer();
    await first.responses(1);
    const next = await ask(port);
    await eventually(() => app.requests === 2);
    app.answer();
    expect(statusOf(await next.responses(1))).toBe(200);
  });

  it("a request waits for the only connection, and one too many that would wait is refused", async () => {
    const app = await Held.start();
    const pool = { maxConnections: 1, http1MaxPendingRequests: 1 };
    const { proxy, port } = await limited(side, app.server.port, pool);
    const first = await ask(port);
    await eventually(() => app.requests === 1);
    const second = await ask(port);
    await eventually(async () => {
      const response = await exchange(port, GET);
      return statusOf(response) === 503 && response.includes("http1MaxPendingRequests");
    });
    expect(await proxy.metric("weft_overflows_total", { side, limit: "pending" })).toBe(1);
    app.answer();
    expect(statusOf(await first.responses(1))).toBe(200);
    await eventually(() => app.requests === 2);
    app.answer();
    expect(statusOf(await second.responses(1))).toBe(200);
    expect(app.server.sockets).toHaveLength(1);
  });

  it("a request whose client leaves while it waits gives its place to the next", async () => {
    const app = await Held.start();
    const { port } = await limited(side, app.server.port, { maxConnections: 1, http1MaxPendingRequests: 1 });
    await ask(port);
    await eventually(() => app.requests === 1);
    const leaver = await ask(port);
    await eventually(async () => statusOf(await exchange(port, GET)) === 503);
    leaver.socket.destroy();
    // Whoever comes when its place is free waits in its stead: it is who comes after that is refused.
    let next = await ask(port);
    await eventually(async () => {
      const after = await ask(port);
      await eventually(() => next.received !== "" || after.received !== "");
      if (next.received === "") return true;
      next = after;
      return false;
    });
    app.answer();
    await eventually(() => app.requests === 2);
    app.answer();
    expect(statusOf(await next.responses(1))).toBe(200);
  });

  it("a connection serves as many requests as it may", async () => {
    const app = await TestServer.start(application(() => ok("fine")));
    use(app);
    const { port } = await limited(side, app.port, { maxRequestsPerConnection: 2 });
    using client = await TestClient.open(port);
    for (let round = 1; round <= 5; round++) {
      expect(statusOf(await client.send(GET).responses(round))).toBe(200);
    }
    expect(app.sockets).toHaveLength(3);
  });

  it("a connection serves no request after its longest life", async () => {
    const app = await Held.start();
    const { port } = await limited(side, app.server.port, { maxConnectionDurationMs: 300 });
    const client = await ask(port);
    await eventually(() => app.requests === 1);
    await sleep(400);
    expect(app.open).toBe(1);
    app.answer();
    expect(statusOf(await client.responses(1))).toBe(200);
    await eventually(() => app.open === 0);
  });

  it("a connection that is idle for too long is closed", async () => {
    const app = await TestServer.start(application(() => ok("fine")));
    use(app);
    const { port } = await limited(side, app.port, { idleTimeoutMs: 200 });
    expect(statusOf(await exchange(port, GET))).toBe(200);
    await eventually(() => app.sockets.every((each) => each.readableEnded), 2_000);
  });
});

describe.each(["outbound", "inbound"] as const)("an opaque connection on the way %s", (side) => {
  /** An application that says everything twice. */
  const echo = async () =>
    use(
      await TestServer.start((socket) =>
        socket.on("data", (data) => socket.write(data)).on("end", () => socket.end()),
      ),
    );

  it("is reset when there are as many as there may be, and taken when one has ended", async () => {
    const app = await echo();
    const { proxy, port } = await limited(side, app.port, { maxConnections: 1 }, "tcp");
    using first = await TestClient.open(port);
    await first.send("one").until((text) => text === "one");
    using second = await TestClient.open(port);
    expect(await second.closed()).toBe("reset");
    expect(app.sockets).toHaveLength(1);
    expect(await proxy.metric("weft_overflows_total", { side, limit: "connections" })).toBe(1);
    expect(await proxy.metric("istio_tcp_connections_opened_total", { response_flags: "UO" })).toBe(1);
    first.socket.end();
    await first.closed();
    await eventually(async () => {
      using third = await TestClient.open(port);
      return (await third.send("three").until((text) => text === "three")) === "three";
    });
  });

  it("ends after its longest life, however busy it is", async () => {
    const app = await echo();
    const { port } = await limited(side, app.port, { maxConnectionDurationMs: 1_000 }, "tcp");
    using client = await TestClient.open(port);
    // Answered by the next: however late this process wakes up, much is said while the connection lives.
    client.socket.on("data", () => client.send("x"));
    client.send("x");
    await client.closed(3_000);
    expect(client.received.length).toBeGreaterThan(5);
    await eventually(() => app.sockets.every((each) => each.destroyed || each.readableEnded));
  });

  it("ends when nobody says anything for too long", async () => {
    const app = await echo();
    const { port } = await limited(side, app.port, { tcpIdleTimeoutMs: 1_500 }, "tcp");
    using client = await TestClient.open(port);
    // In all for longer than it may be silent, each time by a second less: as much as a busy machine may sleep over.
    for (let turn = 1; turn <= 4; turn++) {
      await client.send("x").until((text) => text.length === turn);
      await sleep(500);
    }
    expect(client.ended).toBe("open");
    await client.closed();
  });
});

describe.each(["outbound", "inbound"] as const)("a connection on the way %s", (side) => {
  it("that became a tunnel counts until that ends", async () => {
    const app = await TestServer.start(
      application((request, socket) => {
        if (!request.includes("Upgrade")) return ok("fine");
        socket.removeAllListeners("data");
        return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
      }),
    );
    use(app);
    const { port } = await limited(side, app.port, { maxConnections: 1, http1MaxPendingRequests: 1 });
    using tunnel = await TestClient.open(port);
    tunnel.send("GET /ws HTTP/1.1\r\nHost: web\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    await tunnel.until((text) => text.endsWith("\r\n\r\n"));
    const waiting = await ask(port);
    await eventually(async () => statusOf(await exchange(port, GET)) === 503);
    expect(app.sockets).toHaveLength(1);
    tunnel.socket.destroy();
    expect(statusOf(await waiting.responses(1))).toBe(200);
  });

  it("is probed when it is silent, as tcpKeepalive says", async () => {
    const app = await Held.start();
    const tcpKeepalive = { timeMs: 70_000, intervalMs: 5_000, probes: 3 };
    const { port } = await limited(side, app.server.port, { tcpKeepalive });
    await ask(port);
    await eventually(() => app.requests === 1);
    const local = app.server.sockets[0]?.remotePort ?? 0;
    await eventually(async () => {
      const left = await keepAliveSeconds(local, app.server.port);
      return left > 60 && left <= 70;
    });
  });
});

/**
 * When the kernel probes the connection between these ports next, in seconds; 0 when it will not (/proc/net/tcp).
 * Both ports name it: the kernel gives one ephemeral port to connections to different places.
 */
async function keepAliveSeconds(localPort: number, remotePort: number): Promise<number> {
  const [near, far] = [localPort, remotePort].map(
    (port) => `:${port.toString(16).toUpperCase().padStart(4, "0")}`,
  );
  for (const line of (await readFile("/proc/net/tcp", "utf8")).split("\n")) {
    const [, local, remote, , , timer] = line.trim().split(/\s+/);
    if (timer === undefined || near === undefined || local?.endsWith(near) !== true) continue;
    if (far === undefined || remote?.endsWith(far) !== true) continue;
    const [kind, ticks = "0"] = timer.split(":");
    return kind === "02" ? Number.parseInt(ticks, 16) / 100 : 0;
  }
  return 0;
}

describe("limits that change", () => {
  it("hold for the next request, and for connections that are open already", async () => {
    const app = await Held.start();
    const { proxy, port } = await limited("outbound", app.server.port, { http2MaxRequests: 1 });
    await ask(port);
    await eventually(() => app.requests === 1);
    expect(statusOf(await exchange(port, GET))).toBe(503);
    await proxy.configure(objects(app.server.port, { http2MaxRequests: 2, idleTimeoutMs: 100 }));
    await eventually(async () => {
      const next = await ask(port);
      await next.until((text) => text !== "" || app.requests === 2);
      return app.requests === 2;
    });
    app.answer();
    app.answer();
    await eventually(() => app.open === 0);
  });
});
