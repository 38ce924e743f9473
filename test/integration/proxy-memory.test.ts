import { execFile } from "node:child_process";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { endpoint, workloadObject } from "../../proxy/config/testdata.ts";
import { eventually } from "../support/poll.ts";
import { TestProxy } from "../support/proxy.ts";
import { TestServer } from "../support/server.ts";
import { CALLS_WEB, callsTo, webObjects } from "../support/web.ts";
import { TestAuthority } from "../support/workload-identity.ts";

/**
 * What a proxy holds for itself while others are slow: anonymous memory, in MB. The limits leave room for the collector, which
 * has no say while the machine is busy with other tests; without bounds in the proxy they take 250 MB and more.
 */
const serverAddress = "127.0.4.1";
const SMALL = "GET /small HTTP/1.1\r\nHost: web\r\n\r\n";
const SMALL_ANSWER = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
/** Answered when all have come, so that each has a connection of its own all the way. */
const HELD = "GET /held HTTP/1.1\r\nHost: web\r\n\r\n";
const REQUEST = "GET / HTTP/1.1\r\nHost: web\r\n\r\n";
const SLOW_READERS = 500;
/** Of a sidecar's limit by default. */
const LIMIT_MB = 128;
let server: TestServer;
/** Connections that wait for the answer to `HELD`. */
const unanswered: Socket[] = [];
/** In front of the server, and in front of a proxy by mutual TLS. */
let plain: TestProxy;
let client: TestProxy;
let peer: TestProxy;

beforeAll(async () => {
  const chunk = Buffer.alloc(256 * 1024, "x");
  server = await TestServer.start((socket) => {
    const go = () => {
      while (!socket.destroyed && socket.write(chunk));
    };
    let answered = false;
    socket.on("drain", go);
    socket.on("data", (bytes: Buffer) => {
      if (answered) return;
      answered = true;
      // A request for a small answer, by which it is known that the connection works.
      if (bytes.includes("GET /small")) {
        answered = false;
        socket.write(SMALL_ANSWER);
        return;
      }
      if (bytes.includes("GET /held")) {
        answered = false;
        unanswered.push(socket);
        return;
      }
      if (bytes.includes("HTTP/1.1")) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100000000000\r\n\r\n");
      go();
    });
  }, serverAddress);
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

/** New ones: what a proxy holds from before would be counted in. */
async function startProxies(): Promise<void> {
  const authority = await TestAuthority.create();
  const identity = await authority.issue("web");
  const ports = [
    { port: 80, protocol: "http" as const },
    { port: 81, protocol: "tcp" as const },
  ];
  const targets = [
    { port: 80, target: server.port },
    { port: 81, target: server.port },
  ];
  const objects = (fields: { mtls: boolean; identity?: string }) =>
    webObjects([endpoint(serverAddress, { ports: targets, ...fields })], { ports });
  const file = callsTo(80, 81);
  plain = await TestProxy.start({ file, objects: objects({ mtls: false }) });
  client = await TestProxy.start({
    file,
    objects: objects({ mtls: true, identity: identity.id }),
    identity: await authority.issue("client"),
  });
  peer = await TestProxy.start({
    file: { mutual: `${serverAddress}:15008`, admin: "127.0.0.1:0" },
    identity,
    objects: [
      workloadObject("demo", "web", {
        mtls: "STRICT",
        ports: [{ port: server.port, protocol: "auto", mtls: "STRICT" }],
      }),
    ],
  });
}

async function stopProxies(): Promise<void> {
  for (const each of [plain, client, peer]) await each?.[Symbol.asyncDispose]();
}

/** Opens so many connections, a few at a time, no faster than they are served, and hands each to `use`. */
async function open(
  port: number,
  count: number,
  use: (socket: Socket) => void,
  served?: () => number,
): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    for (let each = 0; each < 50 && sockets.length < count; each++) {
      const socket = connect({ port, host: "127.0.0.1" });
      socket.on("error", () => {});
      use(socket);
      sockets.push(socket);
    }
    await sleep(15);
    if (served !== undefined)
      await eventually(
        () => sockets.length - served() <= 200,
        15_000,
        () => `${served()} of ${sockets.length} are served`,
      );
  }
  return sockets;
}

async function close(sockets: readonly Socket[], proxies: readonly TestProxy[]): Promise<void> {
  for (const socket of sockets) socket.destroy();
  for (const each of proxies) {
    await eventually(
      async () => (await each.metric("weft_connections_open", { side: "outbound" })) === 0,
      10_000,
    );
  }
}

/** By then it has collected what its start left behind, and the allocator has given that back: seconds, or more on a busy machine. */
const REST_MS = 40_000;

describe("an idle proxy as it is shipped", () => {
  it("holds what an HTTP/1.1 sidecar needs, and nothing that it may need one day", async () => {
    const root = join(import.meta.dirname, "../..");
    await promisify(execFile)(join(root, "hack/image"), ["dist", "proxy"]);
    await using proxy = await TestProxy.start({
      executable: join(root, "dist/proxy/weft-proxy"),
      file: {
        ...CALLS_WEB,
        inbound: [{ listen: "127.0.0.1:0", destination: "127.0.0.1:8080" }],
      },
      objects: webObjects([endpoint(serverAddress, { ports: [{ port: 80, target: server.port }] })]),
    });
    let held = Number.POSITIVE_INFINITY;
    await eventually(
      () => {
        held = proxy.anonymousMegabytes();
        return held < 6.4;
      },
      REST_MS,
      () => `it holds ${held} MB; expected less than 6.4`,
    );
    if (process.env.WEFT_PRINT !== undefined) console.log(`${held} MB, idle`);
  }, 90_000);
});

describe("idle connections", () => {
  beforeAll(startProxies);
  afterAll(stopProxies);

  it.each([
    [10_000, "that have said nothing", "", () => [plain], 3],
    [10_000, "after a request, in plaintext", SMALL, () => [plain], 8],
    [2_000, "after a request, by mutual TLS", HELD, () => [client, peer], 40],
  ] satisfies [number, string, string, () => TestProxy[], number][])(
    "cost little, and so many fit a sidecar's limit: %i %s",
    async (count, _name, request, proxies, limitKilobytes) => {
      const [first] = proxies();
      const before = proxies().map((each) => each.anonymousMegabytes());
      let answers = 0;
      const served = () => (request === HELD ? unanswered.length : answers);
      const sockets = await open(
        first?.port("outbound") ?? 0,
        count,
        (socket) => {
          socket.on("data", () => answers++);
          if (request !== "") socket.write(request);
        },
        request === "" ? undefined : served,
      );
      if (request === HELD) {
        await eventually(
          () => unanswered.length === count,
          15_000,
          () => `${unanswered.length} requests`,
        );
        for (const each of unanswered.splice(0)) each.write(SMALL_ANSWER);
      }
      await eventually(
        () => request === "" || answers === count,
        15_000,
        () => `${answers} answers`,
      );
      for (const [at, each] of proxies().entries()) {
        const held = each.anonymousMegabytes();
        const kilobytes = ((held - (before[at] ?? 0)) * 1024) / count;
        if (process.env.WEFT_PRINT !== undefined) console.log(`${held} MB, ${kilobytes} KB a connection`);
        expect(kilobytes).toBeLessThan(limitKilobytes);
        expect(held).toBeLessThan(LIMIT_MB);
      }
      await close(sockets, [first as TestProxy]);
    },
    120_000,
  );
});

const cases: [name: string, kind: "outbound" | "outbound1", proxies: () => TestProxy[], limit: number][] = [
  ["HTTP in plaintext", "outbound", () => [plain], 140],
  ["opaque TCP in plaintext", "outbound1", () => [plain], 140],
  ["HTTP by mutual TLS", "outbound", () => [client, peer], 150],
  ["opaque TCP by mutual TLS", "outbound1", () => [client, peer], 150],
];

describe(`${SLOW_READERS} slow readers of a fast server`, () => {
  beforeAll(startProxies);
  afterAll(stopProxies);

  it.each(cases)(
    "do not make the proxy gather their bytes: %s",
    async (_name, listener, proxies, limit) => {
      const [first] = proxies();
      let received = 0;
      const sockets = await open(first?.port(listener) ?? 0, SLOW_READERS, (socket) => {
        socket.write(REQUEST);
        socket.on("data", (bytes: Buffer) => {
          received += bytes.length;
          socket.pause();
          setTimeout(() => socket.resume(), 300);
        });
      });
      let most = 0;
      const until = performance.now() + 5_000;
      while (performance.now() < until) {
        for (const each of proxies()) most = Math.max(most, each.anonymousMegabytes());
        await sleep(100);
      }
      // Nobody starves.
      expect(received / SLOW_READERS).toBeGreaterThan(64 * 1024);
      await close(sockets, proxies());
      if (process.env.WEFT_PRINT !== undefined) console.log(`${most} MB at most`);
      expect(most).toBeLessThan(limit);
    },
    40_000,
  );

  it("leave others their speed", async () => {
    const sockets = await open(plain.port("outbound"), SLOW_READERS, (socket) => {
      socket.write(REQUEST);
      socket.pause();
    });
    // Until all that lies on the way to them is full, the machine is busy with that.
    const written = () => server.sockets.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0);
    await eventually(async () => {
      const before = written();
      await sleep(500);
      return before > 0 && written() === before;
    }, 30_000);
    let received = 0;
    const [fast] = await open(plain.port("outbound"), 1, (socket) => {
      socket.write(REQUEST);
      socket.on("data", (bytes: Buffer) => {
        received += bytes.length;
      });
    });
    await eventually(
      () => received > 20_000_000,
      10_000,
      () => `received ${received}`,
    );
    await close([...sockets, ...(fast === undefined ? [] : [fast])], [plain]);
  }, 60_000);
});
